// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/detail/file/intent.hpp"
#include "larder/detail/file/lock.hpp"
#include "larder/detail/file/ops.hpp"
#include "larder/error.hpp"
#include "larder/uuid.hpp"

#include <atomic>
#include <mutex>
#include <optional>
#include <string>

namespace larder::detail {

struct file_config;

/// Makes groups of changes to files atomic, for readers and over crashes.
///
/// All that a group needs is staged and durable before a record of it is; from
/// then on the group will be carried out, by its writer or by whoever finds the
/// record of a writer that is gone. At most one record exists at a time. What
/// stage it is in stands in a number in the file `lock` (`group_word`), whose
/// two low bits are
///
/// - 0 `idle`: there is no record;
/// - 1 `recorded`: there may be one, and no file was changed yet;
/// - 2 `applying`: some files were changed, perhaps;
/// - 3 `applied`: all were, and the record is there still,
///
/// and which grows with each record. It is never synced: after a crash of the
/// machine the record itself is looked for.
///
/// The group lock is held by the writer: exclusively, from `applied` on shared.
/// So whoever holds it exclusively and does not find `idle` knows that the
/// writer is gone. Writers of single files must not touch files of a record:
/// they look at the number after they have locked their directories. As the
/// writer of a record holds its directories too, it is either the record of
/// somebody who is gone, or of other directories.
class group_gate {
public:
  /// @param config, ops, lock outlive this object
  group_gate(const file_config& config, file_ops& ops, store_lock& lock,
             const uuid& id);

  /// Carries out what a crash has left.
  /// @returns `corruption` for a damaged record, `io_error`
  expected<void> open();

  // -- for readers ------------------------------------------------------------

  /// Returns how often groups have become visible. Waits while one is half
  /// visible, and carries out one whose writer is gone. Any thread.
  expected<uint64_t> version();

  /// Calls `f` until no group has become visible meanwhile. Any thread.
  template <class F>
  expected<void> read_whole(F f) {
    for (int i = 0; i < max_attempts; ++i) {
      auto before = version();
      if (!before)
        return fail(before.error());
      f();
      auto after = version();
      if (!after)
        return fail(after.error());
      if (*before == *after)
        return {};
    }
    // Writers are faster all the time: keep them out.
    std::lock_guard guard{mutex_};
    auto ok = keep_out();
    if (ok)
      f();
    let_in();
    return ok;
  }

  // -- for writers, who hold `file_state::writing` ----------------------------

  /// Makes sure that no record tells of files in the directories that the
  /// caller has locked.
  expected<void> settle();

  /// Makes the groups durable. After success they will be carried out, also
  /// after a crash, and the caller has to do so at once.
  /// @returns an error with data loss if it is not certain that they will not:
  ///          then their staging files must be left where they are
  expected<void> record(const intent& changes);

  /// All changes have been made, though not synced: lets readers go on.
  expected<void> applied();

  /// All changes are durable: removes the record.
  expected<void> finish();

  /// Makes the entries of the store's directory durable if anything is to be.
  /// A sync that failed is never repeated: then no group and no new directory
  /// is made any more.
  expected<void> sync_root();

  /// Lets no group go on because a sync failed that must not be repeated.
  void give_up() noexcept;

  /// Lets go of the groups under way, if any. If they are not finished, the
  /// next one to come will finish them.
  void release() noexcept;

private:
  /// How often a reader of several keys tries without keeping writers out.
  static constexpr int max_attempts = 10;

  enum phase : uint64_t { idle, recorded, applying, applied_phase };

  expected<void> keep_out();
  void let_in() noexcept;

  expected<void> prepare();
  expected<void> write_record(bytes_view data);
  expected<void> write_staged_record(bytes_view data);
  expected<void> remove_record(bool durably);

  enum class reason { word, files };
  expected<void> recover(reason why);
  expected<void> recover_locked();
  expected<void> replay(uint64_t word, const intent& changes);
  expected<std::optional<intent>> read_record() const;

  expected<void> sync(const std::string& dir);
  expected<bool> exists(const std::string& path) const;

  const file_config& config_;
  file_ops& ops_;
  store_lock& lock_;
  const uuid id_;
  std::string path_;
  std::string staging_path_;

  /// Held while the group lock is taken or waited for, because all threads of
  /// this object hold that as one; by a writer until `applied`.
  std::mutex mutex_;
  std::atomic<bool> failed_ = false;

  // -- of the groups under way ------------------------------------------------

  std::unique_lock<std::mutex> holding_{mutex_, std::defer_lock};
  bool under_way_ = false; ///< changed only while holding the mutex
  bool has_erases_ = false;
  uint64_t base_ = 0;
};

} // namespace larder::detail
