// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "commit.hpp"

#include "content.hpp"
#include "read.hpp"
#include "stage.hpp"
#include "tree.hpp"

#include "larder/detail/blob_part.hpp"
#include "larder/groups.hpp"

#include <algorithm>
#include <new>

namespace larder::detail {

namespace {

using blob_ptr = std::shared_ptr<const bytes>;

/// A mutation on its way.
struct change {
  std::optional<error> problem;
  lmdb_staged_blob* staged = nullptr;
  bool existed = false;
  uint64_t old_generation = 0;
};

/// Takes one batch through a transaction, again if that is begun again.
class lmdb_commit {
public:
  lmdb_commit(const lmdb_environment& env, std::span<mutation> batch)
    : env_(env), batch_(batch), changes_(batch.size()) {
    // nop
  }

  /// Makes all changes whose conditions hold.
  int apply(MDB_txn* txn) {
    changes_.assign(batch_.size(), {});
    auto rc = 0;
    for_each_group(batch_, [&](std::span<const size_t> group) {
      for (auto i : group)
        if (rc == 0)
          rc = check(txn, batch_[i], changes_[i]);
      if (rc != 0 || spread(group))
        return;
      for (auto i : group)
        if (rc == 0)
          rc = change_key(txn, batch_[i], changes_[i]);
    });
    return rc;
  }

  /// Returns the outcomes after the transaction was committed, or has failed.
  std::vector<commit_outcome> outcomes(const expected<void>& committed) {
    std::vector<commit_outcome> result;
    result.reserve(batch_.size());
    for (auto& x : changes_) {
      if (committed && x.problem) {
        result.push_back(fail(std::move(*x.problem)));
      } else if (committed) {
        if (x.staged)
          x.staged->committed();
        result.push_back(commit_result{x.existed});
      } else {
        if (x.staged && committed.error() != errc::limit_exceeded)
          x.staged->failed();
        result.push_back(fail(committed.error()));
      }
    }
    return result;
  }

private:
  static void refuse(change& x, errc code, std::string why) {
    if (!x.problem)
      x.problem = error{code, std::move(why)};
  }

  bool spread(std::span<const size_t> group) {
    return spread_failure(
      group, [this](size_t i) { return changes_[i].problem.has_value(); },
      [this](size_t i, error why) { changes_[i].problem = std::move(why); });
  }

  int check(MDB_txn* txn, const mutation& x, change& out) const {
    if (auto ok = lmdb_check_key(x.key); !ok)
      out.problem = ok.error();
    else if (auto ok = check_content(x, out); !ok)
      out.problem = ok.error();
    if (out.problem)
      return 0;
    std::optional<lmdb_record> found;
    auto rc = lmdb_find(txn, x.key, found);
    if (rc != 0 && rc != MDB_NOTFOUND)
      return rc;
    out.existed = rc == 0;
    out.old_generation = found ? found->generation : 0;
    check_condition(txn, x.condition, found, out);
    return 0;
  }

  expected<void> check_content(const mutation& x, change& out) const {
    if (auto* blob = std::get_if<blob_ptr>(&x.content); blob && !*blob)
      return fail(errc::invalid_argument, "no blob to put");
    auto* staged = std::get_if<std::shared_ptr<staged_blob>>(&x.content);
    if (!staged)
      return {};
    out.staged = dynamic_cast<lmdb_staged_blob*>(staged->get());
    if (!out.staged)
      return fail(errc::invalid_argument, "not a blob staged here");
    return out.staged->check_complete(env_, x.key);
  }

  /// @param found nothing also for a damaged record, which can be replaced
  static void check_condition(MDB_txn* txn, const precondition& x,
                              const std::optional<lmdb_record>& found,
                              change& out) {
    if (x.type == precondition::kind::none)
      return;
    auto absent = x.type == precondition::kind::absent;
    if (absent && out.existed)
      refuse(out, errc::precondition_failed, "the key exists");
    if (absent)
      return;
    if (!out.existed) {
      refuse(out, errc::precondition_failed, "the key does not exist");
      return;
    }
    lmdb_head head;
    if (!found || lmdb_read_head(txn, *found, head) != 0)
      refuse(out, errc::corruption, "what the key has is damaged");
    else if (!has_revision(head.view(), x.rev))
      refuse(out, errc::precondition_failed, "the key has another revision");
  }

  static int change_key(MDB_txn* txn, const mutation& x, const change& info) {
    if (std::holds_alternative<keep>(x.content))
      return 0;
    if (auto rc = lmdb_remove_chunks(txn, info.old_generation); rc != 0)
      return rc;
    if (info.staged)
      return info.staged->put(txn);
    if (auto* blob = std::get_if<blob_ptr>(&x.content))
      return put_blob(txn, x.key, **blob);
    return info.existed ? lmdb_erase(txn, x.key) : 0;
  }

  static int put_blob(MDB_txn* txn, const std::string& key, bytes_view blob) {
    auto first = lmdb_inline_size(key.size(), blob);
    lmdb_record record{blob.size(), 0, blob.first(first)};
    if (first < blob.size()) {
      if (auto rc = lmdb_next_generation(txn, record.generation); rc != 0)
        return rc;
      auto rest = blob.subspan(first);
      if (auto rc = lmdb_put_chunks(txn, record.generation, 0, rest); rc != 0)
        return rc;
    }
    return lmdb_put(txn, key, record);
  }

  const lmdb_environment& env_;
  std::span<mutation> batch_;
  std::vector<change> changes_;
};

bool puts(const mutation& x) {
  return !std::holds_alternative<std::monostate>(x.content)
         && !std::holds_alternative<keep>(x.content);
}

uint64_t size_of(std::span<const mutation> batch) {
  uint64_t result = 0;
  for (auto& x : batch)
    if (auto* blob = std::get_if<blob_ptr>(&x.content); blob && *blob)
      result += (*blob)->size();
  return result;
}

} // namespace

// -- lmdb_committer -----------------------------------------------------------

std::vector<commit_outcome> lmdb_committer::commit(std::span<mutation> batch) {
  request mine{batch, {}};
  {
    std::unique_lock guard{mutex_};
    waiting_.push_back(&mine);
    changed_.wait(guard, [&] { return mine.done || !busy_; });
    if (!mine.done) {
      // The first that finds nobody at work does the work of all.
      busy_ = true;
      auto all = std::exchange(waiting_, {});
      guard.unlock();
      try {
        run(all);
      } catch (const std::bad_alloc&) {
        // How far it came is not known; who has no outcomes says so.
      }
      guard.lock();
      busy_ = false;
      for (auto* x : all)
        x->done = true;
      changed_.notify_all();
    }
  }
  if (mine.outcomes.size() != batch.size())
    return {batch.size(), fail(errc::io_error, "out of memory", true)};
  return std::move(mine.outcomes);
}

void lmdb_committer::run(std::span<request* const> requests) {
  std::vector<lmdb_commit> commits;
  commits.reserve(requests.size());
  auto options = options_;
  auto only_erases = true;
  for (auto* x : requests) {
    commits.emplace_back(*env_, x->batch);
    options.size_hint += size_of(x->batch);
    only_erases = only_erases
                  && std::none_of(x->batch.begin(), x->batch.end(), puts);
  }
  // A full store must still let go of keys, which takes some pages.
  if (only_erases && options.max_size != 0)
    options.max_size += lmdb_environment::initial_size;
  auto ok = env_->write(options, [&](MDB_txn* txn) {
    for (auto& x : commits)
      if (auto rc = x.apply(txn); rc != 0)
        return rc;
    return 0;
  });
  // One that does not fit must not keep the others out.
  if (!ok && ok.error() == errc::limit_exceeded && requests.size() > 1) {
    for (auto& x : requests)
      run({&x, 1});
    return;
  }
  for (size_t i = 0; i < requests.size(); ++i)
    requests[i]->outcomes = commits[i].outcomes(ok);
}

} // namespace larder::detail
