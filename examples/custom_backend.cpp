// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

// An engine from outside the tree: a log in one file. Each group of changes is
// appended as one record; opening reads the log from the start. What the
// program prints is what the compliance suite says of it;
// docs/writing-a-backend.md explains the engine step by step.
//
//     custom_backend [DIRECTORY]

#include "larder/compliance.hpp"
#include "larder/groups.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <set>
#include <shared_mutex>

using namespace larder;

namespace fs = std::filesystem;

namespace {

// -- the log ------------------------------------------------------------------

// log    = identity (16 bytes) record*
// record = size of the changes (8 bytes, big endian), changes
// change = 0 or 1 (erase or put), size of the key (8), key,
//          if put: size of the blob (8), blob

using blob_map = std::map<std::string, std::shared_ptr<const bytes>>;

void append_sized(bytes& out, bytes_view x) {
  append_big_endian(out, static_cast<uint64_t>(x.size()));
  append(out, x);
}

/// Takes bytes from the front of `in`; nothing if there are too few.
std::optional<bytes_view> take(bytes_view& in, uint64_t n) {
  if (n > in.size())
    return std::nullopt;
  auto result = in.first(n);
  in = in.subspan(n);
  return result;
}

std::optional<bytes_view> take_sized(bytes_view& in) {
  auto size = take(in, 8);
  if (!size)
    return std::nullopt;
  return take(in, load_big_endian<uint64_t>(size->data()));
}

/// Does what a record says. Returns false for one that is damaged.
bool replay(bytes_view record, blob_map& blobs) {
  while (!record.empty()) {
    auto kind = take(record, 1)->front();
    auto key = take_sized(record);
    if (!key || kind > std::byte{1})
      return false;
    std::string name{as_chars(*key)};
    if (kind == std::byte{0}) {
      blobs.erase(name);
      continue;
    }
    auto blob = take_sized(record);
    if (!blob)
      return false;
    blobs[name] = std::make_shared<const bytes>(to_bytes(*blob));
  }
  return true;
}

// -- the backend --------------------------------------------------------------

/// The files that are open in this process; a second opener is turned away.
/// (An engine for daily use would lock out other processes as well.)
class open_files {
public:
  bool add(const std::string& path) {
    std::lock_guard guard{mutex_};
    return paths_.insert(path).second;
  }

  void remove(const std::string& path) {
    std::lock_guard guard{mutex_};
    paths_.erase(path);
  }

  bool contains(const std::string& path) {
    std::lock_guard guard{mutex_};
    return paths_.contains(path);
  }

private:
  std::mutex mutex_;
  std::set<std::string> paths_;
};

open_files the_open_files;

class log_backend : public backend {
public:
  log_backend(std::string path, uuid id, blob_map blobs, uint64_t log_size)
    : path_(std::move(path)),
      id_(id),
      blobs_(std::move(blobs)),
      log_size_(log_size) {
    // nop
  }

  ~log_backend() override {
    the_open_files.remove(path_);
  }

  capabilities caps() const override {
    capabilities result;
    result.atomic_groups = true;   // one record per group
    result.ordered_listing = true; // std::map
    result.partial_reads = true;   // everything is in memory
    result.concurrent_commits = true;
    return result; // not durable: nothing is synced
  }

  const uuid& id() const override {
    return id_;
  }

  std::string name() const override {
    return "log:" + path_;
  }

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    std::unique_lock guard{mutex_};
    std::vector<commit_outcome> result;
    for (auto& x : batch)
      result.push_back(check(x));
    auto failed = [&](size_t i) { return !result[i]; };
    auto refuse = [&](size_t i, error x) { result[i] = fail(std::move(x)); };
    for_each_group(batch, [&](std::span<const size_t> group) {
      if (spread_failure(group, failed, refuse))
        return;
      auto changes = describe(batch, group);
      if (auto ok = write(changes); !ok)
        for (auto i : group)
          refuse(i, ok.error());
      else
        replay(changes, blobs_);
    });
    return result;
  }

  std::vector<read_outcome>
  read(std::span<const read_request> requests) override {
    std::shared_lock guard{mutex_};
    std::vector<read_outcome> result;
    for (auto& x : requests)
      result.push_back(read_one(x));
    return result;
  }

  expected<list_page> list(const list_request& request) override {
    if (request.limit == 0 || request.part > blob_part::metadata)
      return fail(errc::invalid_argument, "bad limit or part of a listing");
    std::shared_lock guard{mutex_};
    auto i = blobs_.lower_bound(request.prefix);
    if (!request.after.empty()) { // the last key of the page before, in hex
      bytes last;
      if (!from_hex(request.after, last)
          || !as_chars(last).starts_with(request.prefix))
        return fail(errc::invalid_argument, "not a cursor of this listing");
      i = blobs_.upper_bound(std::string{as_chars(last)});
    }
    list_page result;
    auto more = [&] {
      return i != blobs_.end() && i->first.starts_with(request.prefix);
    };
    for (; more() && result.entries.size() < request.limit; ++i)
      result.entries.push_back({i->first, view(i->second, request.part, 0, 0)});
    if (more())
      result.next = to_hex(as_bytes(result.entries.back().key));
    return result;
  }

private:
  /// Returns what `commit` answers if nothing else fails.
  commit_outcome check(const mutation& x) const {
    if (std::holds_alternative<std::shared_ptr<staged_blob>>(x.content))
      return fail(errc::unsupported, "a log cannot write blobs in pieces");
    auto i = blobs_.find(x.key);
    auto exists = i != blobs_.end();
    auto ok = true;
    if (x.condition.type == precondition::kind::absent)
      ok = !exists;
    else if (x.condition.type == precondition::kind::matches)
      ok = exists && has_revision(*i->second, x.condition.rev);
    if (!ok)
      return fail(errc::precondition_failed, "the key is in another state");
    return commit_result{exists};
  }

  /// Returns the record of a group.
  static bytes describe(std::span<const mutation> batch,
                        std::span<const size_t> group) {
    bytes result;
    for (auto i : group) {
      auto& x = batch[i];
      if (std::holds_alternative<keep>(x.content))
        continue;
      auto* blob = std::get_if<std::shared_ptr<const bytes>>(&x.content);
      result.push_back(blob ? std::byte{1} : std::byte{0});
      append_sized(result, as_bytes(x.key));
      if (blob)
        append_sized(result, **blob);
    }
    return result;
  }

  read_outcome read_one(const read_request& x) const {
    auto i = blobs_.find(x.key);
    if (i == blobs_.end())
      return std::nullopt;
    if (x.pinned && !has_revision(*i->second, *x.pinned))
      return fail(errc::conflict, "the blob was replaced");
    return view(i->second, x.part, x.offset, x.length);
  }

  /// Appends a record. One that is only half there after a failure is cut off,
  /// so that no later one comes behind it.
  expected<void> write(bytes_view changes) {
    if (changes.empty())
      return {};
    bytes record;
    append_sized(record, changes);
    std::ofstream out{path_, std::ios::binary | std::ios::app};
    out.write(as_chars(record).data(),
              static_cast<std::streamsize>(record.size()));
    out.close();
    if (out) {
      log_size_ += record.size();
      return {};
    }
    std::error_code ec;
    fs::resize_file(path_, log_size_, ec);
    return fail(errc::io_error, "cannot write to " + path_, bool{ec});
  }

  static bool has_revision(bytes_view blob, const revision& rev) {
    auto hdr = header::decode(blob);
    return hdr && hdr->rev == rev;
  }

  static blob_view view(const std::shared_ptr<const bytes>& blob,
                        blob_part part, uint64_t offset, uint64_t length) {
    bytes_view all{*blob};
    if (part == blob_part::none)
      all = {};
    else if (part == blob_part::header)
      all = all.first(std::min(all.size(), header::max_size));
    else if (part == blob_part::range) {
      all = all.subspan(std::min<uint64_t>(offset, all.size()));
      all = all.first(std::min<uint64_t>(length, all.size()));
    } // of the metadata, "some bytes more" are allowed: all of them
    return {all, blob->size(), blob};
  }

  std::string path_;
  uuid id_;
  std::shared_mutex mutex_;
  blob_map blobs_;
  uint64_t log_size_;
};

// -- the engine ---------------------------------------------------------------

using backend_ptr = std::unique_ptr<backend>;

/// Checks the URI and returns the path.
expected<std::string> path_of(const uri& x) {
  if (!x.authority.empty() || x.path.empty())
    return fail(errc::invalid_argument, "write log:PATH");
  if (auto ok = x.check_all_taken(); !ok)
    return fail(ok.error());
  return fs::absolute(x.path).lexically_normal().string();
}

expected<backend_ptr> open_log(const uri& x) {
  auto path = path_of(x);
  if (!path)
    return fail(path.error());
  std::ifstream file{*path, std::ios::binary};
  if (!file)
    return fail(errc::not_found, "there is no log " + *path);
  if (!the_open_files.add(*path))
    return fail(errc::locked, "the log " + *path + " is open already");
  std::string content{std::istreambuf_iterator<char>{file}, {}};
  auto in = as_bytes(content);
  uuid id;
  blob_map blobs;
  auto ok = false;
  if (auto head = take(in, id.data.size())) {
    std::copy(head->begin(), head->end(), id.data.begin());
    ok = true;
    while (ok && !in.empty()) {
      auto record = take_sized(in);
      ok = record && replay(*record, blobs);
    }
  }
  if (!ok) {
    the_open_files.remove(*path);
    return fail(errc::corruption, "the log " + *path + " is damaged");
  }
  return std::make_unique<log_backend>(*path, id, std::move(blobs),
                                       content.size());
}

expected<backend_ptr> create_log(const uri& x) {
  auto path = path_of(x);
  if (!path)
    return fail(path.error());
  if (fs::exists(*path))
    return fail(errc::already_exists, "there is a log " + *path + " already");
  auto id = uuid::random();
  std::ofstream file{*path, std::ios::binary};
  file.write(as_chars(id.data).data(), id.data.size());
  file.close();
  if (!file)
    return fail(errc::io_error, "cannot create " + *path);
  return open_log(x);
}

expected<bool> log_exists(const uri& x) {
  auto path = path_of(x);
  if (!path)
    return fail(path.error());
  return fs::exists(*path);
}

expected<void> destroy_log(const uri& x) {
  auto path = path_of(x);
  if (!path)
    return fail(path.error());
  if (the_open_files.contains(*path))
    return fail(errc::locked, "the log " + *path + " is open");
  std::error_code ec;
  if (!fs::remove(*path, ec))
    return ec ? fail(errc::io_error, "cannot remove " + *path)
              : fail(errc::not_found, "there is no log " + *path);
  return {};
}

engine make_log_engine() {
  return {"log",      "log:PATH, all changes in one file; no options",
          create_log, open_log,
          log_exists, destroy_log};
}

// -- compliance ---------------------------------------------------------------

/// Runs the suite on stores in `dir` and prints what it found.
bool check_compliance(const fs::path& dir) {
  compliance_options options;
  options.subject = make_log_engine();
  options.fresh_uri = [dir, n = 0]() mutable {
    return uri{"log", {}, (dir / std::to_string(n++)).string(), {}};
  };
  options.describe_medium = [](const uri& x) {
    std::ifstream file{x.path, std::ios::binary};
    return std::string{std::istreambuf_iterator<char>{file}, {}};
  };
  auto results = run_compliance(options);
  for (auto& x : results)
    std::printf("%-40s %s\n", x.check.c_str(),
                !x.violations.empty() ? "FAILED"
                : x.skipped.empty()   ? "passed"
                                      : x.skipped.c_str());
  auto violations = describe_violations(results);
  std::fputs(violations.c_str(), stdout);
  return violations.empty();
}

} // namespace

int main(int argc, char** argv) {
  // What an application does to use the engine: afterwards log:PATH works
  // wherever the registry is passed on to.
  backend_registry registry;
  if (auto ok = registry.add(make_log_engine()); !ok) {
    std::fprintf(stderr, "%s\n", to_string(ok.error()).c_str());
    return 1;
  }
  auto dir = argc > 1 ? fs::path{argv[1]}
                      : fs::temp_directory_path()
                          / ("larder-" + to_string(uuid::random()));
  fs::create_directories(dir);
  auto ok = check_compliance(dir);
  std::error_code ec; // a directory that was there before and is in use stays
  fs::remove(dir, ec);
  return ok ? 0 : 1;
}
