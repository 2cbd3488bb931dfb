// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Values in the layouts that konserve had before `.ksv` files, and how they
/// become blobs:
///
///     before 0.5   UUID          Fressian [[key] value]
///                  B_UUID        the bytes of a binary; its key is not stored
///     0.5          meta/UUID     Fressian {:key key, :format :edn or :binary}
///                  data/UUID     Fressian value, or the bytes of a binary
///
/// A key with a blob has no other value: what is left of it in an old layout
/// was overwritten, or has been moved by a process that was killed.

#pragma once

#include "larder/detail/konserve/names.hpp"
#include "larder/detail/konserve/state.hpp"
#include "larder/konserve/migration.hpp"
#include "larder/value.hpp"

#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace larder::detail::ksv {

/// Returns the file of an old layout that has the value of a key, if any.
/// @pre the key has no blob
expected<std::optional<file_id>> find_old(const store_state& state,
                                          const uuid& id);

/// Why such a file cannot be used as it is.
error needs_migration(const file_id& file);

/// Why a binary before 0.5 cannot be moved without being asked for.
error needs_key(const file_id& file);

/// A value on its way from an old layout into a blob.
struct relocation {
  /// @param key the one asked for, if any: only with it a binary before 0.5 can
  ///        be moved
  explicit relocation(const file_id& from,
                      std::optional<value> key = std::nullopt)
    : from(from), key(std::move(key)) {
    // nop
  }

  file_id from;
  std::optional<value> key;

  /// What has become of it: nothing if it was another process, or a write, that
  /// has made the key's blob, else whether it was moved.
  expected<std::optional<bool>> outcome{std::optional<bool>{true}};
};

/// Makes blobs of values in old layouts, and removes these when the blobs are
/// durable. What a process that is killed leaves behind loses nothing.
/// @param moves the files of one key stand together
/// @pre the caller is writing and holds the keys' fences
void move_all(store_state& state, std::span<relocation> moves);

/// Takes the locks, then moves.
void lock_and_move_all(store_state& state, std::span<relocation> moves);

/// Moves the value of a key that has no blob, or refuses to if the store was
/// not opened for that.
/// @pre the caller is writing and holds the key's fence
/// @returns whether there is a blob now; `unsupported`, `io_error`,
///          `corruption`
expected<bool> move_or_refuse(store_state& state, const uuid& id,
                              const value& key);

/// Removes what a key has in old layouts, for good. To be called before its
/// blob is removed.
/// @pre the caller is writing and holds the key's fence
expected<void> remove_old(store_state& state, const uuid& id);

/// As `konserve::migrate`.
expected<konserve::migration_counts> migrate_all(
  store_state& state,
  const std::function<bool(const konserve::migration_counts&)>& progress);

} // namespace larder::detail::ksv
