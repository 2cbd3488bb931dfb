// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What making backups and restoring them have in common.

#pragma once

#include "larder/backup.hpp"
#include "larder/chain.hpp"
#include "larder/detail/raw_taker.hpp"
#include "larder/error.hpp"

#include <chrono>
#include <cstdint>
#include <optional>

namespace larder::detail {

/// Whether an error of one key is that of all keys: to go on is no use.
constexpr bool concerns_all_keys(errc code) noexcept {
  return code == errc::unavailable || code == errc::closed
         || code == errc::timeout || code == errc::overloaded
         || code == errc::unknown_encryption_key;
}

/// Milliseconds since 1970.
inline int64_t wall_clock() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch())
    .count();
}

/// How to decode the blobs of an archive.
chain_config decoding(const restore_options& options);

/// Copies keys out of a stream that is read once.
/// @param raw what `to` takes over; nothing: all is decoded
/// @returns errors as `restore`
expected<void> copy_records(blocking_client& to, archive_reader::source_fn from,
                            const restore_options& options,
                            const std::optional<raw_form>& raw,
                            restore_counts& counts);

/// Told of a key that was compared.
enum class comparison : uint8_t { same, expired, different };

using compared_fn = std::function<void(const value& key, comparison result,
                                       int64_t last_write)>;

/// Compares all keys of a stream that is read once with those of `with`.
/// @param tell gets the later of both times of the last write
/// @returns errors that concern all keys
expected<void> compare_records(blocking_client& with,
                               archive_reader::source_fn from,
                               const restore_options& options,
                               const compared_fn& tell);

} // namespace larder::detail
