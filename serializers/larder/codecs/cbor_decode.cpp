// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/ascending.hpp"
#include "larder/detail/cbor_decoder.hpp"
#include "larder/number.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace larder::detail::cbor {

namespace {

using boost::multiprecision::cpp_int;

/// Shorter strings are always copied.
constexpr size_t min_shared_size = 4096;

/// Input of fewer bytes is decoded without a cache of keys.
constexpr size_t small_input = 1024;

constexpr size_t recent_key_slots = 64;

constexpr uint64_t max_int64 = std::numeric_limits<int64_t>::max();

double from_half(uint64_t bits) noexcept {
  auto exponent = static_cast<int>((bits >> 10) & 0x1F);
  auto fraction = static_cast<double>(bits & 0x3FF);
  auto result = exponent == 0 ? std::ldexp(fraction, -24)
                              : std::ldexp(fraction + 1024, exponent - 25);
  if (exponent == 31)
    result = fraction == 0 ? std::numeric_limits<double>::infinity()
                           : std::numeric_limits<double>::quiet_NaN();
  return (bits & 0x8000) != 0 ? -result : result;
}

} // namespace

decoder::decoder(bytes_view in, const dialect& how, const limits& lim,
                 const std::shared_ptr<const void>& owner)
  : reader(in, how, lim.max_value_size),
    owner_(owner),
    reservable_(in.size()),
    recent_keys_(in.size() < small_input ? 0 : recent_key_slots) {
  // nop
}

expected<value> decoder::run(size_t max_depth) {
  constexpr std::byte prefix[]
    = {std::byte{0xD9}, std::byte{0xD9}, std::byte{0xF7}};
  static_assert(tag_self_described == 0xD9F7);
  if (rest() > sizeof(prefix)
      && memcmp(ahead().data(), prefix, sizeof(prefix)) == 0)
    skip(sizeof(prefix));
  value result;
  if (read(result, max_depth) && (rest() == 0 || skip_index_frame()))
    return result;
  return larder::fail(std::move(*this).failure());
}

// -- values -------------------------------------------------------------------

bool decoder::read(value& result, size_t depth) {
  head x;
  if (!read_head(x))
    return false;
  switch (x.major) {
    case major::natural:
    case major::negative:
      result = integer(x);
      return true;
    case major::bytes:
    case major::text: {
      string_item item;
      return read_string(x, item) && make_string(item, result);
    }
    case major::array: {
      std::vector<value> items;
      if (!read_items(x, items, depth))
        return false;
      result = value::vector(std::move(items));
      return true;
    }
    case major::map:
      return read_map(x, result, depth);
    case major::tag:
      return read_tag(x.argument, result, depth);
    case major::simple:
      break;
  }
  return read_simple(x, result);
}

bool decoder::read_simple(const head& x, value& result) {
  switch (x.info) {
    case 20:
    case 21:
      result = x.info == 21;
      return true;
    case 22:
      result = value{};
      return true;
    case 25:
      result = from_half(x.argument);
      return true;
    case 26:
      result = double{std::bit_cast<float>(static_cast<uint32_t>(x.argument))};
      return true;
    case 27:
      result = std::bit_cast<double>(x.argument);
      return true;
    default:
      return corrupt("a simple value has no meaning here");
  }
}

value decoder::integer(const head& x) {
  if (x.argument > max_int64) {
    cpp_int digits = x.argument;
    return big_integer{x.is(major::natural) ? digits : cpp_int{-1 - digits}};
  }
  auto n = static_cast<int64_t>(x.argument);
  return x.is(major::natural) ? n : ~n;
}

/// Whether a string can stay where it is. It must be most of the input, which
/// it keeps alive.
bool decoder::may_share(const string_item& item) const noexcept {
  auto size = item.content.size();
  return owner_ != nullptr && item.chunks.empty() && size >= min_shared_size
         && size >= (position() + rest()) / 2;
}

/// Makes the value of a string, or takes the one that others share.
bool decoder::make_string(string_item& item, value& result) {
  auto make = [this, &item] {
    if (may_share(item))
      return item.is_text ? value::shared_string(item.text(), owner_)
                          : value::shared_bytes(item.content, owner_);
    if (item.is_text)
      return value{item.text()};
    return item.chunks.empty() ? value{item.content}
                               : value{std::move(item.chunks)};
  };
  if (item.referred == nullptr) {
    result = make();
    return true;
  }
  if (item.referred->plain.is_nil())
    item.referred->plain = make();
  result = item.referred->plain;
  return true;
}

// -- collections --------------------------------------------------------------

bool decoder::enter(size_t depth) {
  return depth > 0
         || fail(errc::limit_exceeded, "the value is nested too deep");
}

/// Checks a declared number of items of `width` bytes at least, and allots
/// memory for them. No input makes all collections together reserve more items
/// than it has bytes, however they are nested.
bool decoder::allot(uint64_t count, size_t width, size_t& reserve) {
  if (count > rest() / width)
    return corrupt("a collection is longer than the input");
  reserve = std::min(static_cast<size_t>(count), reservable_ / width);
  reservable_ -= reserve * width;
  return true;
}

bool decoder::read_items(const head& x, std::vector<value>& items,
                         size_t depth) {
  if (!enter(depth))
    return false;
  if (x.is_indefinite()) {
    while (!take_break())
      if (!read(items.emplace_back(), depth - 1))
        return false;
    return true;
  }
  size_t reserve = 0;
  if (!allot(x.argument, 1, reserve))
    return false;
  items.reserve(reserve);
  for (uint64_t i = 0; i < x.argument; ++i)
    if (!read(items.emplace_back(), depth - 1))
      return false;
  return true;
}

/// Returns the size of the short text or keyword that begins here, else 0.
size_t decoder::short_key_size() const noexcept {
  auto short_text
    = [](std::byte x) { return x >= std::byte{0x60} && x <= std::byte{0x77}; };
  auto in = ahead();
  size_t prefix = 0;
  if (in.size() > 3 && in[0] == std::byte{0xD8}
      && in[1] == std::byte{tag_identifier})
    prefix = 2;
  if (in.size() <= prefix || !short_text(in[prefix]))
    return 0;
  auto size = prefix + 1 + (std::to_integer<size_t>(in[prefix]) & 31);
  return size <= in.size() ? size : 0;
}

/// Reads a key. Records repeat the same few keys, so these are made once and
/// shared, which saves more than half of the time and memory. A namespace of
/// strings does so by itself, and must see all of them.
bool decoder::read_key(value& result, size_t depth) {
  auto size = recent_keys_.empty() || in_namespace() ? 0 : short_key_size();
  if (size == 0)
    return read(result, depth);
  auto encoded = ahead().first(size);
  auto at = [&](size_t i) { return std::to_integer<size_t>(encoded[i]); };
  auto hash = size + at(size - 1) * 5 + at(size / 2) * 3;
  auto& slot = recent_keys_[hash % recent_key_slots];
  if (std::ranges::equal(slot.first, encoded)) {
    result = slot.second;
    skip(size);
    return true;
  }
  if (!read(result, depth))
    return false;
  slot = {encoded, result};
  return true;
}

bool decoder::read_entry(std::vector<value::entry>& entries, size_t depth) {
  auto& [key, val] = entries.emplace_back();
  return read_key(key, depth) && read(val, depth);
}

bool decoder::read_map(const head& x, value& result, size_t depth) {
  if (!enter(depth))
    return false;
  std::vector<value::entry> entries;
  if (x.is_indefinite()) {
    while (!take_break())
      if (!read_entry(entries, depth - 1))
        return false;
  } else {
    size_t reserve = 0;
    if (!allot(x.argument, 2, reserve))
      return false;
    entries.reserve(reserve);
    for (uint64_t i = 0; i < x.argument; ++i)
      if (!read_entry(entries, depth - 1))
        return false;
  }
  auto by_key = [](auto& a, auto& b) { return a.first < b.first; };
  if (!make_ascending(entries, by_key))
    return corrupt("a map has a key twice");
  result = value::map_from_sorted(std::move(entries));
  return true;
}

bool decoder::read_set(value& result, size_t depth) {
  head x;
  std::vector<value> items;
  if (!expect(x, major::array, "a set is no array")
      || !read_items(x, items, depth))
    return false;
  if (!make_ascending(items, std::less<value>{}))
    return corrupt("a set has an item twice");
  result = value::set_from_sorted(std::move(items));
  return true;
}

expected<value> decode(bytes_view in, const dialect& how, const limits& lim,
                       const std::shared_ptr<const void>& owner) {
  if (in.size() > lim.max_value_size)
    return fail(errc::limit_exceeded,
                fmt::format("{}: {} bytes are more than the limit of {}",
                            how.name, in.size(), lim.max_value_size));
  return decoder{in, how, lim, owner}.run(lim.max_depth);
}

} // namespace larder::detail::cbor
