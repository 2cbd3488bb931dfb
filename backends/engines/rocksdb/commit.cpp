// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "engines/rocksdb/commit.hpp"

#include "engines/rocksdb/read.hpp"

#include "larder/detail/blob_part.hpp"
#include "larder/detail/exceptions.hpp"
#include "larder/detail/file/names.hpp"
#include "larder/detail/outcomes.hpp"
#include "larder/groups.hpp"

namespace larder::detail {

namespace {

expected<void> invalid(std::string message) {
  return fail(errc::invalid_argument, std::move(message));
}

} // namespace

rocks_commit::rocks_commit(std::shared_ptr<rocks_database> db,
                           std::span<mutation> batch)
  : db_(std::move(db)), batch_(batch), steps_(batch.size()) {
  for (size_t i = 0; i < batch.size(); ++i)
    steps_[i].what = &batch[i];
}

std::vector<commit_outcome> rocks_commit::run() {
  if (auto ok = db_->prepare_writing(); !ok)
    return {batch_.size(), fail(ok.error())};
  key_gate::key_set keys;
  for (auto& x : steps_) {
    if (auto ok = prepare(x); !ok)
      x.problem = ok.error();
    else
      keys.set(key_gate::bit_of(x.what->key));
  }
  key_gate::pass pass{db_->gate, keys};
  look_up();
  fail_groups();
  for (auto& x : steps_)
    if (!x.problem)
      add(x);
  if (changes_.Count() > 0)
    write();
  return outcomes_of(steps_);
}

// -- checks -------------------------------------------------------------------

/// Does what needs no order.
expected<void> rocks_commit::prepare(step& x) {
  if (auto ok = check_key(x.what->key); !ok)
    return ok;
  auto& content = x.what->content;
  if (auto* blob = std::get_if<std::shared_ptr<const bytes>>(&content))
    return prepare_put(x, *blob);
  if (auto* staged = std::get_if<std::shared_ptr<staged_blob>>(&content)) {
    x.staged = dynamic_cast<rocks_staged_blob*>(staged->get());
    if (x.staged == nullptr)
      return invalid("not a blob staged here");
    return x.staged->complete(*db_, x.what->key);
  }
  return {};
}

expected<void>
rocks_commit::prepare_put(step& x, const std::shared_ptr<const bytes>& blob) {
  if (!blob)
    return invalid("no blob to put");
  if (blob->size() <= max_direct_blob
      && blob->size() <= db_->config().max_blob_size) {
    x.blob = blob.get();
    return {};
  }
  x.own = std::make_unique<rocks_staged_blob>(db_, x.what->key, 0);
  x.staged = x.own.get();
  return x.own->append(*blob);
}

void rocks_commit::look_up() {
  std::vector<step*> live;
  std::vector<rocksdb::Slice> keys;
  for (auto& x : steps_) {
    if (x.problem)
      continue;
    live.push_back(&x);
    keys.emplace_back(x.what->key);
  }
  std::vector<rocksdb::PinnableSlice> values(live.size());
  std::vector<rocksdb::Status> statuses(live.size());
  get_heads(*db_, nullptr, keys, values, statuses);
  for (size_t i = 0; i < live.size(); ++i)
    if (auto ok = check(*live[i], statuses[i], to_view(values[i])); !ok)
      live[i]->problem = ok.error();
}

/// Finds out whether the mutation may be carried out, and what it replaces.
expected<void> rocks_commit::check(step& x, const rocksdb::Status& status,
                                   bytes_view found) {
  if (!status.ok() && !status.IsNotFound())
    return fail(to_error(status, "cannot read from " + db_->config().dir));
  x.existed = status.ok();
  std::optional<blob_head> old;
  if (x.existed)
    old = blob_head::decode(found); // what is damaged can be replaced
  if (old) {
    x.old_generation = old->generation;
    x.old_chunks = old->num_chunks();
  }
  auto& condition = x.what->condition;
  return check_precondition(condition, x.existed, [&] {
    return old && has_revision(old->start, condition.rev);
  });
}

void rocks_commit::fail_groups() {
  spread_failures(
    batch_, [this](size_t i) { return steps_[i].problem.has_value(); },
    [this](size_t i, error problem) {
      steps_[i].problem = std::move(problem);
    });
}

// -- changes ------------------------------------------------------------------

void rocks_commit::add(step& x) {
  if (x.keeps() || (x.erases() && !x.existed))
    return;
  db_->remove_chunks(changes_, x.old_generation, x.old_chunks);
  rocksdb::Slice key{x.what->key};
  if (x.erases())
    changes_.Delete(db_->heads(), key);
  else if (x.staged != nullptr)
    x.staged->put(changes_);
  else
    put(x);
}

void rocks_commit::put(step& x) {
  bytes_view blob{*x.blob};
  auto share = head_share(blob, blob.size());
  auto generation = share < blob.size() ? db_->new_generation() : 0;
  put_head(*db_, changes_, x.what->key, blob.size(), generation,
           blob.first(share));
  if (generation == 0)
    return;
  for (uint64_t i = 0; i * chunk_size < blob.size(); ++i) {
    auto rest = blob.subspan(i * chunk_size);
    changes_.Put(
      db_->chunks(), to_slice(make_chunk_key(generation, i)),
      to_slice(rest.first(std::min<uint64_t>(rest.size(), chunk_size))));
  }
}

void rocks_commit::write() {
  expected<void> ok;
  try {
    ok = db_->write_durably(changes_);
  } catch (...) {
    db_->fail_writes("an exception in the middle of a write");
    ok = fail(error_of_exception(true));
  }
  for (auto& x : steps_) {
    if (x.problem || x.keeps() || (x.erases() && !x.existed))
      continue;
    if (x.staged != nullptr)
      x.staged->finish();
    if (!ok)
      x.problem = ok.error();
  }
  fail_groups();
}

} // namespace larder::detail
