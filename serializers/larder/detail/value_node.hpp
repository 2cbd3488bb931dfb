// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What the larger kinds of values keep their content in.

#pragma once

#include "larder/value.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace larder {

namespace detail {

using items_t = std::vector<value>;

using entries_t = std::vector<value::entry>;

struct tagged_t {
  std::string tag;
  value content;
};

} // namespace detail

/// What nodes share: a reference count, and figures computed once.
struct value::node {
  mutable std::atomic<size_t> references{1};
  mutable std::atomic<size_t> hash{0}; // 0: not computed yet
  uint32_t depth = 0;
  kind type;
  /// Never freed and not counted: threads would quarrel about the count of what
  /// nearly all values refer to.
  bool immortal = false;

  explicit node(kind k) noexcept : type(k) {
    // nop
  }

  void acquire() const noexcept {
    if (!immortal)
      references.fetch_add(1, std::memory_order_relaxed);
  }

  /// Returns whether that was the last reference.
  bool drop() const noexcept {
    return !immortal && references.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }

  bool shares() const noexcept {
    return immortal || references.load(std::memory_order_acquire) > 1;
  }
};

template <class T>
struct value::node_of : node {
  T content;

  node_of(kind k, T x) : node(k), content(std::move(x)) {
    // nop
  }
};

template <class T>
const T& value::content_as() const noexcept {
  return static_cast<const node_of<T>*>(node_)->content;
}

/// Characters or bytes. They follow the node in memory, or somebody else keeps
/// them.
struct value::text_node : node {
  bytes_view data;
  bool kept_elsewhere = false;

  static bool holds(kind k) noexcept {
    return k == kind::string || k == kind::keyword || k == kind::symbol
           || k == kind::bytes;
  }

  static const text_node* copy(kind k, bytes_view xs) {
    auto* memory
      = static_cast<std::byte*>(::operator new(sizeof(text_node) + xs.size()));
    auto* data = memory + sizeof(text_node);
    std::copy(xs.begin(), xs.end(), data);
    return new (memory) text_node{k, {data, xs.size()}};
  }

  static const text_node* share(kind k, bytes_view xs,
                                std::shared_ptr<const void> owner);

  /// Takes over a string or bytes; what is small is rather copied.
  template <class T>
  static const text_node* keep(kind k, T xs) {
    constexpr size_t small = 256;
    if (xs.size() <= small)
      return copy(k, std::as_bytes(std::span{xs}));
    auto owner = std::make_shared<const T>(std::move(xs));
    return share(k, std::as_bytes(std::span{*owner}), owner);
  }

  static void destroy(const text_node* ptr) noexcept;

protected:
  text_node(kind k, bytes_view xs) noexcept : node(k), data(xs) {
    // nop
  }
};

struct value::shared_text_node : text_node {
  std::shared_ptr<const void> owner;

  shared_text_node(kind k, bytes_view xs,
                   std::shared_ptr<const void> keeper) noexcept
    : text_node(k, xs), owner(std::move(keeper)) {
    kept_elsewhere = true;
  }
};

inline const value::text_node*
value::text_node::share(kind k, bytes_view xs,
                        std::shared_ptr<const void> owner) {
  return new shared_text_node(k, xs, std::move(owner));
}

inline void value::text_node::destroy(const text_node* ptr) noexcept {
  if (ptr->kept_elsewhere)
    return delete static_cast<const shared_text_node*>(ptr);
  ptr->~text_node();
  ::operator delete(const_cast<text_node*>(ptr));
}

} // namespace larder
