// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/cesu8.hpp"
#include "larder/detail/fressian_decoder.hpp"

#include <fmt/format.h>

#include <bit>

namespace larder::detail::fressian {

namespace {

/// A level of nesting may take calls of `read` for a collection, a place in
/// the cache, and a list inside of it with another.
constexpr size_t frames_per_level = 4;

/// For what no depth is counted of, as the parts of names.
constexpr size_t spare_frames = 16;

/// How many bytes names may take per byte of input because their parts are
/// referred to, without counting names that occur again. Encoders reach it
/// only with names of many hundred characters.
constexpr size_t copies_per_byte = 256;

constexpr size_t spare_copies = 4096;

} // namespace

decoder::decoder(bytes_view in, const limits& lim)
  : in_(in),
    reservable_(in.size()),
    copyable_(in.size() * copies_per_byte + spare_copies),
    expandable_(lim.max_value_size - in.size()),
    frames_(lim.max_depth * frames_per_level + spare_frames) {
  // nop
}

expected<value> decoder::run(size_t max_depth) {
  value result;
  if (!read(result, max_depth) || !read_end())
    return in_.failure();
  return result;
}

// -- objects ------------------------------------------------------------------

bool decoder::read(value& result, size_t depth) {
  uint8_t code = 0;
  if (!in_.read_code(code))
    return false;
  if (frames_ == 0)
    return in_.fail(errc::limit_exceeded, "the value is nested too deep");
  --frames_;
  auto ok = skip_marks(code) && read_object(code, result, depth);
  ++frames_;
  return ok;
}

/// Takes what may stand before an object, and the code of the object.
bool decoder::skip_marks(uint8_t& code) {
  while (code == code_reset_caches || code == code_footer) {
    if (incomplete_ > 0)
      return corrupt("the caches are reset inside of a cached object");
    if (code == code_footer && !in_.read_footer())
      return false;
    cache_.clear();
    structs_.clear();
    names_.clear();
    if (!in_.read_code(code))
      return false;
  }
  return true;
}

bool decoder::read_end() {
  uint8_t code = 0;
  if (in_.sees(code_footer) && !(in_.read_code(code) && in_.read_footer()))
    return false;
  return in_.at_end() || corrupt("something follows the value");
}

bool decoder::read_object(uint8_t code, value& result, size_t depth) {
  int64_t index = 0;
  auto within = [code](uint8_t first, size_t count) {
    return code >= first && code < first + count;
  };
  if (input::begins_integer(code))
    return read_integer(code, result);
  if (within(code_get_cached_packed, packed_cached))
    return get_cached(code - code_get_cached_packed, result, depth);
  if (within(code_struct_packed, packed_structs))
    return read_struct(code - code_struct_packed, result, depth);
  if (within(code_bytes_packed, packed_sizes + 2))
    return read_bytes(code, result);
  if (within(code_string_packed, packed_sizes + 2))
    return read_string(code, result);
  if (within(code_list_packed, packed_sizes + 3)) {
    std::vector<value> items;
    if (!read_list(code, items, depth))
      return false;
    result = value::list(std::move(items));
    return true;
  }
  switch (code) {
    case code_true:
    case code_false:
      result = code == code_true;
      return true;
    case code_nil:
      result = value{};
      return true;
    case code_float:
    case code_real:
    case code_real_0:
    case code_real_1:
      return read_real(code, result);
    case code_put_cached:
      return put_cached(result, depth);
    case code_get_cached:
      return in_.read_integer(index) && get_cached(index, result, depth);
    case code_struct_type:
      return read_struct_type() && read_struct(last_struct(), result, depth);
    case code_struct:
      return in_.read_integer(index) && read_struct(index, result, depth);
    default:
      break;
  }
  if (auto f = find_handler(code))
    return (this->*f)(result, depth);
  return corrupt(
    fmt::format("no object begins with {:#04x}, right before", code));
}

/// Reads an object of one kind.
bool decoder::read_as(value& result, value::kind kind, std::string_view what) {
  return read(result, 0) && (result.is(kind) || corrupt(what));
}

// -- caches -------------------------------------------------------------------

bool decoder::put_cached(value& result, size_t depth) {
  auto index = cache_.size();
  cache_.push_back({{}, 0, false});
  auto start = in_.position();
  auto expandable = expandable_;
  ++incomplete_;
  if (!read(result, depth))
    return false;
  --incomplete_;
  auto size = in_.position() - start + (expandable - expandable_);
  cache_[index] = {result, size, true};
  return true;
}

bool decoder::check_cached(int64_t index) {
  if (index < 0 || static_cast<uint64_t>(index) >= cache_.size())
    return corrupt("a reference names no cached object");
  return cache_[static_cast<size_t>(index)].is_complete
         || corrupt("a cached object refers to itself");
}

/// Few references can make a value of any size, which takes as long to go
/// through as if it were spelled out.
bool decoder::get_cached(int64_t index, value& result, size_t depth) {
  if (!check_cached(index))
    return false;
  auto& [content, size, is_complete] = cache_[static_cast<size_t>(index)];
  if (content.depth() > depth)
    return enter(0);
  if (size > expandable_)
    return in_.fail(errc::limit_exceeded,
                    "references make the value larger than the limit");
  expandable_ -= size;
  result = content;
  return true;
}

// -- scalars with codes of their own ------------------------------------------

bool decoder::read_integer(uint8_t code, value& result) {
  int64_t x = 0;
  if (!in_.read_integer(code, x))
    return false;
  result = x;
  return true;
}

bool decoder::read_real(uint8_t code, value& result) {
  uint64_t bits = 0;
  if (code == code_float) {
    if (!in_.read_big_endian(sizeof(float), bits))
      return false;
    result = double{std::bit_cast<float>(static_cast<uint32_t>(bits))};
  } else if (code == code_real) {
    if (!in_.read_big_endian(sizeof(double), bits))
      return false;
    result = std::bit_cast<double>(bits);
  } else {
    result = code == code_real_1 ? 1.0 : 0.0;
  }
  return true;
}

bool decoder::read_bytes(uint8_t code, value& result) {
  bytes storage;
  bytes_view xs;
  if (!in_.read_chunks(code, code_bytes_packed, xs, storage))
    return false;
  result = storage.empty() ? to_bytes(xs) : std::move(storage);
  return true;
}

bool decoder::read_string(uint8_t code, value& result) {
  bytes storage;
  bytes_view xs;
  std::string str;
  if (!in_.read_chunks(code, code_string_packed, xs, storage))
    return false;
  switch (read_cesu8(xs, str)) {
    case cesu8_problem::none:
      break;
    case cesu8_problem::malformed:
      return corrupt("a string is not UTF-8, right before");
    case cesu8_problem::surrogate:
      return corrupt("a string has half a surrogate pair, which cannot be "
                     "kept, right before");
  }
  result = std::move(str);
  return true;
}

expected<value> decode(bytes_view in, const limits& lim) {
  return decoder{in, lim}.run(lim.max_depth);
}

} // namespace larder::detail::fressian
