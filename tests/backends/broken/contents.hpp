// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Backends that change what they are given, or keep to no limit.

#pragma once

#include "backends/broken/tools.hpp"

#include "larder/groups.hpp"

#include <algorithm>

namespace broken {

// -- bytes --------------------------------------------------------------------

/// Opens its files in text mode.
struct carriage_returns_lost {
  void operator()(bytes& blob) const {
    auto pos = static_cast<ptrdiff_t>(header::decode(blob)->size());
    std::replace(blob.begin() + pos, blob.end(), std::byte{'\r'},
                 std::byte{'\n'});
  }
};

/// Takes the end of a file for the end of a value.
struct zeros_trimmed {
  void operator()(bytes& blob) const {
    while (blob.size() > header::decode(blob)->value_offset()
           && blob.back() == std::byte{0})
      blob.pop_back();
  }
};

/// Takes a put of an empty value for an erase.
struct erases_empty_values : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    for (auto& x : batch)
      if (auto* blob = std::get_if<blob_ptr>(&x.content))
        if (header::decode(**blob)->value_offset() == (*blob)->size())
          x.content = std::monostate{};
    return inner().commit(batch);
  }
};

/// Gives the metadata of one blob to another in the same batch.
struct swaps_metadata : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    if (batch.size() > 1) {
      auto* one = std::get_if<blob_ptr>(&batch[0].content);
      auto* two = std::get_if<blob_ptr>(&batch[1].content);
      if (one && two) {
        auto mixed = mix(**one, **two);
        *two = mix(**two, **one);
        *one = mixed;
      }
    }
    return inner().commit(batch);
  }

  /// The revision and value of `x` with the metadata of `y`.
  static blob_ptr mix(bytes_view x, bytes_view y) {
    auto a = *header::decode(x);
    auto b = *header::decode(y);
    return std::make_shared<const bytes>(
      make_test_blob(a.rev, y.subspan(b.size(), b.metadata_size),
                     x.subspan(a.value_offset())));
  }
};

// -- limits -------------------------------------------------------------------

constexpr uint64_t key_limit = 600;
constexpr uint64_t blob_limit = 5000;

/// A sound engine with limits, for the checks that need some.
struct limited : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  capabilities caps() const override {
    auto result = inner().caps();
    result.max_key_size = key_limit;
    result.max_blob_size = blob_limit;
    return result;
  }

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    std::vector<commit_outcome> result(batch.size());
    auto failed = [&](size_t i) { return !result[i]; };
    auto refuse = [&](size_t i, error x) { result[i] = fail(std::move(x)); };
    for (size_t i = 0; i < batch.size(); ++i)
      if (is_too_large(batch[i]))
        refuse(i, {errc::limit_exceeded, "too large"});
    spread_failures(batch, failed, refuse);
    std::vector<mutation> rest;
    for (size_t i = 0; i < batch.size(); ++i)
      if (!failed(i))
        rest.push_back(batch[i]);
    auto outcomes = inner().commit(rest);
    auto next = outcomes.begin();
    for (size_t i = 0; i < batch.size(); ++i)
      if (!failed(i))
        result[i] = std::move(*next++);
    return result;
  }

  static bool is_too_large(const mutation& x) {
    auto* blob = std::get_if<blob_ptr>(&x.content);
    return x.key.size() > key_limit || (blob && (*blob)->size() > blob_limit);
  }

  struct limited_blob : staged_blob {
    expected<void> append(bytes_view data) override {
      size += data.size();
      if (size > blob_limit)
        return fail(errc::limit_exceeded, "too large");
      return {};
    }

    expected<void> set_prefix(bytes_view) override {
      return {};
    }

    uint64_t size = 0;
  };

  expected<std::unique_ptr<staged_blob>> stage(std::string_view key,
                                               uint64_t prefix_size) override {
    if (key.size() > key_limit)
      return fail(errc::limit_exceeded, "too large");
    auto result = std::make_unique<limited_blob>();
    result->size = prefix_size;
    return result;
  }
};

/// Forgets about its limits in groups.
struct unlimited_in_groups : limited {
  using limited::limited;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    auto in_group = [](auto& x) { return x.group != 0; };
    if (std::any_of(batch.begin(), batch.end(), in_group))
      return inner().commit(batch);
    return limited::commit(batch);
  }
};

/// As if what is too large were so for its whole batch.
struct refuses_the_batch : limited {
  using limited::limited;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    if (std::none_of(batch.begin(), batch.end(), is_too_large))
      return limited::commit(batch);
    return {batch.size(), fail(errc::limit_exceeded, "too large")};
  }
};

/// Counts the bytes of staged blobs with fewer bits than they need.
struct counts_with_12_bits : limited {
  using limited::limited;

  struct miscounting : limited_blob {
    expected<void> append(bytes_view data) override {
      size = (size + data.size()) % 4096;
      return {};
    }
  };

  expected<std::unique_ptr<staged_blob>> stage(std::string_view,
                                               uint64_t) override {
    return std::make_unique<miscounting>();
  }

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    for (auto& x : batch)
      if (std::holds_alternative<std::shared_ptr<staged_blob>>(x.content))
        x.content = keep{};
    return limited::commit(batch);
  }
};

/// Cuts prefixes off that no index can hold.
struct short_prefixes : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  expected<list_page> list(const list_request& request) override {
    if (request.prefix.size() > 500)
      return list_page{};
    return inner().list(request);
  }
};

// -- ranges -------------------------------------------------------------------

struct offsets_of_32_bits {
  void operator()(read_request& x) const {
    x.offset = static_cast<uint32_t>(x.offset);
  }
};

struct lengths_of_32_bits {
  void operator()(read_request& x) const {
    x.length = static_cast<uint32_t>(x.length);
  }
};

/// Computes the end of a range without a look at overflows.
struct ends_that_wrap {
  void operator()(read_request& x) const {
    auto end = x.offset + x.length;
    x.length = end < x.offset ? 0 : x.length;
  }
};

// -- refused writes -----------------------------------------------------------

/// Says no and does it all the same.
struct refuses_but_writes : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    auto result = inner().commit(batch);
    for (size_t i = 0; i < batch.size(); ++i)
      if (!result[i] && batch[i].group != 0) {
        auto x = batch[i];
        x.condition = {};
        x.group = 0;
        inner().commit({&x, 1});
      }
    return result;
  }
};

/// Says no and lists the key from then on.
struct lists_what_was_refused : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    auto result = inner().commit(batch);
    for (size_t i = 0; i < batch.size(); ++i)
      if (!result[i])
        refused_ = batch[i].key;
    return result;
  }

  expected<list_page> list(const list_request& request) override {
    auto result = inner().list(request);
    auto is_refused = [&](auto& x) { return x.key == refused_; };
    if (result && result->next.empty() && !refused_.empty()
        && refused_.starts_with(request.prefix)
        && std::none_of(result->entries.begin(), result->entries.end(),
                        is_refused))
      result->entries.push_back({refused_, blob_view{}});
    return result;
  }

  std::string refused_;
};

} // namespace broken
