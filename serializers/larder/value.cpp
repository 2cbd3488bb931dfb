// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/value.hpp"

#include "larder/number.hpp"

#include <xxhash.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <limits>

namespace larder {

// -- nodes --------------------------------------------------------------------

/// What the larger kinds share: a reference count, and figures computed once.
struct value::node {
  mutable std::atomic<size_t> references{1};
  mutable std::atomic<size_t> hash{0}; // 0: not computed yet
  uint32_t depth = 0;
  kind type;

  explicit node(kind k) noexcept : type(k) {
    // nop
  }
};

template <class T>
struct value::node_of : node {
  T content;

  node_of(kind k, T x) : node(k), content(std::move(x)) {
    // nop
  }
};

namespace {

using items_t = std::vector<value>;

using entries_t = std::vector<value::entry>;

struct tagged_t {
  std::string tag;
  value content;
};

uint32_t one_deeper(size_t depth) noexcept {
  constexpr size_t top = std::numeric_limits<uint32_t>::max();
  return static_cast<uint32_t>(std::min(depth + 1, top));
}

uint32_t depth_of(const items_t& xs) noexcept {
  size_t result = 0;
  for (auto& x : xs)
    result = std::max(result, x.depth());
  return one_deeper(result);
}

uint32_t depth_of(const entries_t& xs) noexcept {
  size_t result = 0;
  for (auto& [key, val] : xs)
    result = std::max({result, key.depth(), val.depth()});
  return one_deeper(result);
}

uint32_t depth_of(const tagged_t& x) noexcept {
  return one_deeper(x.content.depth());
}

template <class T>
uint32_t depth_of(const T&) noexcept {
  return 0;
}

size_t hash_bytes(const void* data, size_t size, size_t seed) noexcept {
  return XXH3_64bits_withSeed(data, size, seed);
}

/// Maps doubles to integers of the same order: -NaN does not occur.
int64_t ordered_bits(double x) noexcept {
  auto raw = std::bit_cast<int64_t>(x);
  return raw < 0 ? raw ^ std::numeric_limits<int64_t>::max() : raw;
}

std::strong_ordering order_text(std::string_view x,
                                std::string_view y) noexcept {
  return x.compare(y) <=> 0;
}

bool less_key(const value::entry& x, const value& key) noexcept {
  return x.first < key;
}

} // namespace

template <class T>
const T& value::content_as() const noexcept {
  return static_cast<const node_of<T>*>(node_)->content;
}

// -- constructors, destructors, and assignment --------------------------------

value::value(double x) noexcept : kind_(kind::real) {
  real_ = std::isnan(x) ? std::numeric_limits<double>::quiet_NaN() : x;
}

value::value(std::string x)
  : kind_(kind::string),
    node_(new node_of<std::string>(kind::string, std::move(x))) {
  // nop
}

value::value(std::string_view x) : value(std::string{x}) {
  // nop
}

value::value(const char* x) : value(std::string{x}) {
  // nop
}

value::value(larder::bytes x)
  : kind_(kind::bytes),
    node_(new node_of<larder::bytes>(kind::bytes, std::move(x))) {
  // nop
}

value::value(const larder::uuid& x)
  : kind_(kind::uuid), node_(new node_of<larder::uuid>(kind::uuid, x)) {
  // nop
}

value::value(larder::big_integer x) : kind_(kind::integer), integer_(0) {
  using limits = std::numeric_limits<int64_t>;
  if (x.digits >= limits::min() && x.digits <= limits::max()) {
    integer_ = static_cast<int64_t>(x.digits);
    return;
  }
  node_ = new node_of<larder::big_integer>(kind::big_integer, std::move(x));
  kind_ = kind::big_integer;
}

value::value(larder::decimal x)
  : kind_(kind::decimal),
    node_(new node_of<larder::decimal>(kind::decimal, std::move(x))) {
  // nop
}

value value::from_unsigned(uint64_t x) {
  return value{larder::big_integer{x}};
}

value value::keyword(std::string_view name) {
  return {kind::keyword,
          new node_of<std::string>(kind::keyword, std::string{name})};
}

value value::symbol(std::string_view name) {
  return {kind::symbol,
          new node_of<std::string>(kind::symbol, std::string{name})};
}

value value::instant(int64_t ms) noexcept {
  value result;
  result.kind_ = kind::instant;
  result.integer_ = ms;
  return result;
}

namespace {

template <class Node, class T>
Node* make_collection(value::kind k, T content) {
  auto depth = depth_of(content);
  auto ptr = new Node(k, std::move(content));
  ptr->depth = depth;
  return ptr;
}

} // namespace

value value::vector(std::vector<value> items) {
  return {kind::vector,
          make_collection<node_of<items_t>>(kind::vector, std::move(items))};
}

value value::list(std::vector<value> items) {
  return {kind::list,
          make_collection<node_of<items_t>>(kind::list, std::move(items))};
}

value value::set(std::vector<value> items) {
  std::sort(items.begin(), items.end());
  items.erase(std::unique(items.begin(), items.end()), items.end());
  return set_from_sorted(std::move(items));
}

value value::set_from_sorted(std::vector<value> items) {
  return {kind::set,
          make_collection<node_of<items_t>>(kind::set, std::move(items))};
}

value value::map(std::vector<entry> entries) {
  auto less = [](const entry& x, const entry& y) { return x.first < y.first; };
  if (!std::is_sorted(entries.begin(), entries.end(), less))
    std::stable_sort(entries.begin(), entries.end(), less);
  // Keep the last of equal keys: unique() from the back keeps what it sees
  // first.
  auto same = [](const entry& x, const entry& y) { return x.first == y.first; };
  auto first = std::unique(entries.rbegin(), entries.rend(), same).base();
  entries.erase(entries.begin(), first);
  return map_from_sorted(std::move(entries));
}

value value::map_from_sorted(std::vector<entry> entries) {
  return {kind::map,
          make_collection<node_of<entries_t>>(kind::map, std::move(entries))};
}

value value::tagged(std::string_view tag, value content) {
  return {kind::tagged,
          make_collection<node_of<tagged_t>>(
            kind::tagged, tagged_t{std::string{tag}, std::move(content)})};
}

bool value::is_reserved_tag(std::string_view tag) noexcept {
  return tag == "inst" || tag == "uuid" || tag.starts_with("larder/");
}

value::value(const value& other) noexcept
  : kind_(other.kind_), integer_(other.integer_) {
  if (has_node(kind_)) {
    node_ = other.node_;
    node_->references.fetch_add(1, std::memory_order_relaxed);
  }
}

value& value::operator=(const value& other) noexcept {
  return *this = value{other};
}

void value::drop_node() noexcept {
  if (node_->references.fetch_sub(1, std::memory_order_acq_rel) == 1)
    release(node_);
}

void value::release(const node* ptr) noexcept {
  // Children are moved to a list and released from there, so that the depth of
  // a value never becomes the depth of the call stack.
  static thread_local std::vector<value>* pending = nullptr;
  std::vector<value> own;
  auto outermost = pending == nullptr;
  if (outermost)
    pending = &own;
  auto keep = [](value& x) {
    if (x.depth() > 0)
      pending->push_back(std::move(x));
  };
  switch (ptr->type) {
    case kind::string:
    case kind::keyword:
    case kind::symbol:
      delete static_cast<const node_of<std::string>*>(ptr);
      break;
    case kind::bytes:
      delete static_cast<const node_of<larder::bytes>*>(ptr);
      break;
    case kind::uuid:
      delete static_cast<const node_of<larder::uuid>*>(ptr);
      break;
    case kind::big_integer:
      delete static_cast<const node_of<larder::big_integer>*>(ptr);
      break;
    case kind::decimal:
      delete static_cast<const node_of<larder::decimal>*>(ptr);
      break;
    case kind::vector:
    case kind::list:
    case kind::set: {
      auto self = static_cast<node_of<items_t>*>(const_cast<node*>(ptr));
      if (self->depth > 1)
        for (auto& x : self->content)
          keep(x);
      delete self;
      break;
    }
    case kind::map: {
      auto self = static_cast<node_of<entries_t>*>(const_cast<node*>(ptr));
      if (self->depth > 1)
        for (auto& [key, val] : self->content) {
          keep(const_cast<value&>(key));
          keep(val);
        }
      delete self;
      break;
    }
    case kind::tagged: {
      auto self = static_cast<node_of<tagged_t>*>(const_cast<node*>(ptr));
      keep(self->content.content);
      delete self;
      break;
    }
    default:
      break;
  }
  if (outermost) {
    while (!own.empty()) {
      auto last = std::move(own.back());
      own.pop_back();
    }
    pending = nullptr;
  }
}

// -- inspection ---------------------------------------------------------------

std::string_view value::as_string() const noexcept {
  return content_as<std::string>();
}

bytes_view value::as_bytes() const noexcept {
  return content_as<larder::bytes>();
}

const larder::uuid& value::as_uuid() const noexcept {
  return content_as<larder::uuid>();
}

const larder::big_integer& value::as_big_integer() const noexcept {
  return content_as<larder::big_integer>();
}

const larder::decimal& value::as_decimal() const noexcept {
  return content_as<larder::decimal>();
}

std::span<const value> value::items() const noexcept {
  return content_as<items_t>();
}

std::span<const value::entry> value::entries() const noexcept {
  return content_as<entries_t>();
}

std::string_view value::tag() const noexcept {
  return content_as<tagged_t>().tag;
}

const value& value::content() const noexcept {
  return content_as<tagged_t>().content;
}

size_t value::size() const noexcept {
  switch (kind_) {
    case kind::string:
    case kind::keyword:
    case kind::symbol:
      return as_string().size();
    case kind::bytes:
      return as_bytes().size();
    case kind::vector:
    case kind::list:
    case kind::set:
      return items().size();
    case kind::map:
      return entries().size();
    default:
      return 0;
  }
}

const value* value::find(const value& key) const noexcept {
  if (kind_ == kind::map) {
    auto xs = entries();
    auto i = std::lower_bound(xs.begin(), xs.end(), key, less_key);
    return i != xs.end() && i->first == key ? &i->second : nullptr;
  }
  auto xs = items();
  auto i = std::lower_bound(xs.begin(), xs.end(), key);
  return i != xs.end() && *i == key ? &*i : nullptr;
}

size_t value::depth() const noexcept {
  return is_collection() ? node_->depth : 0;
}

size_t value::footprint() const noexcept {
  constexpr size_t allocation = 16;
  auto result = sizeof(value);
  if (!has_node(kind_))
    return result;
  result += allocation + sizeof(node_of<tagged_t>);
  switch (kind_) {
    case kind::vector:
    case kind::list:
    case kind::set:
      for (auto& x : items())
        result += x.footprint();
      break;
    case kind::map:
      for (auto& [key, val] : entries())
        result += key.footprint() + val.footprint();
      break;
    case kind::tagged:
      result += tag().size() + content().footprint();
      break;
    case kind::big_integer:
      result += as_big_integer().digits.backend().size() * sizeof(uint64_t);
      break;
    case kind::decimal:
      result += as_decimal().unscaled.backend().size() * sizeof(uint64_t);
      break;
    default:
      result += size();
  }
  return result;
}

size_t value::hash() const noexcept {
  auto seed = static_cast<size_t>(kind_) + 1;
  if (!has_node(kind_)) {
    auto raw = kind_ == kind::real ? std::bit_cast<int64_t>(real_) : integer_;
    return hash_bytes(&raw, sizeof(raw), seed);
  }
  auto result = node_->hash.load(std::memory_order_relaxed);
  if (result != 0)
    return result;
  auto mix = [&](size_t x) { result = hash_bytes(&x, sizeof(x), result); };
  result = seed;
  switch (kind_) {
    case kind::string:
    case kind::keyword:
    case kind::symbol:
      result = hash_bytes(as_string().data(), as_string().size(), seed);
      break;
    case kind::bytes:
      result = hash_bytes(as_bytes().data(), as_bytes().size(), seed);
      break;
    case kind::uuid:
      result = hash_bytes(as_uuid().data.data(), 16, seed);
      break;
    case kind::big_integer:
      mix(boost::multiprecision::hash_value(as_big_integer().digits));
      break;
    case kind::decimal:
      mix(boost::multiprecision::hash_value(as_decimal().unscaled));
      mix(static_cast<size_t>(as_decimal().scale));
      break;
    case kind::map:
      for (auto& [key, val] : entries()) {
        mix(key.hash());
        mix(val.hash());
      }
      break;
    case kind::tagged:
      mix(hash_bytes(tag().data(), tag().size(), seed));
      mix(content().hash());
      break;
    default:
      for (auto& x : items())
        mix(x.hash());
  }
  if (result == 0)
    result = 1;
  node_->hash.store(result, std::memory_order_relaxed);
  return result;
}

// -- modifiers ----------------------------------------------------------------

bool value::shares() const noexcept {
  return node_->references.load(std::memory_order_acquire) > 1;
}

std::vector<value> value::take_items() && {
  auto& xs = content_as<items_t>();
  std::vector<value> result;
  if (shares())
    result = xs;
  else
    result = std::move(const_cast<items_t&>(xs));
  *this = value{};
  return result;
}

std::vector<value::entry> value::take_entries() && {
  auto& xs = content_as<entries_t>();
  std::vector<entry> result;
  if (shares())
    result = xs;
  else
    result = std::move(const_cast<entries_t&>(xs));
  *this = value{};
  return result;
}

value value::with(const value& key, value x) const& {
  return value{*this}.with(key, std::move(x));
}

value value::with(const value& key, value x) && {
  auto xs = std::move(*this).take_entries();
  auto i = std::lower_bound(xs.begin(), xs.end(), key, less_key);
  if (i != xs.end() && i->first == key)
    i->second = std::move(x);
  else
    xs.emplace(i, key, std::move(x));
  return map_from_sorted(std::move(xs));
}

value value::without(const value& key) const& {
  return find(key) == nullptr ? *this : value{*this}.without(key);
}

value value::without(const value& key) && {
  if (find(key) == nullptr)
    return std::move(*this);
  if (kind_ == kind::map) {
    auto xs = std::move(*this).take_entries();
    xs.erase(std::lower_bound(xs.begin(), xs.end(), key, less_key));
    return map_from_sorted(std::move(xs));
  }
  auto xs = std::move(*this).take_items();
  xs.erase(std::lower_bound(xs.begin(), xs.end(), key));
  return set_from_sorted(std::move(xs));
}

// -- comparison ---------------------------------------------------------------

std::strong_ordering value::compare(const value& x, const value& y) noexcept {
  if (x.kind_ != y.kind_)
    return x.kind_ <=> y.kind_;
  if (has_node(x.kind_) && x.node_ == y.node_)
    return std::strong_ordering::equal;
  switch (x.kind_) {
    case kind::nil:
      return std::strong_ordering::equal;
    case kind::boolean:
    case kind::integer:
    case kind::character:
    case kind::instant:
      return x.integer_ <=> y.integer_;
    case kind::real:
      return ordered_bits(x.real_) <=> ordered_bits(y.real_);
    case kind::string:
    case kind::keyword:
    case kind::symbol:
      return order_text(x.as_string(), y.as_string());
    case kind::bytes:
      return order_text(as_chars(x.as_bytes()), as_chars(y.as_bytes()));
    case kind::uuid:
      return x.as_uuid() <=> y.as_uuid();
    case kind::big_integer:
      return x.as_big_integer() <=> y.as_big_integer();
    case kind::decimal:
      return x.as_decimal() <=> y.as_decimal();
    case kind::vector:
    case kind::list:
    case kind::set: {
      auto xs = x.items();
      auto ys = y.items();
      return std::lexicographical_compare_three_way(xs.begin(), xs.end(),
                                                    ys.begin(), ys.end());
    }
    case kind::map: {
      auto xs = x.entries();
      auto ys = y.entries();
      return std::lexicographical_compare_three_way(xs.begin(), xs.end(),
                                                    ys.begin(), ys.end());
    }
    case kind::tagged: {
      auto res = order_text(x.tag(), y.tag());
      return res != 0 ? res : compare(x.content(), y.content());
    }
  }
  return std::strong_ordering::equal;
}

bool value::equal(const value& x, const value& y) noexcept {
  if (x.kind_ != y.kind_)
    return false;
  if (!has_node(x.kind_))
    return compare(x, y) == 0;
  if (x.node_ == y.node_)
    return true;
  // Different hashes, where both are known, save the walk.
  auto xh = x.node_->hash.load(std::memory_order_relaxed);
  auto yh = y.node_->hash.load(std::memory_order_relaxed);
  if (xh != 0 && yh != 0 && xh != yh)
    return false;
  return x.size() == y.size() && compare(x, y) == 0;
}

// -- free functions -----------------------------------------------------------

std::string_view to_string(value::kind x) noexcept {
  constexpr std::string_view names[]
    = {"nil",       "boolean", "integer", "big_integer", "real",  "decimal",
       "character", "string",  "keyword", "symbol",      "bytes", "uuid",
       "instant",   "vector",  "list",    "set",         "map",   "tagged"};
  return names[static_cast<size_t>(x)];
}

} // namespace larder
