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
  uint64_t old_size = 0; ///< of its chunks
};

/// Failures that may be the fault of one mutation. On a medium that is full the
/// small ones may fit.
bool may_be_of_one(const error& x) {
  return !x.data_loss()
         && (x == errc::corruption || x == errc::limit_exceeded
             || x == errc::io_error || x == errc::internal);
}

/// Takes one batch through a transaction, again if that is begun again.
class lmdb_commit {
public:
  lmdb_commit(const lmdb_environment& env, std::span<mutation> batch)
    : env_(env), batch_(batch), changes_(batch.size()) {
    // nop
  }

  std::span<const mutation> batch() const noexcept {
    return batch_;
  }

  /// Makes all changes whose conditions hold.
  int apply(MDB_txn* txn) {
    auto rc = 0;
    for_each_group(batch_, [&](std::span<const size_t> group) {
      if (rc == 0)
        rc = apply(txn, group);
    });
    return rc;
  }

  /// Does so for mutations that succeed or fail together.
  int apply(MDB_txn* txn, std::span<const size_t> group) {
    culprit_ = group.front();
    for (auto i : group)
      changes_[i] = {};
    for (auto i : group)
      if (auto rc = check(txn, batch_[i], changes_[i]); rc != 0)
        return blame(i, rc);
    if (spread(group))
      return 0;
    for (auto i : group)
      if (auto rc = change_key(txn, batch_[i], changes_[i]); rc != 0)
        return blame(i, rc);
    return 0;
  }

  /// Notes that the transaction with a group, and no other, has failed.
  void fail_group(std::span<const size_t> group, const error& why) {
    // What was found before may rest on changes that did not happen.
    for (auto i : group)
      changes_[i].problem.reset();
    if (why == errc::corruption) {
      changes_[culprit_].problem = why;
      spread(group);
      return;
    }
    for (auto i : group) // it is too much as a whole
      changes_[i].problem = why;
  }

  /// Notes that the transaction with the whole batch has failed.
  void fail_all(const error& why) {
    for (auto& x : changes_)
      x.problem = why;
  }

  /// Returns the outcomes when all was tried.
  std::vector<commit_outcome> outcomes() {
    std::vector<commit_outcome> result;
    result.reserve(batch_.size());
    for (auto& x : changes_) {
      if (x.problem) {
        if (x.staged && !leaves_staged(x.problem->code()))
          x.staged->failed();
        result.push_back(fail(std::move(*x.problem)));
      } else {
        if (x.staged)
          x.staged->committed();
        result.push_back(commit_result{x.existed});
      }
    }
    return result;
  }

private:
  /// Whether a staged blob may be committed again after such an error.
  static bool leaves_staged(errc code) {
    return code == errc::precondition_failed || code == errc::conflict
           || code == errc::limit_exceeded || code == errc::invalid_argument;
  }

  int blame(size_t index, int rc) {
    culprit_ = index;
    return rc;
  }

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
    if (found) {
      out.old_generation = found->generation;
      out.old_size = found->blob_size - found->head.size();
    }
    check_condition(txn, x.condition, found, out);
    return 0;
  }

  expected<void> check_content(const mutation& x, change& out) const {
    if (auto* blob = std::get_if<blob_ptr>(&x.content))
      return *blob ? lmdb_check_blob_size((*blob)->size())
                   : fail(errc::invalid_argument, "no blob to put");
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
    auto rc = lmdb_remove_chunks(txn, info.old_generation, info.old_size);
    if (rc != 0)
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
  size_t culprit_ = 0; ///< the mutation at which the last try has failed
};

/// Mutations of one of the batches that succeed or fail together.
struct unit {
  lmdb_commit* commit;
  std::vector<size_t> members;
};

bool puts(const mutation& x) {
  return !std::holds_alternative<std::monostate>(x.content)
         && !std::holds_alternative<keep>(x.content);
}

uint64_t size_of(const mutation& x) {
  auto* blob = std::get_if<blob_ptr>(&x.content);
  return blob && *blob ? (*blob)->size() : 0;
}

/// Commits what was gathered, as one transaction if that can be.
class work {
public:
  work(lmdb_environment& env, const lmdb_write_options& options)
    : env_(env), options_(options) {
    // nop
  }

  /// The objects stay where they are.
  void run(std::span<lmdb_commit> commits) {
    load all;
    for (auto& x : commits)
      for (auto& y : x.batch())
        all.add(y);
    auto ok = env_.write(options_for(all), [&](MDB_txn* txn) {
      for (auto& x : commits)
        if (auto rc = x.apply(txn); rc != 0)
          return rc;
      return 0;
    });
    if (ok)
      return;
    if (!may_be_of_one(ok.error())) {
      for (auto& x : commits)
        x.fail_all(ok.error());
      return;
    }
    std::vector<unit> units;
    for (auto& x : commits)
      for_each_group(x.batch(), [&](std::span<const size_t> group) {
        units.push_back({&x, {group.begin(), group.end()}});
      });
    if (units.size() == 1)
      fail_all(units, ok.error());
    else
      run_halves(units);
  }

private:
  /// What a transaction has to do.
  struct load {
    uint64_t size = 0;
    bool only_erases = true;

    void add(const mutation& x) {
      size += size_of(x);
      only_erases = only_erases && !puts(x);
    }
  };

  lmdb_write_options options_for(const load& x) const {
    auto result = options_;
    result.size_hint += x.size;
    if (x.only_erases) // a full store must still let go of keys
      result.reserve = lmdb_environment::initial_size;
    return result;
  }

  /// Finds those that are to blame in few steps when they are few.
  void run_halves(std::span<const unit> units) {
    auto middle = units.size() / 2;
    run_units(units.first(middle));
    run_units(units.subspan(middle));
  }

  void run_units(std::span<const unit> units) {
    load all;
    for (auto& x : units)
      for (auto i : x.members)
        all.add(x.commit->batch()[i]);
    auto ok = env_.write(options_for(all), [&](MDB_txn* txn) {
      for (auto& x : units)
        if (auto rc = x.commit->apply(txn, x.members); rc != 0)
          return rc;
      return 0;
    });
    if (!ok && units.size() > 1 && may_be_of_one(ok.error()))
      run_halves(units);
    else if (!ok)
      fail_all(units, ok.error());
  }

  static void fail_all(std::span<const unit> units, const error& why) {
    for (auto& x : units)
      x.commit->fail_group(x.members, why);
  }

  lmdb_environment& env_;
  const lmdb_write_options& options_;
};

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
  for (auto* x : requests)
    commits.emplace_back(*env_, x->batch);
  work{*env_, options_}.run(commits);
  for (size_t i = 0; i < requests.size(); ++i)
    requests[i]->outcomes = commits[i].outcomes();
}

} // namespace larder::detail
