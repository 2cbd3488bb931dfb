// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/boost_binary.hpp"
#include "larder/number.hpp"

#include <boost/archive/binary_iarchive.hpp>

#include <algorithm>
#include <streambuf>
#include <vector>

namespace larder::detail::boost_binary {

namespace {

using boost::multiprecision::cpp_int;

class byte_source : public std::streambuf {
public:
  explicit byte_source(bytes_view in) {
    // The interface of stream buffers wants mutable characters; reading leaves
    // them alone.
    auto data = const_cast<char*>(as_chars(in).data());
    setg(data, data, data + in.size());
  }

  size_t rest() const noexcept {
    return static_cast<size_t>(egptr() - gptr());
  }
};

class reader {
public:
  explicit reader(bytes_view in)
    : source_(in), archive_(source_, archive_flags) {
    auto x = read<uint16_t>();
    if (x == swapped_mark)
      refuse(errc::unsupported,
             "written by a machine of the other byte order: read it there and "
             "store it with another serializer");
    if (x != mark)
      corrupt("the mark in front is unknown");
  }

  value run(size_t max_depth) {
    auto result = read_value(max_depth);
    if (source_.rest() > 0)
      corrupt("something follows the value");
    return result;
  }

private:
  [[noreturn]] static void corrupt(const char* why) {
    refuse(errc::corruption, why);
  }

  /// @param depth how many collections may still be nested
  value read_value(size_t depth) {
    auto type = static_cast<value::kind>(read<uint8_t>());
    if (type >= value::kind::vector && depth == 0)
      refuse(errc::limit_exceeded, "the value is nested too deeply");
    switch (type) {
      case value::kind::nil:
        return {};
      case value::kind::boolean:
        return read_flag();
      case value::kind::integer:
        return read<int64_t>();
      case value::kind::big_integer:
        return read_big_integer();
      case value::kind::real:
        return read<double>();
      case value::kind::decimal: {
        auto scale = read<int32_t>();
        return decimal{read_digits(), scale};
      }
      case value::kind::character:
        return read_character();
      case value::kind::string:
        return read_text();
      case value::kind::keyword:
        return value::keyword(read_text());
      case value::kind::symbol:
        return value::symbol(read_text());
      case value::kind::bytes:
        return read_sequence<bytes>();
      case value::kind::uuid: {
        uuid result;
        archive_.load_binary(result.data.data(), result.data.size());
        return result;
      }
      case value::kind::instant:
        return value::instant(read<int64_t>());
      case value::kind::vector:
        return value::vector(read_items(depth - 1));
      case value::kind::list:
        return value::list(read_items(depth - 1));
      case value::kind::set:
        return read_set(depth - 1);
      case value::kind::map:
        return read_map(depth - 1);
      case value::kind::tagged:
        return read_tagged(depth - 1);
    }
    corrupt("the kind of a value is unknown");
  }

  template <class T>
  T read() {
    T result;
    archive_ >> result;
    return result;
  }

  bool read_flag() {
    auto x = read<uint8_t>();
    if (x > 1)
      corrupt("a boolean is neither 0 nor 1");
    return x == 1;
  }

  /// Reads how many elements follow, each of which takes `element_size` bytes
  /// or more.
  size_t read_size(size_t element_size) {
    auto result = read<uint32_t>();
    if (result > source_.rest() / element_size)
      corrupt("a size is larger than the rest of the input");
    return result;
  }

  template <class T>
  T read_sequence() {
    T result;
    result.resize(read_size(1));
    archive_.load_binary(result.data(), result.size());
    return result;
  }

  std::string read_text() {
    auto result = read_sequence<std::string>();
    if (!is_utf8(result))
      corrupt("a text is not UTF-8");
    return result;
  }

  value read_character() {
    auto result = static_cast<char32_t>(read<uint32_t>());
    if (!is_code_point(result))
      corrupt("a character is no Unicode code point");
    return result;
  }

  cpp_int read_digits() {
    auto negative = read_flag();
    auto magnitude = read_sequence<std::vector<uint8_t>>();
    if (magnitude.empty() ? negative : magnitude.front() == 0)
      corrupt("a number has leading zeros");
    cpp_int result;
    if (!magnitude.empty())
      import_bits(result, magnitude.begin(), magnitude.end(), 8);
    return negative ? cpp_int{-result} : result;
  }

  value read_big_integer() {
    value result{big_integer{read_digits()}};
    if (!result.is(value::kind::big_integer))
      corrupt("a big integer fits into 64 bits");
    return result;
  }

  std::vector<value> read_items(size_t depth) {
    std::vector<value> result;
    auto n = read_size(1);
    for (size_t i = 0; i < n; ++i)
      result.push_back(read_value(depth));
    return result;
  }

  value read_set(size_t depth) {
    auto items = read_items(depth);
    auto ascends = [](auto& x, auto& y) { return !(x < y); };
    if (std::adjacent_find(items.begin(), items.end(), ascends) != items.end())
      corrupt("the items of a set are not in order");
    return value::set_from_sorted(std::move(items));
  }

  value read_map(size_t depth) {
    std::vector<value::entry> result;
    auto n = read_size(2);
    for (size_t i = 0; i < n; ++i) {
      auto key = read_value(depth);
      if (!result.empty() && !(result.back().first < key))
        corrupt("the keys of a map are not in order");
      auto mapped = read_value(depth);
      result.emplace_back(std::move(key), std::move(mapped));
    }
    return value::map_from_sorted(std::move(result));
  }

  value read_tagged(size_t depth) {
    auto tag = read_text();
    if (value::is_reserved_tag(tag))
      corrupt("a tag is reserved");
    return value::tagged(tag, read_value(depth));
  }

  byte_source source_;
  boost::archive::binary_iarchive archive_;
};

} // namespace

value decode(bytes_view in, size_t max_depth) {
  return reader{in}.run(max_depth);
}

} // namespace larder::detail::boost_binary
