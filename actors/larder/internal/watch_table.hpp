// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Which keys are watched.

#pragma once

#include "larder/messages/watches.hpp"
#include "larder/value.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
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
class watch_table {
public:
  watch_table() = default;

  watch_table(const watch_table&) = delete;

  watch_table& operator=(const watch_table&) = delete;

  /// Adds an item, or does nothing if there is one of that number.
  void add(uint64_t id, watched what);

  /// Returns whether there was such an item.
  bool remove(uint64_t id);

  bool empty() const noexcept {
    return items_.empty();
  }

  size_t size() const noexcept {
    return items_.size();
  }

  /// Calls `f(id, watched)` for each item that `key` is part of.
  template <class F>
  void for_each(const value& key, F f) const {
    auto call = [&f](const std::vector<const item*>& xs) {
      for (auto x : xs)
        f(x->first, x->second);
    };
    call(everything_);
    if (!keys_.empty())
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

private:
  using item = std::pair<const uint64_t, watched>;

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

  std::unordered_map<uint64_t, watched> items_;
  std::vector<const item*> everything_;
  std::unordered_map<value, std::vector<const item*>> keys_;
  std::unordered_map<prefix, std::vector<const item*>, prefix_hash,
                     prefix_equal>
    prefixes_;
  /// How many different prefixes there are of each length, in bytes.
  std::map<size_t, size_t> lengths_;
};

} // namespace larder::internal
