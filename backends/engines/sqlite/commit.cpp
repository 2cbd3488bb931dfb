// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "commit.hpp"

#include "read.hpp"
#include "schema.hpp"

#include "larder/detail/blob_part.hpp"
#include "larder/detail/exceptions.hpp"
#include "larder/groups.hpp"

namespace larder::detail::sqlite {

namespace {

using blob_ptr = std::shared_ptr<const bytes>;

error invalid(std::string message) {
  return {errc::invalid_argument, std::move(message)};
}

error too_large(const char* what, uint64_t max) {
  return {errc::limit_exceeded, std::string{what} + " has more than "
                                  + std::to_string(max) + " bytes"};
}

/// Where the column `head` of a blob ends: behind the metadata, unless that is
/// too large for a row.
size_t head_size(bytes_view blob) {
  auto hdr = header::decode(blob);
  uint64_t result = header::max_size;
  if (hdr && hdr->value_offset() <= max_inline_size)
    result = std::max<uint64_t>(result, hdr->value_offset());
  return static_cast<size_t>(std::min<uint64_t>(result, blob.size()));
}

/// A mutation on its way.
struct step {
  const mutation* what = nullptr;
  const blob_ptr* blob = nullptr;
  staged* source = nullptr;
  std::optional<error> refusal; // before anything was looked at
  std::optional<error> problem;
  std::optional<int64_t> row; // of the key, if it exists
  std::optional<int64_t> old_chunks;

  bool erases() const noexcept {
    return std::holds_alternative<std::monostate>(what->content);
  }

  void drop(error x) {
    if (!problem)
      problem = std::move(x);
  }
};

// -- one transaction ----------------------------------------------------------

/// The mutations that succeed or fail together.
using group = std::vector<step*>;

/// Carries out groups in one transaction.
class transaction {
public:
  explicit transaction(writer& out) : out_(out) {
    // nop
  }

  ~transaction() {
    out_.rollback();
  }

  transaction(const transaction&) = delete;
  transaction& operator=(const transaction&) = delete;

  /// Checks and changes all, or nothing if that is an error. Otherwise what
  /// became of each mutation is in its step.
  expected<void> run(std::span<group> groups) {
    if (auto ok = out_.begin(true); !ok)
      return ok;
    auto changes = false;
    for (auto& members : groups) {
      for (auto* x : members) {
        x->problem = x->refusal;
        if (x->problem)
          continue;
        auto ok = check(*x);
        if (!ok && !out_.conn().in_transaction())
          return ok; // SQLite has ended it
        if (!ok)
          x->drop(ok.error());
      }
      if (spread(members))
        continue;
      for (auto* x : members) {
        if (std::holds_alternative<keep>(x->what->content))
          continue;
        if (auto ok = apply(*x); !ok)
          return ok;
        changes = true;
      }
    }
    if (!changes)
      return {};
    return out_.commit();
  }

private:
  static bool spread(group& members) {
    auto failed = [](step* x) { return x->problem.has_value(); };
    if (std::none_of(members.begin(), members.end(), failed))
      return false;
    for (auto* x : members)
      x->drop({errc::conflict, "another mutation of the same group failed"});
    return true;
  }

  /// Looks the key up and compares it with the precondition.
  expected<void> check(step& x) {
    x.row.reset();
    x.old_chunks.reset();
    query find{out_.conn(), sql::find_head};
    auto found = find.bind(as_bytes(x.what->key)).next();
    if (!found)
      return fail(found.error());
    auto& condition = x.what->condition;
    if (!*found) {
      if (condition.type == precondition::kind::matches)
        return fail(errc::precondition_failed, "the key does not exist");
      return {};
    }
    row existing{out_.conn(), find, false};
    x.row = existing.id();
    x.old_chunks = existing.first_chunk();
    if (condition.type == precondition::kind::absent)
      return fail(errc::precondition_failed, "the key exists");
    if (condition.type != precondition::kind::matches)
      return {};
    auto same = existing.has_revision(condition.rev);
    if (!same)
      return fail(same.error());
    if (!*same)
      return fail(errc::precondition_failed, "the key has another revision");
    return {};
  }

  expected<void> apply(step& x) {
    if (x.erases() && !x.row)
      return {};
    if (x.old_chunks)
      if (auto ok = out_.loosen_chunks(*x.old_chunks); !ok)
        return ok;
    if (x.erases())
      return erase(*x.row);
    if (x.blob)
      return put(x, **x.blob);
    if (x.source->first_chunk())
      return put_staged(x);
    auto whole = x.source->prefix();
    append(whole, x.source->tail());
    return put(x, whole);
  }

  expected<void> erase(int64_t row) {
    query drop{out_.conn(), sql::erase};
    return note(drop, drop.bind(row).run());
  }

  expected<void> put(step& x, bytes_view blob) {
    auto head = blob.first(head_size(blob));
    auto rest = blob.subspan(head.size());
    if (blob.size() <= max_inline_size)
      return put_row(x, blob.size(), head, {}, rest);
    auto first = out_.reserve_chunks();
    if (!first)
      return fail(first.error());
    if (auto ok = out_.put_chunks(*first, rest); !ok)
      return ok;
    return put_row(x, blob.size(), head, *first, {});
  }

  expected<void> put_staged(step& x) {
    auto first = x.source->first_chunk();
    if (auto ok = x.source->finish_chunks(out_); !ok)
      return ok;
    return put_row(x, x.source->size(), x.source->prefix(), first, {});
  }

  expected<void> put_row(const step& x, uint64_t size, bytes_view head,
                         std::optional<int64_t> first_chunk, bytes_view value) {
    query put{out_.conn(), x.row ? sql::update : sql::insert};
    if (x.row)
      put.bind(*x.row);
    else
      put.bind(as_bytes(x.what->key));
    put.bind(static_cast<int64_t>(size));
    if (first_chunk)
      put.bind(*first_chunk).bind(head).bind_null();
    else
      put.bind_null().bind(head).bind(value);
    return note(put, put.run());
  }

  expected<void> note(const query& x, expected<void> result) {
    if (!result)
      return fail(out_.failed(x, result.error()));
    return result;
  }

  writer& out_;
};

// -- one run of the committer -------------------------------------------------

/// Failures that may be the fault of one mutation.
bool may_be_of_one(const error& x) {
  return !x.data_loss()
         && (x.code() == errc::corruption || x.code() == errc::limit_exceeded
             || x.code() == errc::io_error);
}

/// The batches of a run, one after the other.
class work {
public:
  explicit work(state& store) : store_(store) {
    // nop
  }

  void add(std::span<mutation> batch) {
    auto& steps = steps_.emplace_back(batch.size());
    for (size_t i = 0; i < batch.size(); ++i)
      prepare(batch[i], steps[i]);
    for_each_group(batch, [&](std::span<const size_t> members) {
      auto& added = groups_.emplace_back();
      for (auto i : members)
        added.push_back(&steps[i]);
    });
  }

  void run() {
    std::span<group> all{groups_};
    auto ok = attempt(all);
    if (!ok && all.size() > 1 && may_be_of_one(ok.error())) {
      for (auto& x : groups_)
        finish({&x, 1}, attempt({&x, 1}));
      return;
    }
    finish(all, ok);
  }

  /// Takes the outcomes of the batch that was added as number `index`.
  void take_outcomes(size_t index, std::vector<commit_outcome>& out) {
    auto& steps = steps_[index];
    for (size_t i = 0; i < steps.size(); ++i) {
      if (steps[i].problem)
        out[i] = fail(std::move(*steps[i].problem));
      else
        out[i] = commit_result{steps[i].row.has_value()};
    }
  }

private:
  expected<void> attempt(std::span<group> groups) {
    auto ok = transaction{store_.out}.run(groups);
    if (!ok && store_.out.make_room())
      ok = transaction{store_.out}.run(groups);
    return ok;
  }

  void prepare(const mutation& x, step& out) {
    out.what = &x;
    if (x.key.size() > max_key_size)
      out.refusal = too_large("the key", max_key_size);
    if (out.refusal)
      return;
    if (auto* blob = std::get_if<blob_ptr>(&x.content)) {
      if (!*blob)
        out.refusal = invalid("no blob to put");
      else if ((*blob)->size() > max_blob_size)
        out.refusal = too_large("the blob", max_blob_size);
      out.blob = blob;
      return;
    }
    auto* source = std::get_if<std::shared_ptr<staged_blob>>(&x.content);
    if (source == nullptr)
      return;
    out.source = dynamic_cast<staged*>(source->get());
    if (out.source == nullptr)
      out.refusal = invalid("not a blob staged here");
    else if (auto ok = out.source->check_complete(store_, x.key); !ok)
      out.refusal = ok.error();
  }

  /// Notes how the transaction of some groups ended.
  static void finish(std::span<group> groups, const expected<void>& result) {
    for (auto& members : groups) {
      for (auto* x : members) {
        if (!result)
          // What was found before may rest on changes that did not happen.
          x->problem = x->refusal ? *x->refusal : result.error();
        else if (x->source != nullptr && !x->problem)
          x->source->committed();
      }
    }
  }

  state& store_;
  std::vector<std::vector<step>> steps_;
  std::vector<group> groups_;
};

} // namespace

// -- committer ----------------------------------------------------------------

std::vector<commit_outcome> committer::commit(std::span<mutation> batch) {
  job mine{batch, std::vector<commit_outcome>(batch.size())};
  std::unique_lock guard{mutex_};
  waiting_.push_back(&mine);
  finished_.wait(guard, [&] { return mine.done || !busy_; });
  if (mine.done)
    return std::move(mine.outcomes);
  busy_ = true;
  std::vector<job*> jobs;
  jobs.swap(waiting_); // mine is among them
  guard.unlock();
  run(jobs);
  guard.lock();
  for (auto* x : jobs)
    x->done = true;
  busy_ = false;
  guard.unlock();
  finished_.notify_all();
  return std::move(mine.outcomes);
}

void committer::run(std::span<job*> jobs) noexcept {
  auto& out = store_.out;
  std::lock_guard guard{out.mutex()};
  try {
    work all{store_};
    for (auto* x : jobs)
      all.add(x->batch);
    all.run();
    for (size_t i = 0; i < jobs.size(); ++i)
      all.take_outcomes(i, jobs[i]->outcomes);
    out.tidy();
  } catch (...) {
    for (auto* x : jobs)
      for (auto& outcome : x->outcomes)
        outcome = fail(error_of_exception(true));
  }
}

} // namespace larder::detail::sqlite
