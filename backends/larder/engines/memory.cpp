// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/blob_part.hpp"
#include "larder/detail/builtin_engines.hpp"
#include "larder/detail/cursor.hpp"
#include "larder/detail/exceptions.hpp"
#include "larder/detail/memory_commit.hpp"

#include <mutex>

namespace larder::detail {

namespace {

using blob_ptr = std::shared_ptr<const bytes>;

// -- listing ------------------------------------------------------------------

/// Goes through the keys of all shards in order.
class merged_range {
public:
  using iterator = memory_shard::map_type::const_iterator;

  /// Begins at the first key with `prefix`, or behind `after` if there is one.
  merged_range(const memory_store& store, std::string_view prefix,
               const std::optional<std::string>& after)
    : prefix_(prefix) {
    heads_.reserve(store.shards.size());
    for (auto& shard : store.shards) {
      auto first = after ? shard.blobs.upper_bound(*after)
                         : shard.blobs.lower_bound(prefix);
      push({first, shard.blobs.end()});
    }
  }

  bool empty() const noexcept {
    return heads_.empty();
  }

  /// Returns the smallest key and its blob and goes on to the next.
  iterator next() {
    std::pop_heap(heads_.begin(), heads_.end(), is_behind);
    auto head = heads_.back();
    heads_.pop_back();
    push({std::next(head.pos), head.end});
    return head.pos;
  }

private:
  struct head {
    iterator pos;
    iterator end;
  };

  static bool is_behind(const head& x, const head& y) {
    return x.pos->first > y.pos->first;
  }

  void push(head x) {
    if (x.pos == x.end || !x.pos->first.starts_with(prefix_))
      return;
    heads_.push_back(x);
    std::push_heap(heads_.begin(), heads_.end(), is_behind);
  }

  std::string_view prefix_;
  std::vector<head> heads_;
};

// -- reading ------------------------------------------------------------------

blob_view view(const blob_ptr& blob, bytes_view part) {
  return {part, blob->size(), blob, true};
}

read_outcome read_one(const memory_store& store, const read_request& x) {
  auto& blobs = store.shards[memory_store::shard_index(x.key)].blobs;
  auto i = blobs.find(x.key);
  if (i == blobs.end())
    return std::nullopt;
  auto& blob = i->second;
  if (x.pinned && !has_revision(*blob, *x.pinned))
    return fail(errc::conflict, "the blob was replaced by another revision");
  return view(blob, slice(*blob, x.part, x.offset, x.length));
}

std::vector<read_outcome> read_all(memory_store& store,
                                   std::span<const read_request> requests) {
  shard_set shards;
  for (auto& x : requests)
    shards.add(memory_store::shard_index(x.key));
  std::vector<read_outcome> result;
  result.reserve(requests.size());
  shard_guard guard{store, shards};
  for (auto& x : requests)
    result.push_back(read_one(store, x));
  return result;
}

expected<list_page> list_page_of(memory_store& store,
                                 const list_request& request) {
  if (auto ok = check_list_request(request); !ok)
    return fail(ok.error());
  std::optional<std::string> after;
  if (!request.after.empty()) {
    auto last = decode_cursor(request);
    if (!last)
      return fail(last.error());
    after = std::move(*last);
  }
  list_page result;
  shard_guard guard{store, shard_set::all()};
  merged_range range{store, request.prefix, after};
  while (!range.empty() && result.entries.size() < request.limit) {
    auto& [key, blob] = *range.next();
    result.entries.push_back({key, view(blob, slice(*blob, request.part))});
  }
  if (!range.empty())
    result.next = encode_cursor(result.entries.back().key);
  return result;
}

/// A copy of the store that shares its blobs, which are never changed.
class memory_snapshot : public backend_snapshot {
public:
  explicit memory_snapshot(memory_store& store) {
    shard_guard guard{store, shard_set::all()};
    for (size_t i = 0; i < memory_store::num_shards; ++i)
      copy_.shards[i].blobs = store.shards[i].blobs;
  }

  std::vector<read_outcome>
  read(std::span<const read_request> requests) override {
    return read_all(copy_, requests);
  }

  expected<list_page> list(const list_request& request) override {
    return list_page_of(copy_, request);
  }

private:
  memory_store copy_;
};

// -- backend ------------------------------------------------------------------

class memory_backend : public backend {
public:
  memory_backend(std::shared_ptr<memory_store> store, std::string name)
    : store_(std::move(store)), name_(std::move(name)) {
    // nop
  }

  ~memory_backend() override {
    store_->open = false;
  }

  capabilities caps() const override {
    capabilities result;
    result.atomic_groups = true;
    result.ordered_listing = true;
    result.partial_reads = true;
    result.concurrent_commits = true;
    result.nonblocking = true;
    result.staging = true;
    result.snapshots = true;
    return result;
  }

  const uuid& id() const override {
    return store_->id;
  }

  std::string name() const override {
    return name_;
  }

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    return commit_to_memory(*store_, batch);
  }

  std::vector<read_outcome>
  read(std::span<const read_request> requests) override {
    return read_all(*store_, requests);
  }

  expected<list_page> list(const list_request& request) override {
    return list_page_of(*store_, request);
  }

  expected<std::unique_ptr<staged_blob>> stage(std::string_view key,
                                               uint64_t prefix_size) override {
    return stage_in_memory(store_, key, prefix_size);
  }

  expected<std::unique_ptr<backend_snapshot>> open_snapshot() override {
    using result_type = expected<std::unique_ptr<backend_snapshot>>;
    return without_exceptions([&]() -> result_type {
      return std::make_unique<memory_snapshot>(*store_);
    });
  }

  std::vector<engine_figure> figures() const override {
    uint64_t keys = 0;
    for (auto& shard : store_->shards) {
      std::lock_guard guard{shard.mutex};
      keys += shard.blobs.size();
    }
    return {{"keys", keys}, {"used-bytes", store_->quota.used()}};
  }

private:
  std::shared_ptr<memory_store> store_;
  std::string name_;
};

// -- engine -------------------------------------------------------------------

/// The stores with names, for as long as the process lives.
struct named_stores {
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<memory_store>> stores;

  static named_stores& instance() {
    // Never destroyed: a store may be closed after main has returned.
    static auto* result = new named_stores;
    return *result;
  }
};

/// Checks the URI and returns the option `max-bytes`.
expected<uint64_t> parse_options(uri x) {
  if (!x.authority.empty())
    return fail(errc::invalid_argument,
                "memory: has no host; write memory:NAME");
  auto result
    = x.take_number("max-bytes", std::numeric_limits<uint64_t>::max());
  if (auto ok = x.check_all_taken(); result && !ok)
    return fail(ok.error());
  return result;
}

std::unique_ptr<backend> make_backend(std::shared_ptr<memory_store> store,
                                      const uri& x, uint64_t max_bytes) {
  store->open = true;
  store->quota.limit(max_bytes);
  return std::make_unique<memory_backend>(
    std::move(store), to_string(uri{x.scheme, {}, x.path, {}}));
}

tl::unexpected<error> no_such_store(const uri& x) {
  if (x.path.empty())
    return fail(errc::not_found, "a memory store without a name exists only "
                                 "until it is closed; create memory:NAME");
  return fail(errc::not_found,
              "there is no memory store \"" + x.path + "\" in this process");
}

tl::unexpected<error> store_is_open(const uri& x) {
  return fail(errc::locked,
              "the memory store \"" + x.path + "\" is open already");
}

expected<std::unique_ptr<backend>> create_memory(const uri& x) {
  auto max_bytes = parse_options(x);
  if (!max_bytes)
    return fail(max_bytes.error());
  auto store = std::make_shared<memory_store>();
  if (!x.path.empty()) {
    auto& [mutex, stores] = named_stores::instance();
    std::lock_guard guard{mutex};
    if (!stores.emplace(x.path, store).second)
      return fail(errc::already_exists,
                  "there is a memory store \"" + x.path + "\" already");
    return make_backend(std::move(store), x, *max_bytes);
  }
  return make_backend(std::move(store), x, *max_bytes);
}

expected<std::unique_ptr<backend>> open_memory(const uri& x) {
  auto max_bytes = parse_options(x);
  if (!max_bytes)
    return fail(max_bytes.error());
  auto& [mutex, stores] = named_stores::instance();
  std::lock_guard guard{mutex};
  auto i = stores.find(x.path);
  if (i == stores.end())
    return no_such_store(x);
  if (i->second->open)
    return store_is_open(x);
  return make_backend(i->second, x, *max_bytes);
}

expected<bool> memory_exists(const uri& x) {
  if (auto ok = parse_options(x); !ok)
    return fail(ok.error());
  auto& [mutex, stores] = named_stores::instance();
  std::lock_guard guard{mutex};
  return stores.contains(x.path);
}

expected<void> destroy_memory(const uri& x) {
  if (auto ok = parse_options(x); !ok)
    return fail(ok.error());
  auto& [mutex, stores] = named_stores::instance();
  std::lock_guard guard{mutex};
  auto i = stores.find(x.path);
  if (i == stores.end())
    return no_such_store(x);
  if (i->second->open)
    return store_is_open(x);
  stores.erase(i);
  return {};
}

} // namespace

engine make_memory_engine() {
  return {"memory",
          "memory:[NAME], in this process only; with a name it can be reopened "
          "until the process ends; options: max-bytes=N",
          create_memory,
          open_memory,
          memory_exists,
          destroy_memory};
}

} // namespace larder::detail
