// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/fressian_input.hpp"

#include "larder/detail/fressian.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace larder::detail::fressian {

namespace {

constexpr uint32_t footer_magic = 0xCFCF'CFCF;

/// Adler-32 (RFC 1950).
uint32_t checksum(bytes_view xs) noexcept {
  constexpr uint32_t modulus = 65'521;
  constexpr size_t step = 5552; // sums of so many bytes do not overflow
  uint32_t a = 1;
  uint32_t b = 0;
  while (!xs.empty()) {
    auto some = xs.first(std::min(step, xs.size()));
    for (auto x : some) {
      a += std::to_integer<uint32_t>(x);
      b += a;
    }
    a %= modulus;
    b %= modulus;
    xs = xs.subspan(some.size());
  }
  return b << 16 | a;
}

} // namespace

bool input::fail(errc code, std::string_view what) {
  code_ = code;
  message_ = fmt::format("fressian: {} at byte {}", what, position());
  return false;
}

bool input::read_code(uint8_t& code) {
  if (at_end())
    return corrupt("the input is cut off");
  code = std::to_integer<uint8_t>(*pos_++);
  return true;
}

bool input::take(size_t size, bytes_view& xs) {
  if (size > rest())
    return corrupt("the input is cut off");
  xs = {pos_, size};
  pos_ += size;
  return true;
}

bool input::read_big_endian(size_t size, uint64_t& x) {
  bytes_view xs;
  if (!take(size, xs))
    return false;
  x = 0;
  for (auto byte : xs)
    x = x << 8 | std::to_integer<uint64_t>(byte);
  return true;
}

bool input::begins_integer(uint8_t code) noexcept {
  return code < packed_integers[std::size(packed_integers) - 1].end
         || code == code_integer || code == 0xFF;
}

bool input::read_integer(uint8_t code, int64_t& x) {
  uint64_t low = 0;
  if (code == code_integer) {
    if (!read_big_endian(sizeof(low), low))
      return false;
    x = static_cast<int64_t>(low);
    return true;
  }
  x = static_cast<int8_t>(code); // 0 to 63, or -1
  size_t size = 1;
  for (auto& form : packed_integers) {
    if (code >= form.first && code < form.end) {
      if (!read_big_endian(size, low))
        return false;
      // Multiplied, since negative numbers are not to be shifted.
      auto unit = int64_t{1} << (size * 8);
      x = (code - form.zero) * unit + static_cast<int64_t>(low);
    }
    ++size;
  }
  return true;
}

bool input::read_integer(int64_t& x) {
  uint8_t code = 0;
  if (!read_code(code))
    return false;
  return begins_integer(code) ? read_integer(code, x)
                              : corrupt("here should be an integer");
}

bool input::read_size(size_t& size) {
  int64_t x = 0;
  if (!read_integer(x))
    return false;
  if (x < 0 || static_cast<uint64_t>(x) > rest())
    return corrupt("something is longer than the input");
  size = static_cast<size_t>(x);
  return true;
}

bool input::read_chunks(uint8_t code, uint8_t packed, bytes_view& xs,
                        bytes& storage) {
  const auto chunk = static_cast<uint8_t>(packed + packed_sizes);
  const auto last = static_cast<uint8_t>(chunk + 1);
  auto chunked = false;
  for (;; chunked = true) {
    if (code < packed || code > last)
      return corrupt("here should be another chunk");
    auto size = static_cast<size_t>(code - packed);
    if (code >= chunk && !read_size(size))
      return false;
    if (!take(size, xs))
      return false;
    if (chunked || code == chunk)
      append(storage, xs);
    if (code != chunk)
      break;
    if (!read_code(code))
      return false;
  }
  if (chunked)
    xs = storage;
  return true;
}

bool input::read_footer() {
  auto start = pos_ - 1;
  uint64_t magic = 0;
  uint64_t length = 0;
  uint64_t sum = 0;
  if (!read_big_endian(3, magic) || !read_big_endian(4, length))
    return false;
  auto content = bytes_view{segment_, start};
  auto checked = bytes_view{segment_, pos_};
  if (!read_big_endian(4, sum))
    return false;
  if (magic != (footer_magic & 0xFF'FFFF) || length != content.size()
      || sum != checksum(checked))
    return corrupt("a footer does not match what is before it");
  segment_ = pos_;
  return true;
}

} // namespace larder::detail::fressian
