// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Backends that write wrongly.

#pragma once

#include "backends/broken/tools.hpp"

namespace broken {

struct drops_preconditions : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    for (auto& x : batch)
      x.condition = {};
    return inner().commit(batch);
  }
};

struct drops_preconditions_of_erases : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    for (auto& x : batch)
      if (std::holds_alternative<std::monostate>(x.content))
        x.condition = {};
    return inner().commit(batch);
  }
};

struct drops_preconditions_of_staged : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    for (auto& x : batch)
      if (x.content.index() == 2)
        x.condition = {};
    return inner().commit(batch);
  }
};

/// Looks first and writes then, as if that were one step.
struct checks_then_acts : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    std::vector<commit_outcome> result;
    for (auto& x : batch)
      result.push_back(commit_one(x));
    return result;
  }

  commit_outcome commit_one(mutation& x) {
    read_request request{x.key, blob_part::header, 0, 0, {}};
    auto found = std::move(inner().read({&request, 1})[0]);
    auto absent = x.condition.type == precondition::kind::absent;
    auto matches = x.condition.type == precondition::kind::matches;
    auto lost
      = matches
        && (!*found || header::decode((*found)->data)->rev != x.condition.rev);
    if (lost || (absent && *found))
      return fail(errc::precondition_failed, "too late");
    if (absent || matches) { // lets another thread come here
      auto before = waiting_++;
      for (int i = 0; i < 1000 && waiting_ < before + 2; ++i)
        std::this_thread::yield();
    }
    x.condition = {};
    return std::move(inner().commit({&x, 1})[0]);
  }

  std::atomic<int> waiting_ = 0;
};

/// Groups are all or nothing, but their preconditions are looked at before.
struct checks_groups_then_acts : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    if (batch.empty() || batch.front().group == 0)
      return inner().commit(batch);
    // As mutations that change nothing: with the right outcome for each.
    std::vector<mutation> looks;
    for (auto& x : batch)
      looks.push_back({x.key, keep{}, x.condition, x.group});
    auto result = inner().commit(looks);
    for (auto& x : result)
      if (!x)
        return result;
    auto before = waiting_++; // lets another thread come here
    for (int i = 0; i < 1000 && waiting_ < before + 2; ++i)
      std::this_thread::yield();
    for (auto& x : batch)
      x.condition = {};
    return inner().commit(batch);
  }

  std::atomic<int> waiting_ = 0;
};

struct claims_success : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    auto result = inner().commit(batch);
    for (auto& x : result)
      if (!x)
        x = commit_result{};
    return result;
  }
};

struct loses_every_tenth_write : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    if (++count_ % 10 == 0)
      return std::vector<commit_outcome>(batch.size(), commit_result{true});
    return inner().commit(batch);
  }

  std::atomic<int> count_ = 0;
};

struct swaps_blobs : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    if (batch.size() > 1)
      std::swap(batch[0].content, batch[1].content);
    return inner().commit(batch);
  }
};

struct truncates : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    for (auto& x : batch)
      if (auto* blob = std::get_if<std::shared_ptr<const bytes>>(&x.content))
        if ((*blob)->size() > 65'536)
          *blob = std::make_shared<const bytes>((*blob)->begin(),
                                                (*blob)->begin() + 65'536);
    return inner().commit(batch);
  }
};

/// Overwrites in place without cutting off what was longer.
struct keeps_old_tail : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    for (auto& x : batch)
      if (auto* blob = std::get_if<std::shared_ptr<const bytes>>(&x.content)) {
        read_request request{x.key, blob_part::all, 0, 0, {}};
        auto old = std::move(*inner().read({&request, 1})[0]);
        if (old && old->data.size() > (*blob)->size()) {
          auto mixed = **blob;
          append(mixed, old->data.subspan(mixed.size()));
          *blob = std::make_shared<const bytes>(std::move(mixed));
        }
      }
    return inner().commit(batch);
  }
};

struct does_not_erase : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    std::vector<commit_outcome> result;
    for (auto& x : batch)
      if (std::holds_alternative<std::monostate>(x.content))
        result.push_back(commit_result{true});
      else
        result.push_back(std::move(inner().commit({&x, 1})[0]));
    return result;
  }
};

struct answers_backwards : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    auto result = inner().commit(batch);
    std::reverse(result.begin(), result.end());
    return result;
  }
};

struct guesses_existed : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    auto result = inner().commit(batch);
    for (auto& x : result)
      if (x)
        x->existed = true;
    return result;
  }
};

/// Takes each mutation and each request on its own, and between the first two
/// waits (not for ever) until another thread has done something.
template <bool Commits, bool Reads>
struct one_by_one : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    ++calls_;
    if (!Commits)
      return inner().commit(batch);
    return split<commit_outcome>(batch, [this](auto& x) {
      return inner().commit({&x, 1});
    });
  }

  std::vector<read_outcome>
  read(std::span<const read_request> requests) override {
    ++calls_;
    if (!Reads)
      return inner().read(requests);
    return split<read_outcome>(requests, [this](auto& x) {
      return inner().read({&x, 1});
    });
  }

  template <class Outcome, class Items, class F>
  std::vector<Outcome> split(Items items, F f) {
    std::vector<Outcome> result;
    for (auto& x : items) {
      auto before = calls_.load();
      result.push_back(std::move(f(x)[0]));
      for (int i = 0; i < 1000 && result.size() == 1 && calls_ == before; ++i)
        std::this_thread::yield();
    }
    return result;
  }

  std::atomic<int> calls_ = 0;
};

using commits_one_by_one = one_by_one<true, false>;
using reads_one_by_one = one_by_one<false, true>;

/// As if each batch were one group.
struct one_fails_the_batch : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    for (auto& x : batch)
      x.group = 1;
    return inner().commit(batch);
  }
};

struct keep_erases : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    for (auto& x : batch)
      if (std::holds_alternative<keep>(x.content))
        x.content = {};
    return inner().commit(batch);
  }
};

/// Writes the new header first and the rest later.
struct writes_in_two_steps : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    for (auto& x : batch)
      if (auto* blob = std::get_if<std::shared_ptr<const bytes>>(&x.content)) {
        auto torn = **blob;
        torn.resize(torn.size() / 2 + 32);
        auto first = put(x.key, std::move(torn));
        inner().commit({&first, 1});
        std::this_thread::yield();
      }
    return inner().commit(batch);
  }
};

struct throws : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation>) override {
    throw std::runtime_error{"disk on fire"};
  }
};

} // namespace broken
