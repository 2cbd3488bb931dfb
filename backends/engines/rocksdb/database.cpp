// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "engines/rocksdb/database.hpp"

#include "engines/rocksdb/directory_guard.hpp"

#include <rocksdb/iterator.h>

#include <algorithm>
#include <vector>

namespace larder::detail {

namespace {

/// From so many chunks on, removing a range costs less than single ones.
constexpr uint64_t min_range = 64;

bool contains(std::string_view str, std::string_view what) noexcept {
  return str.find(what) != std::string_view::npos;
}

/// RocksDB has no code for a lock that others hold.
bool is_locked(const rocksdb::Status& status) {
  auto text = status.ToString();
  return status.IsIOError()
         && (contains(text, "lock hold by current process")
             || contains(text, "While lock file"));
}

/// Invalid arguments can also be files that could not be opened.
bool is_foreign(const rocksdb::Status& status) {
  auto text = status.ToString();
  return status.IsInvalidArgument()
         && (contains(text, "olumn famil") || contains(text, "does not exist")
             || contains(text, "comparator"));
}

} // namespace

error to_error(const rocksdb::Status& status, std::string_view what) {
  auto message = std::string{what} + ": " + status.ToString();
  if (status.IsNoSpace())
    return {errc::io_error, message + "; free some space and reopen the store"};
  if (status.IsCorruption())
    return {errc::corruption, std::move(message)};
  if (status.IsMemoryLimit())
    return {errc::limit_exceeded, std::move(message)};
  return {errc::io_error, std::move(message)};
}

// -- opening ------------------------------------------------------------------

rocks_database::rocks_database(rocks_config config, store_lock lock,
                               const uuid& id)
  : config_(std::move(config)), lock_(std::move(lock)), id_(id) {
  // nop
}

expected<std::shared_ptr<rocks_database>>
rocks_database::open(rocks_config config, store_lock lock, const uuid& id,
                     bool create) {
  std::shared_ptr<rocks_database> result{
    new rocks_database(std::move(config), std::move(lock), id)};
  auto& dir = result->config_.dir;
  rocks_options options{result->config_};
  result->cache_ = options.cache;
  auto guard
    = std::make_shared<directory_guard>(options.db.env->GetFileSystem());
  result->env_ = rocksdb::NewCompositeEnv(guard);
  options.db.env = result->env_.get();
  options.db.create_if_missing = create;
  options.db.create_missing_column_families = create;
  options.db.error_if_exists = create;
  std::vector<rocksdb::ColumnFamilyDescriptor> families{
    {std::string{notes_family}, options.notes},
    {std::string{heads_family}, options.heads},
    {std::string{chunks_family}, options.chunks}};
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  auto status = rocksdb::DB::Open(options.db, dir, families, &handles, &db);
  result->db_.reset(db);
  if (is_locked(status))
    return fail(errc::locked, "another program has the database in " + dir
                                + " open: " + status.ToString());
  if (is_foreign(status))
    return fail(errc::corruption,
                "the database in " + dir
                  + " is missing or not larder's: " + status.ToString());
  if (status.IsCorruption() && result->config_.strict_recovery)
    return fail(errc::corruption,
                "the database in " + dir + " is damaged: " + status.ToString()
                  + "; if it is the log (a file *.log), "
                    "recovery=point-in-time opens the store as it was before "
                    "the damaged place and discards the rest");
  if (!status.ok())
    return fail(to_error(status, "cannot open the database in " + dir));
  result->notes_ = handles[0];
  result->heads_ = handles[1];
  result->chunks_ = handles[2];
  // A sync of our own that succeeds later would prove nothing.
  if (guard->failed())
    return fail(errc::io_error, "cannot open the database in " + dir
                                  + ": syncing the directory failed");
  return result;
}

rocks_database::~rocks_database() {
  if (!db_)
    return;
  empty_log();
  for (auto* x : {notes_, heads_, chunks_})
    if (x != nullptr)
      db_->DestroyColumnFamilyHandle(x);
  // Nothing is buffered outside the log, so there is nothing that could fail.
  static_cast<void>(db_->Close());
}

/// Spares the next session from carrying out the log, if that would take time.
/// Failing does no harm: all of it is in the log.
void rocks_database::empty_log() {
  constexpr uint64_t min_size = uint64_t{1} << 20;
  uint64_t size = 0;
  if (!prepared_ || failed_
      || !db_->GetAggregatedIntProperty("rocksdb.cur-size-all-mem-tables",
                                        &size)
      || size < min_size)
    return;
  static_cast<void>(db_->Flush({}, {notes_, heads_, chunks_}));
}

// -- writing ------------------------------------------------------------------

expected<void> rocks_database::check_writable() const {
  if (!failed_)
    return {};
  std::lock_guard guard{failing_};
  return fail(errc::io_error,
              "nothing more is written to " + config_.dir
                + " until the store is reopened, because: " + failure_);
}

void rocks_database::fail_writes(std::string_view reason) noexcept {
  std::lock_guard guard{failing_};
  if (!failed_) {
    try {
      failure_ = reason;
    } catch (const std::bad_alloc&) {
      failure_.clear();
    }
    failed_ = true;
  }
}

expected<void> rocks_database::write(rocksdb::WriteBatch& batch, bool sync) {
  if (auto ok = check_writable(); !ok)
    return ok;
  rocksdb::WriteOptions options;
  options.sync = sync && config_.sync;
  auto status = db_->Write(options, &batch);
  if (status.ok())
    return {};
  // Only an error of the past that has stopped all writes has a severity.
  auto refused = status.severity() != rocksdb::Status::kNoError;
  auto problem = to_error(status, "cannot write to " + config_.dir);
  fail_writes(problem.message());
  return fail(errc::io_error, problem.message(), !refused);
}

expected<void> rocks_database::write_hidden(rocksdb::WriteBatch& batch) {
  auto result = write(batch, false);
  if (!result)
    return fail(result.error().code(), result.error().message());
  return result;
}

expected<void> rocks_database::write_durably(rocksdb::WriteBatch& batch) {
  return write(batch, true);
}

void rocks_database::remove_chunks(rocksdb::WriteBatch& batch,
                                   uint64_t generation, uint64_t count) const {
  if (count >= min_range) {
    auto first = make_chunk_key(generation, 0);
    auto last = make_chunk_key(generation + 1, 0);
    batch.DeleteRange(chunks_, to_slice(first), to_slice(last));
    return;
  }
  for (uint64_t i = 0; i < count; ++i) // each was written exactly once
    batch.SingleDelete(chunks_, to_slice(make_chunk_key(generation, i)));
}

// -- preparing ----------------------------------------------------------------

expected<void> rocks_database::prepare_writing() {
  if (auto ok = check_writable(); !ok || prepared_)
    return ok;
  std::lock_guard guard{preparing_};
  if (prepared_)
    return {};
  if (auto ok = sweep(); !ok)
    return ok;
  prepared_ = true;
  return {};
}

/// Removes the chunks that have notes, and finds the first free generation.
expected<void> rocks_database::sweep() {
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  // For the same reason as in listings. Of notes no ranges are erased, and a
  // chunk that was erased with others does no more than raise the number.
  options.ignore_range_deletions = true;
  rocksdb::WriteBatch batch;
  uint64_t last = 0;
  std::unique_ptr<rocksdb::Iterator> i{db_->NewIterator(options, notes_)};
  for (i->SeekToFirst(); i->Valid(); i->Next()) {
    auto generation = generation_of(i->key());
    last = std::max(last, generation);
    remove_chunks(batch, generation, min_range);
    batch.Delete(notes_, i->key());
  }
  if (!i->status().ok())
    return fail(to_error(i->status(), "cannot read from " + config_.dir));
  i.reset(db_->NewIterator(options, chunks_));
  i->SeekToLast();
  if (i->Valid())
    last = std::max(last, generation_of(i->key()));
  if (!i->status().ok())
    return fail(to_error(i->status(), "cannot read from " + config_.dir));
  next_generation_ = last + 1;
  return batch.Count() == 0 ? expected<void>{} : write_hidden(batch);
}

} // namespace larder::detail
