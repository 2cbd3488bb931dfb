// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Which keys are watched.

#pragma once

#include "larder/messages/watches.hpp"
#include "larder/value.hpp"

#include <bitset>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace larder::internal {

/// What somebody wants to see of which keys.
struct watched {
  watch_scope scope = watch_scope::everything;
  /// Nil for everything.
  value key{};
  bool with_before = false;
  bool with_after = false;

  /// Whether `key` is among them.
  bool contains(const value& key) const noexcept;

  /// Whether everything that `other` would see is seen here as well.
  bool covers(const watched& other) const noexcept;

  friend bool operator==(const watched&, const watched&) = default;
};

/// Whether `x` may be a prefix: has characters that others begin with.
inline bool is_text(const value& x) noexcept {
  return x.is(value::kind::string) || x.is(value::kind::keyword)
         || x.is(value::kind::symbol);
}

/// Whether `key` is of the kind of `prefix` and begins with its characters.
bool begins_with(const value& key, const value& prefix) noexcept;

/// Finds those who watch a key: in constant time for keys and everything, and
/// in one step per length of a prefix that occurs.
/// @tparam Data what belongs to an item beside
template <class Data = std::monostate>
class watch_table {
public:
  struct item {
    uint64_t id;
    watched what;
    Data data{};
  };

  watch_table() = default;

  watch_table(const watch_table&) = delete;

  watch_table& operator=(const watch_table&) = delete;

  /// Adds an item, or does nothing and returns null if there is one of that
  /// number. It stays where it is until it is removed.
  item* add(uint64_t id, watched what) {
    auto [i, added] = items_.try_emplace(id, item{id, std::move(what)});
    if (!added)
      return nullptr;
    auto& x = i->second;
    switch (x.what.scope) {
      case watch_scope::everything:
        everything_.push_back(&x);
        break;
      case watch_scope::key:
        keys_[x.what.key].push_back(&x);
        key_filter_.set(filter_index(x.what.key));
        break;
      case watch_scope::prefix: {
        auto text = x.what.key.as_string();
        auto& found = prefixes_[prefix{x.what.key.type(), std::string{text}}];
        if (found.empty())
          ++lengths_[text.size()];
        found.push_back(&x);
      }
    }
    return &x;
  }

  /// Returns what the item watched, if there was one.
  std::optional<watched> remove(uint64_t id) {
    auto i = items_.find(id);
    if (i == items_.end())
      return std::nullopt;
    auto take_out = [ptr = &i->second](std::vector<item*>& xs) {
      std::erase(xs, ptr);
      return xs.empty();
    };
    auto& what = i->second.what;
    switch (what.scope) {
      case watch_scope::everything:
        take_out(everything_);
        break;
      case watch_scope::key:
        if (auto j = keys_.find(what.key); take_out(j->second))
          keys_.erase(j);
        if (keys_.empty() || ++stale_ > filter_size / 8)
          refill_filter();
        break;
      case watch_scope::prefix: {
        auto text = what.key.as_string();
        auto j = prefixes_.find(prefix_view{what.key.type(), text});
        if (!take_out(j->second))
          break;
        prefixes_.erase(j);
        auto length = lengths_.find(text.size());
        if (--length->second == 0)
          lengths_.erase(length);
      }
    }
    auto result = std::move(what);
    items_.erase(i);
    return result;
  }

  /// @pre there is such an item
  item& at(uint64_t id) {
    return items_.at(id);
  }

  const item& at(uint64_t id) const {
    return items_.at(id);
  }

  bool empty() const noexcept {
    return items_.empty();
  }

  size_t size() const noexcept {
    return items_.size();
  }

  /// Calls `f(item)` for each item that `key` is part of.
  template <class F>
  void for_each(const value& key, F f) {
    visit(key, [&f](item& x) { f(x); });
  }

  template <class F>
  void for_each(const value& key, F f) const {
    visit(key, [&f](const item& x) { f(x); });
  }

  /// Calls `f(item)` for all items.
  template <class F>
  void for_all(F f) {
    for (auto& [id, x] : items_)
      f(x);
  }

  template <class F>
  void for_all(F f) const {
    for (auto& [id, x] : items_)
      f(x);
  }

private:
  struct prefix {
    value::kind kind;
    std::string text;
  };

  struct prefix_view {
    value::kind kind;
    std::string_view text;
  };

  struct prefix_hash {
    using is_transparent = void;

    size_t operator()(const auto& x) const noexcept {
      return std::hash<std::string_view>{}(x.text)
             + static_cast<size_t>(x.kind);
    }
  };

  struct prefix_equal {
    using is_transparent = void;

    bool operator()(const auto& x, const auto& y) const noexcept {
      return x.kind == y.kind && x.text == y.text;
    }
  };

  template <class F>
  void visit(const value& key, F f) const {
    auto call = [&f](const std::vector<item*>& xs) {
      for (auto x : xs)
        f(*x);
    };
    call(everything_);
    if (key_filter_.test(filter_index(key)))
      if (auto i = keys_.find(key); i != keys_.end())
        call(i->second);
    if (lengths_.empty() || !is_text(key))
      return;
    auto text = key.as_string();
    for (auto& [length, count] : lengths_) {
      if (length > text.size())
        return;
      if (auto i
          = prefixes_.find(prefix_view{key.type(), text.substr(0, length)});
          i != prefixes_.end())
        call(i->second);
    }
  }

  static constexpr size_t filter_size = size_t{1} << 13; // bits

  /// The remainder of the hash is what the keys of one key actor share.
  static size_t filter_index(const value& key) {
    return key.hash() / 1024 % filter_size;
  }

  void refill_filter() {
    key_filter_.reset();
    for (auto& [key, xs] : keys_)
      key_filter_.set(filter_index(key));
    stale_ = 0;
  }

  std::unordered_map<uint64_t, item> items_;
  std::vector<item*> everything_;
  std::unordered_map<value, std::vector<item*>> keys_;
  /// A bit is set for each of `keys_`, and for some that have been: small
  /// enough to stay in the processor's cache, it answers for most keys.
  std::bitset<filter_size> key_filter_;
  size_t stale_ = 0; ///< keys whose bits may be set although they are gone
  std::unordered_map<prefix, std::vector<item*>, prefix_hash, prefix_equal>
    prefixes_;
  /// How many different prefixes there are of each length, in bytes.
  std::map<size_t, size_t> lengths_;
};

} // namespace larder::internal
