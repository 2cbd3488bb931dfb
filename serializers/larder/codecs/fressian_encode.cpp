// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/cesu8.hpp"
#include "larder/detail/fressian.hpp"
#include "larder/detail/utf8.hpp"
#include "larder/number.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>
#include <map>
#include <optional>
#include <vector>

namespace larder::detail::fressian {

namespace {

using boost::multiprecision::cpp_int;

/// Longer parts of names are not cached: readers limit what memory references
/// to them may cost.
constexpr size_t max_cached = 256;

/// Returns the fewest bytes of the two's complement of `x`, like
/// `BigInteger.toByteArray`.
bytes twos_complement(const cpp_int& x) {
  // Of a negative number, the complement of what is one less without its sign.
  cpp_int magnitude = x.sign() < 0 ? cpp_int{-x - 1} : x;
  std::vector<uint8_t> digits;
  export_bits(magnitude, std::back_inserter(digits), 8);
  if (digits.empty() || (digits.front() & 0x80) != 0)
    digits.insert(digits.begin(), 0);
  if (x.sign() < 0)
    for (auto& digit : digits)
      digit = static_cast<uint8_t>(~digit);
  return to_bytes(std::as_bytes(std::span{digits}));
}

/// A name in Clojure's two parts, split as `keyword` and `symbol` do it: at the
/// first slash, unless that is all.
struct name_parts {
  std::optional<std::string_view> space;
  std::string_view name;

  explicit name_parts(std::string_view str) : name(str) {
    auto slash = str.find('/');
    if (slash == std::string_view::npos || str == "/")
      return;
    space = str.substr(0, slash);
    name = str.substr(slash + 1);
  }
};

/// Whether a struct of this tag and these fields is read as it was written,
/// here and by konserve.
bool is_plain_struct(std::string_view tag, std::span<const value> fields) {
  auto is_integer = [](const value& x) {
    return x.is(value::kind::integer) || x.is(value::kind::big_integer);
  };
  if (tag == tag_ratio)
    return fields.size() == 2 && is_integer(fields[0]) && is_integer(fields[1])
           && fields[1] != value{0};
  if (tag == tag_clojure_record)
    return fields.size() == 2 && fields[0].is(value::kind::symbol)
           && fields[1].is(value::kind::map);
  return !is_known_tag(tag);
}

class encoder {
public:
  explicit encoder(bytes& out) : out_(out) {
    // nop
  }

  tl::unexpected<error> failure() const {
    return fail(code_, std::string{"fressian: "} + problem_);
  }

  /// Returns false if there is a problem.
  bool write(const value& x) {
    switch (x.type()) {
      case value::kind::nil:
        return put(code_nil);
      case value::kind::boolean:
        return put(x.as_boolean() ? code_true : code_false);
      case value::kind::integer:
        return write_integer(x.as_integer());
      case value::kind::big_integer:
        return put(code_big_integer)
               && write_bytes(twos_complement(x.as_big_integer().digits));
      case value::kind::real:
        return write_real(x.as_real());
      case value::kind::decimal:
        return put(code_decimal)
               && write_bytes(twos_complement(x.as_decimal().unscaled))
               && write_integer(x.as_decimal().scale);
      case value::kind::character:
        return write_character(x.as_character());
      case value::kind::string:
        return write_text(x.as_string());
      case value::kind::keyword:
        return write_name(code_keyword, x.as_string());
      case value::kind::symbol:
        return write_name(code_symbol, x.as_string());
      case value::kind::bytes:
        return write_bytes(x.as_bytes());
      case value::kind::uuid:
        return put(code_uuid) && write_bytes(x.as_uuid().data);
      case value::kind::instant:
        return put(code_instant) && write_integer(x.as_instant());
      case value::kind::vector:
        return write_items(tag_vector, x.items());
      case value::kind::list:
        return write_items(tag_list, x.items());
      case value::kind::set:
        return put(code_set) && begin_list(x.size()) && write_all(x.items());
      case value::kind::map:
        return write_map(x.entries());
      case value::kind::tagged:
        return write_tagged(x);
    }
    return refuse(errc::internal, "unknown kind of value");
  }

private:
  bool put(uint8_t x) {
    out_.push_back(static_cast<std::byte>(x));
    return true;
  }

  bool put_big_endian(uint64_t x, size_t size) {
    for (; size > 0; --size)
      put(static_cast<uint8_t>(x >> (size - 1) * 8));
    return true;
  }

  bool refuse(errc code, const char* why) {
    code_ = code;
    problem_ = why;
    return false;
  }

  bool check(std::string_view str) {
    return is_utf8(str)
           || refuse(errc::invalid_argument,
                     "a string, keyword, symbol or tag is not UTF-8");
  }

  // -- scalars ----------------------------------------------------------------

  bool write_integer(int64_t x) {
    if (x >= -1 && x < 0x40)
      return put(static_cast<uint8_t>(x));
    size_t size = 1;
    for (auto& form : packed_integers) {
      auto high = x >> (size * 8);
      if (high >= form.first - form.zero && high < form.end - form.zero)
        return put(static_cast<uint8_t>(form.zero + high))
               && put_big_endian(static_cast<uint64_t>(x), size);
      ++size;
    }
    return put(code_integer)
           && put_big_endian(static_cast<uint64_t>(x), sizeof(x));
  }

  bool write_real(double x) {
    // Java's writer takes -0.0 for 0.0, but its reader does not.
    if (x == 0 && !std::signbit(x))
      return put(code_real_0);
    if (x == 1)
      return put(code_real_1);
    return put(code_real)
           && put_big_endian(std::bit_cast<uint64_t>(x), sizeof(x));
  }

  bool write_character(char32_t x) {
    if (!is_code_point(x))
      return refuse(errc::invalid_argument,
                    "a character is no Unicode code point");
    return begin_struct(x > 0xFFFF ? tag_any_character : tag_character, 1)
           && write_integer(x);
  }

  /// @pre `str` is UTF-8
  bool write_checked_text(std::string_view str) {
    std::string storage;
    str = to_cesu8(str, storage);
    while (str.size() > string_chunk) {
      auto size = string_chunk;
      while ((static_cast<unsigned char>(str[size]) & 0xC0) == 0x80)
        --size;
      put(code_string_chunk);
      write_integer(static_cast<int64_t>(size));
      append(out_, as_bytes(str.substr(0, size)));
      str.remove_prefix(size);
    }
    begin_sized(str.size(), code_string_packed, code_string);
    append(out_, as_bytes(str));
    return true;
  }

  bool write_text(std::string_view str) {
    return check(str) && write_checked_text(str);
  }

  bool write_bytes(bytes_view xs) {
    auto chunked = xs.size() > bytes_chunk;
    for (; xs.size() > bytes_chunk; xs = xs.subspan(bytes_chunk)) {
      put(code_bytes_chunk);
      write_integer(bytes_chunk);
      append(out_, xs.first(bytes_chunk));
    }
    if (chunked)
      put(code_bytes) && write_integer(static_cast<int64_t>(xs.size()));
    else
      begin_sized(xs.size(), code_bytes_packed, code_bytes);
    append(out_, xs);
    return true;
  }

  /// Writes the size of a string, bytes or a list.
  bool begin_sized(size_t size, uint8_t packed, uint8_t other) {
    if (size < packed_sizes)
      return put(static_cast<uint8_t>(packed + size));
    return put(other) && write_integer(static_cast<int64_t>(size));
  }

  // -- names ------------------------------------------------------------------

  /// Writes a part of a name, in full the first time.
  bool write_cached(std::string_view str) {
    if (str.empty() || str.size() > max_cached)
      return write_checked_text(str);
    auto [pos, is_new] = cached_.try_emplace(std::string{str}, cached_.size());
    if (is_new)
      return put(code_put_cached) && write_checked_text(str);
    return write_index(pos->second, packed_cached, code_get_cached_packed,
                       code_get_cached);
  }

  bool write_index(size_t x, size_t packed, uint8_t packed_code, uint8_t code) {
    if (x < packed)
      return put(static_cast<uint8_t>(packed_code + x));
    return put(code) && write_integer(static_cast<int64_t>(x));
  }

  bool write_name(uint8_t code, std::string_view str) {
    if (!check(str))
      return false;
    put(code);
    name_parts parts{str};
    if (parts.space)
      write_cached(*parts.space);
    else
      put(code_nil);
    return write_cached(parts.name);
  }

  // -- collections ------------------------------------------------------------

  /// A type of structs has a number of fields, so one tag may need several.
  bool begin_struct(std::string_view tag, size_t fields) {
    auto [pos, is_new]
      = structs_.try_emplace({std::string{tag}, fields}, structs_.size());
    if (!is_new)
      return write_index(pos->second, packed_structs, code_struct_packed,
                         code_struct);
    return put(code_struct_type) && write_checked_text(tag)
           && write_count(fields);
  }

  bool write_count(size_t x) {
    return check_count(x) && write_integer(static_cast<int64_t>(x));
  }

  bool check_count(size_t x) {
    return x <= max_count
           || refuse(errc::limit_exceeded,
                     "a collection has more than 2^31-1 elements");
  }

  bool begin_list(size_t size) {
    return check_count(size) && begin_sized(size, code_list_packed, code_list);
  }

  bool write_all(std::span<const value> xs) {
    return std::all_of(xs.begin(), xs.end(),
                       [this](const value& x) { return write(x); });
  }

  bool write_items(std::string_view tag, std::span<const value> xs) {
    return begin_struct(tag, 2) && write_count(xs.size()) && write_all(xs);
  }

  bool write_map(std::span<const value::entry> xs) {
    return put(code_map) && begin_list(xs.size() * 2)
           && std::all_of(xs.begin(), xs.end(), [this](auto& x) {
                return write(x.first) && write(x.second);
              });
  }

  // -- tagged elements --------------------------------------------------------

  bool write_tagged(const value& x) {
    auto tag = x.tag();
    auto& content = x.content();
    if (!check(tag))
      return false;
    if (value::is_reserved_tag(tag))
      return refuse(errc::invalid_argument,
                    "a tagged element has the tag of another kind");
    if (content.is(value::kind::map))
      return write_record(tag, content.entries());
    if (content.is(value::kind::string) && tag == regex_element)
      return put(code_regex) && write_text(content.as_string());
    if (content.is(value::kind::string) && tag == uri_element)
      return put(code_uri) && write_text(content.as_string());
    if (content.is(value::kind::list) && is_plain_struct(tag, content.items()))
      return begin_struct(tag, content.size()) && write_all(content.items());
    return begin_struct(tag_tagged, 2) && write_name(code_symbol, tag)
           && write(content);
  }

  bool write_record(std::string_view tag, std::span<const value::entry> xs) {
    return begin_struct(tag_record, 2) && write_count(xs.size())
           && write_name(code_symbol, tag)
           && std::all_of(xs.begin(), xs.end(), [this](auto& x) {
                return begin_list(2) && write(x.first) && write(x.second);
              });
  }

  bytes& out_;
  errc code_ = errc::internal;
  const char* problem_ = "";
  std::map<std::string, size_t> cached_;
  std::map<std::pair<std::string, size_t>, size_t> structs_;
};

} // namespace

expected<void> encode(const value& x, bytes& out) {
  auto start = out.size();
  encoder enc{out};
  if (enc.write(x))
    return {};
  out.resize(start);
  return enc.failure();
}

} // namespace larder::detail::fressian
