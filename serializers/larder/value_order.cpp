// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The order and the hashes of values.

#include "larder/detail/value_node.hpp"
#include "larder/number.hpp"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <limits>

namespace larder {

namespace {

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

} // namespace

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

// -- hashes -------------------------------------------------------------------

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

} // namespace larder
