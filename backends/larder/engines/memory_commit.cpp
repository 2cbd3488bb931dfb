// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/memory_commit.hpp"

#include "larder/detail/blob_part.hpp"
#include "larder/detail/exceptions.hpp"
#include "larder/detail/outcomes.hpp"
#include "larder/detail/stage_checks.hpp"
#include "larder/groups.hpp"

#include <boost/container/small_vector.hpp>

#include <limits>
#include <new>
#include <stdexcept>

namespace larder::detail {

namespace {

using blob_ptr = std::shared_ptr<const bytes>;

/// No header and metadata take more: the size of the latter has 32 bits.
constexpr uint64_t max_prefix_size = header::max_size
                                     + std::numeric_limits<uint32_t>::max();

error quota_exceeded() {
  return {
    errc::limit_exceeded,
    "the memory store is full (option max-bytes): erase keys or raise it"};
}

// -- staging ------------------------------------------------------------------

class memory_staged_blob : public staged_blob {
public:
  memory_staged_blob(std::shared_ptr<memory_store> store, std::string_view key,
                     uint64_t prefix_size)
    : store_(std::move(store)), key_(key), prefix_size_(prefix_size) {
    // nop
  }

  ~memory_staged_blob() override {
    store_->quota.give_back(reserved_);
  }

  expected<void> append(bytes_view data) override {
    if (auto ok = check_open(); !ok)
      return ok;
    return grow(data.size(), [&] { larder::append(*buffer_, data); });
  }

  expected<void> set_prefix(bytes_view data) override {
    if (auto ok = check_open(); !ok)
      return ok;
    if (auto ok = check_stage_prefix(data, prefix_size_); !ok)
      return ok;
    std::copy(data.begin(), data.end(), buffer_->begin());
    has_prefix_ = true;
    return {};
  }

  /// Leaves room for the prefix.
  expected<void> init() {
    if (prefix_size_ > max_prefix_size)
      return fail(out_of_memory());
    return grow(prefix_size_, [&] { buffer_->resize(prefix_size_); });
  }

  /// Returns the blob if it can be committed under `key` to `store`.
  expected<blob_ptr> complete(const memory_store& store,
                              const std::string& key) const {
    if (auto ok = check_open(); !ok)
      return fail(ok.error());
    if (auto ok = check_stage_complete(&store == store_.get() && key == key_,
                                       has_prefix_ || prefix_size_ == 0);
        !ok)
      return fail(ok.error());
    return buffer_;
  }

  /// Hands the memory over to the store.
  void committed() noexcept {
    buffer_.reset();
    reserved_ = 0;
  }

private:
  expected<void> check_open() const {
    return check_stage_open(buffer_ != nullptr);
  }

  template <class F>
  expected<void> grow(uint64_t n, F f) {
    if (!store_->quota.take(n))
      return fail(quota_exceeded());
    try {
      f();
    } catch (const std::exception&) { // bad_alloc or length_error
      store_->quota.give_back(n);
      return fail(out_of_memory());
    }
    reserved_ += n;
    return {};
  }

  std::shared_ptr<memory_store> store_;
  std::string key_;
  uint64_t prefix_size_;
  uint64_t reserved_ = 0;
  bool has_prefix_ = false;
  std::shared_ptr<bytes> buffer_ = std::make_shared<bytes>();
};

// -- commits ------------------------------------------------------------------

/// A mutation on its way.
struct change {
  memory_shard::map_type* blobs = nullptr;
  memory_shard::map_type::iterator pos;
  bool existed = false;
  /// The blob to put; afterwards the one that it replaced.
  blob_ptr blob;
  memory_staged_blob* staged = nullptr;
  bool erases = false;
  std::optional<error> problem;
};

/// Takes one batch through its steps.
class memory_commit {
public:
  memory_commit(memory_store& store, std::span<mutation> batch)
    : store_(store), batch_(batch), changes_(batch.size()) {
    // nop
  }

  std::vector<commit_outcome> run() {
    shard_set shards;
    for (size_t i = 0; i < batch_.size(); ++i)
      shards.add(prepare(batch_[i], changes_[i]));
    {
      shard_guard guard{store_, shards};
      for (size_t i = 0; i < batch_.size(); ++i)
        check(batch_[i], changes_[i]);
      for_each_group(batch_, [this](members group) {
        if (!spread(group))
          apply(group);
      });
    }
    return outcomes_of(changes_); // what was replaced is freed without locks
  }

private:
  /// The indices of the mutations that succeed or fail together.
  using members = std::span<const size_t>;

  static void refuse(change& x, error problem) {
    if (!x.problem)
      x.problem = std::move(problem);
  }

  bool spread(members group) {
    return spread_failure(
      group, [this](size_t i) { return changes_[i].problem.has_value(); },
      [this](size_t i, error problem) {
        refuse(changes_[i], std::move(problem));
      });
  }

  /// Does all that needs no lock; returns the index of the shard.
  size_t prepare(const mutation& x, change& out) {
    auto index = memory_store::shard_index(x.key);
    out.blobs = &store_.shards[index].blobs;
    out.erases = std::holds_alternative<std::monostate>(x.content);
    if (auto* blob = std::get_if<blob_ptr>(&x.content)) {
      if (*blob)
        out.blob = *blob;
      else
        refuse(out, {errc::invalid_argument, "no blob to put"});
    } else if (auto* staged
               = std::get_if<std::shared_ptr<staged_blob>>(&x.content)) {
      out.staged = dynamic_cast<memory_staged_blob*>(staged->get());
      if (!out.staged) {
        refuse(out, {errc::invalid_argument, "not a blob staged here"});
      } else if (auto blob = out.staged->complete(store_, x.key)) {
        out.blob = std::move(*blob);
      } else {
        refuse(out, std::move(blob.error()));
      }
    }
    return index;
  }

  void check(const mutation& x, change& out) {
    out.pos = out.blobs->find(x.key);
    out.existed = out.pos != out.blobs->end();
    auto is_same
      = [&] { return has_revision(*out.pos->second, x.condition.rev); };
    if (auto ok = check_precondition(x.condition, out.existed, is_same); !ok)
      refuse(out, std::move(ok.error()));
  }

  /// Makes all changes of a group, or none if there is no room.
  void apply(members group) {
    uint64_t taken = 0;
    uint64_t freed = 0;
    for (auto i : group) {
      auto& x = changes_[i];
      if (x.existed && (x.blob || x.erases))
        freed += x.pos->first.size() + x.pos->second->size();
      if (x.blob) // staged bytes are counted already
        taken += batch_[i].key.size() + (x.staged ? 0 : x.blob->size());
    }
    if (taken > freed && !store_.quota.take(taken - freed)) {
      for (auto i : group)
        if (changes_[i].blob)
          refuse(changes_[i], quota_exceeded());
      spread(group);
      return;
    }
    if (!make_room(group)) {
      if (taken > freed)
        store_.quota.give_back(taken - freed);
      spread(group);
      return;
    }
    for (auto i : group) {
      auto& x = changes_[i];
      if (x.blob) {
        x.pos->second.swap(x.blob);
        if (x.staged)
          x.staged->committed();
      } else if (x.erases && x.existed) {
        x.blob = std::move(x.pos->second);
        x.blobs->erase(x.pos);
      }
    }
    if (freed > taken)
      store_.quota.give_back(freed - taken);
  }

  /// Adds the new keys, still without blobs: nothing later can fail.
  bool make_room(members group) {
    auto next = group.begin();
    try {
      for (; next != group.end(); ++next)
        if (auto& x = changes_[*next]; x.blob && !x.existed)
          x.pos = x.blobs->emplace(batch_[*next].key, nullptr).first;
      return true;
    } catch (const std::bad_alloc&) {
      refuse(changes_[*next], out_of_memory());
      while (next != group.begin())
        if (auto& x = changes_[*--next]; x.blob && !x.existed)
          x.blobs->erase(x.pos);
      return false;
    }
  }

  memory_store& store_;
  std::span<mutation> batch_;
  boost::container::small_vector<change, 2> changes_;
};

} // namespace

std::vector<commit_outcome> commit_to_memory(memory_store& store,
                                             std::span<mutation> batch) {
  return memory_commit{store, batch}.run();
}

expected<std::unique_ptr<staged_blob>>
stage_in_memory(std::shared_ptr<memory_store> store, std::string_view key,
                uint64_t prefix_size) {
  auto result
    = std::make_unique<memory_staged_blob>(std::move(store), key, prefix_size);
  if (auto ok = result->init(); !ok)
    return fail(ok.error());
  return result;
}

} // namespace larder::detail
