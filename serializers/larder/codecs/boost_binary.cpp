// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Values in a binary archive of Boost.Serialization.
///
/// The archive has no header of its own and consists of primitives only, in the
/// byte order of the machine that wrote it, hence the mark in front:
///
///     mark               uint16 0x4201
///     value              uint8 kind (its number in value::kind), content
///
///     boolean            uint8
///     integer, instant   int64
///     real               double (IEEE 754)
///     character          uint32
///     string, keyword,   uint32 size, bytes
///     symbol, bytes
///     uuid               16 bytes
///     big integer        uint8 negative, uint32 size, magnitude without
///     leading
///                        zeros, most significant byte first
///     decimal            int32 scale, unscaled value as a big integer
///     vector, list, set  uint32 count, values
///     map                uint32 count, keys and values in turn
///     tagged             tag as a string, value
///
/// Sets and maps are in the total order of values, so equal values have equal
/// bytes.

#include "larder/detail/builtin_codecs.hpp"
#include "larder/number.hpp"

#include <boost/archive/binary_iarchive.hpp>
#include <boost/archive/binary_oarchive.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <streambuf>

namespace larder::detail {

namespace {

using boost::multiprecision::cpp_int;

constexpr uint16_t mark = 0x4201;

constexpr uint16_t swapped_mark = 0x0142;

static_assert(static_cast<int>(value::kind::tagged) == 17,
              "the numbers of the kinds are stored: do not change them");

constexpr auto archive_flags = boost::archive::no_header
                               | boost::archive::no_codecvt
                               | boost::archive::no_tracking;

/// What reader and writer throw, as Boost's archives do.
struct refusal {
  errc code;
  const char* why;
};

[[noreturn]] void refuse(errc code, const char* why) {
  throw refusal{code, why};
}

bool is_code_point(char32_t x) noexcept {
  return x <= 0x10FFFF && (x < 0xD800 || x > 0xDFFF);
}

// -- stream buffers -----------------------------------------------------------

class byte_sink : public std::streambuf {
public:
  explicit byte_sink(bytes& out) : out_(out) {
    // nop
  }

protected:
  int_type overflow(int_type x) override {
    out_.push_back(static_cast<std::byte>(x));
    return x;
  }

  std::streamsize xsputn(const char* data, std::streamsize n) override {
    append(out_, as_bytes({data, static_cast<size_t>(n)}));
    return n;
  }

private:
  bytes& out_;
};

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

// -- writing ------------------------------------------------------------------

class writer {
public:
  explicit writer(bytes& out) : sink_(out), archive_(sink_, archive_flags) {
    archive_ << mark;
  }

  void write(const value& x) {
    archive_ << static_cast<uint8_t>(x.type());
    switch (x.type()) {
      case value::kind::nil:
        break;
      case value::kind::boolean:
        archive_ << static_cast<uint8_t>(x.as_boolean());
        break;
      case value::kind::integer:
        archive_ << x.as_integer();
        break;
      case value::kind::big_integer:
        write_digits(x.as_big_integer().digits);
        break;
      case value::kind::real:
        archive_ << x.as_real();
        break;
      case value::kind::decimal:
        archive_ << x.as_decimal().scale;
        write_digits(x.as_decimal().unscaled);
        break;
      case value::kind::character:
        write_character(x.as_character());
        break;
      case value::kind::string:
      case value::kind::keyword:
      case value::kind::symbol:
        write_text(x.as_string());
        break;
      case value::kind::bytes:
        write_bytes(x.as_bytes());
        break;
      case value::kind::uuid:
        archive_.save_binary(x.as_uuid().data.data(), 16);
        break;
      case value::kind::instant:
        archive_ << x.as_instant();
        break;
      case value::kind::vector:
      case value::kind::list:
      case value::kind::set:
        write_size(x.size());
        for (auto& item : x.items())
          write(item);
        break;
      case value::kind::map:
        write_size(x.size());
        for (auto& [key, mapped] : x.entries()) {
          write(key);
          write(mapped);
        }
        break;
      case value::kind::tagged:
        if (value::is_reserved_tag(x.tag()))
          refuse(errc::invalid_argument, "a tag is reserved");
        write_text(x.tag());
        write(x.content());
        break;
    }
  }

private:
  void write_size(size_t x) {
    if (x > std::numeric_limits<uint32_t>::max())
      refuse(errc::limit_exceeded, "a size is over 4 GiB");
    archive_ << static_cast<uint32_t>(x);
  }

  void write_bytes(bytes_view x) {
    write_size(x.size());
    archive_.save_binary(x.data(), x.size());
  }

  void write_text(std::string_view x) {
    if (!is_utf8(x))
      refuse(errc::invalid_argument, "a text is not UTF-8");
    write_bytes(as_bytes(x));
  }

  void write_character(char32_t x) {
    if (!is_code_point(x))
      refuse(errc::invalid_argument, "a character is no Unicode code point");
    archive_ << static_cast<uint32_t>(x);
  }

  void write_digits(const cpp_int& x) {
    std::vector<uint8_t> magnitude;
    if (x != 0)
      export_bits(x, std::back_inserter(magnitude), 8);
    archive_ << static_cast<uint8_t>(x < 0);
    write_bytes(std::as_bytes(std::span{magnitude}));
  }

  byte_sink sink_;
  boost::archive::binary_oarchive archive_;
};

// -- reading ------------------------------------------------------------------

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

// -- the codec ----------------------------------------------------------------

/// Runs `f` and turns what it throws into an error.
template <class F>
auto guarded(errc archive_error, F f) -> expected<decltype(f())> {
  try {
    if constexpr (std::is_void_v<decltype(f())>) {
      f();
      return {};
    } else {
      return f();
    }
  } catch (const refusal& x) {
    return fail(x.code, fmt::format("boost-binary: {}", x.why));
  } catch (const boost::archive::archive_exception& x) {
    return fail(archive_error, fmt::format("boost-binary: {}", x.what()));
  }
}

class boost_binary_serializer final : public serializer {
public:
  uint8_t id() const noexcept override {
    return 65;
  }

  std::string_view name() const noexcept override {
    return "boost-binary";
  }

  expected<void> encode(const value& x, bytes& out,
                        const limits& lim) const override {
    if (x.depth() > lim.max_depth)
      return fail(errc::limit_exceeded,
                  fmt::format("boost-binary: the value is nested {} deep, at "
                              "most {} are allowed",
                              x.depth(), lim.max_depth));
    auto size = out.size();
    auto result = guarded(errc::internal, [&] { return writer{out}.write(x); });
    if (!result)
      out.resize(size);
    return result;
  }

  expected<value> decode(bytes_view in, const limits& lim) const override {
    if (in.size() > lim.max_value_size)
      return fail(errc::limit_exceeded,
                  fmt::format("boost-binary: {} bytes are more than the limit "
                              "of {}",
                              in.size(), lim.max_value_size));
    return guarded(errc::corruption,
                   [&] { return reader{in}.run(lim.max_depth); });
  }

  bool safe_on_untrusted_input() const noexcept override {
    return false;
  }
};

} // namespace

std::shared_ptr<const serializer> make_boost_binary_serializer() {
  return std::make_shared<boost_binary_serializer>();
}

} // namespace larder::detail
