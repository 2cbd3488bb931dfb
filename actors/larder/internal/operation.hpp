// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// One request on one key on its way through a key actor.

#pragma once

#include "larder/error.hpp"
#include "larder/internal/entry.hpp"
#include "larder/internal/statistics.hpp"
#include "larder/messages/watches.hpp"
#include "larder/value.hpp"

#include <cstdint>
#include <memory>
#include <string_view>

namespace larder::internal {

class store_context;

/// Makes revisions that no other commit has: a random half and a counter.
class revision_source {
public:
  revision_source() {
    fill_random(std::span{last_.data}.first(8));
  }

  revision mint() {
    auto counter = load_big_endian<uint64_t>(&last_.data[8]) + 1;
    store_big_endian(&last_.data[8], counter);
    return last_;
  }

private:
  revision last_;
};

/// What operations need to know when they are applied.
struct apply_context {
  store_context& store;

  /// The encoded key.
  std::string_view encoded_key;

  /// Wall clock, ms since 1970.
  int64_t now;

  revision_source& revisions;

  /// Whether somebody may be shown the new content.
  bool watched = false;
};

/// An operation is applied to the state of its key (again after a conflict with
/// another process), and answered when what it has seen or changed is durable.
class operation {
public:
  virtual ~operation() = default;

  virtual const value& key() const noexcept = 0;

  virtual knowledge needs() const noexcept = 0;

  /// Bytes that it keeps alive while it waits.
  virtual size_t cost() const noexcept = 0;

  /// Looks at the state, changes it if it is a mutation, and keeps its answer.
  /// @returns whether the state has changed
  virtual bool apply(entry& state, const apply_context& ctx) = 0;

  /// Sends the answer that `apply` has kept. Must not give the shard anything
  /// to do: it is in the middle of something.
  virtual void answer() = 0;

  /// Sends an error instead. As `answer`.
  virtual void fail(const error& err) = 0;

  /// How the key changes if `apply` returns true.
  virtual change_kind kind() const noexcept = 0;

  /// Whether it may change the key at all.
  virtual bool may_change() const noexcept {
    return true;
  }

  /// Whether it is not applied but holds the key: when its turn has come,
  /// `shard::take_held` hands it out, and nothing else happens on the key
  /// before `shard::release`.
  virtual bool holds() const noexcept {
    return false;
  }

  /// Since when it is under way.
  const stopwatch& age() const noexcept {
    return age_;
  }

private:
  stopwatch age_;
};

using operation_ptr = std::unique_ptr<operation>;

} // namespace larder::internal
