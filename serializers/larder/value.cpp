// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/value.hpp"

#include "larder/detail/value_node.hpp"
#include "larder/number.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace larder {

namespace {

using detail::entries_t;
using detail::items_t;
using detail::tagged_t;

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

bool less_key(const value::entry& x, const value& key) noexcept {
  return x.first < key;
}

} // namespace

// -- constructors, destructors, and assignment --------------------------------

value::value(double x) noexcept : kind_(kind::real) {
  real_ = std::isnan(x) ? std::numeric_limits<double>::quiet_NaN() : x;
}

value::value(std::string x)
  : kind_(kind::string), node_(text_node::keep(kind_, std::move(x))) {
  // nop
}

value::value(std::string_view x)
  : kind_(kind::string), node_(text_node::copy(kind_, larder::as_bytes(x))) {
  // nop
}

value::value(const char* x) : value(std::string_view{x}) {
  // nop
}

value::value(larder::bytes x)
  : kind_(kind::bytes), node_(text_node::keep(kind_, std::move(x))) {
  // nop
}

value::value(bytes_view x)
  : kind_(kind::bytes), node_(text_node::copy(kind_, x)) {
  // nop
}

value value::shared_string(std::string_view xs,
                           std::shared_ptr<const void> owner) {
  return {kind::string, text_node::share(kind::string, larder::as_bytes(xs),
                                         std::move(owner))};
}

value value::shared_bytes(bytes_view xs, std::shared_ptr<const void> owner) {
  return {kind::bytes, text_node::share(kind::bytes, xs, std::move(owner))};
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
          text_node::copy(kind::keyword, larder::as_bytes(name))};
}

value value::symbol(std::string_view name) {
  return {kind::symbol, text_node::copy(kind::symbol, larder::as_bytes(name))};
}

value value::instant(int64_t ms) noexcept {
  value result;
  result.kind_ = kind::instant;
  result.integer_ = ms;
  return result;
}

const value::node* value::empty_collection(kind k) {
  auto make = [](kind x) -> const node* {
    node* result = nullptr;
    if (x == kind::map)
      result = new node_of<entries_t>(x, {});
    else
      result = new node_of<items_t>(x, {});
    result->depth = 1;
    result->immortal = true;
    return result;
  };
  // Never freed: there may be static values that refer to them.
  static const std::array all{make(kind::vector), make(kind::list),
                              make(kind::set), make(kind::map)};
  return all[static_cast<size_t>(k) - static_cast<size_t>(kind::vector)];
}

template <class T>
value value::make_collection(kind k, T content) {
  if (content.empty())
    return {k, empty_collection(k)};
  auto depth = depth_of(content);
  auto ptr = new node_of<T>(k, std::move(content));
  ptr->depth = depth;
  return {k, ptr};
}

value value::vector(std::vector<value> items) {
  return make_collection(kind::vector, std::move(items));
}

value value::list(std::vector<value> items) {
  return make_collection(kind::list, std::move(items));
}

value value::set(std::vector<value> items) {
  std::sort(items.begin(), items.end());
  items.erase(std::unique(items.begin(), items.end()), items.end());
  return set_from_sorted(std::move(items));
}

value value::set_from_sorted(std::vector<value> items) {
  return make_collection(kind::set, std::move(items));
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
  return make_collection(kind::map, std::move(entries));
}

value value::tagged(std::string_view tag, value content) {
  auto depth = one_deeper(content.depth());
  auto ptr = new node_of<tagged_t>(
    kind::tagged, tagged_t{std::string{tag}, std::move(content)});
  ptr->depth = depth;
  return {kind::tagged, ptr};
}

bool value::is_reserved_tag(std::string_view tag) noexcept {
  return tag == "inst" || tag == "uuid" || tag.starts_with("larder/");
}

value::value(const value& other) noexcept
  : kind_(other.kind_), integer_(other.integer_) {
  if (has_node(kind_)) {
    node_ = other.node_;
    node_->acquire();
  }
}

value& value::operator=(const value& other) noexcept {
  return *this = value{other};
}

void value::drop_node() noexcept {
  if (node_->drop())
    release(node_);
}

void value::release(const node* ptr) noexcept {
  if (text_node::holds(ptr->type))
    return text_node::destroy(static_cast<const text_node*>(ptr));
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
  return as_chars(static_cast<const text_node*>(node_)->data);
}

bytes_view value::as_bytes() const noexcept {
  return static_cast<const text_node*>(node_)->data;
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

// -- modifiers ----------------------------------------------------------------

bool value::shares() const noexcept {
  return node_->shares();
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

// -- free functions -----------------------------------------------------------

std::string_view to_string(value::kind x) noexcept {
  constexpr std::string_view names[]
    = {"nil",       "boolean", "integer", "big_integer", "real",  "decimal",
       "character", "string",  "keyword", "symbol",      "bytes", "uuid",
       "instant",   "vector",  "list",    "set",         "map",   "tagged"};
  return names[static_cast<size_t>(x)];
}

} // namespace larder
