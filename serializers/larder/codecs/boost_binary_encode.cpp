// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/boost_binary.hpp"
#include "larder/number.hpp"

#include <boost/archive/binary_oarchive.hpp>

#include <limits>
#include <streambuf>
#include <vector>

namespace larder::detail::boost_binary {

namespace {

using boost::multiprecision::cpp_int;

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

} // namespace

void encode(const value& x, bytes& out) {
  writer{out}.write(x);
}

} // namespace larder::detail::boost_binary
