// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/cbor.hpp"
#include "larder/detail/instant.hpp"

namespace larder::detail::cbor {

namespace {

/// Heads of what the entries of metadata begin with, and their names.
constexpr std::string_view map_and_key = "\xA3\xD8\x27\x64:key";
constexpr std::string_view type_entry = "\xD8\x27\x65:type\xD8\x27";
constexpr std::string_view last_write_entry
  = "\xD8\x27\x6B:last-write\xC0\x78\x18";

constexpr std::string_view identifier_tag = "\xD8\x27";

/// Size of an instant's text, which the entry has said.
constexpr size_t instant_size = 24;

class plain_reader {
public:
  explicit plain_reader(bytes_view in) noexcept : rest_(as_chars(in)) {
    // nop
  }

  bool skip(std::string_view wanted) noexcept {
    if (!rest_.starts_with(wanted))
      return false;
    rest_.remove_prefix(wanted.size());
    return true;
  }

  bool take(size_t size, std::string_view& out) noexcept {
    if (size > rest_.size())
      return false;
    out = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return true;
  }

  /// Takes a text string of definite length, of up to 64 KiB as keys have.
  bool take_text(std::string_view& out) noexcept {
    std::string_view head;
    if (!take(1, head))
      return false;
    auto first = static_cast<uint8_t>(head[0]);
    if (first >= 0x60 && first <= 0x77)
      return take(first & 31, out);
    if (first != 0x78 && first != 0x79)
      return false;
    size_t size = 0;
    if (!take(first == 0x78 ? 1 : 2, head))
      return false;
    for (auto c : head)
      size = size << 8 | static_cast<uint8_t>(c);
    return take(size, out);
  }

  bool take_key(value& out) {
    auto is_identifier = skip(identifier_tag);
    std::string_view text;
    if (!take_text(text) || !is_utf8(text))
      return false;
    if (!is_identifier)
      out = text;
    else if (text.starts_with(':'))
      out = value::keyword(text.substr(1));
    else
      out = value::symbol(text);
    return true;
  }

  bool take_type(content_type& out) noexcept {
    std::string_view name;
    if (!take_text(name))
      return false;
    for (auto x :
         {content_type::edn, content_type::binary, content_type::append_log})
      if (name.starts_with(':') && name.substr(1) == to_string(x)) {
        out = x;
        return true;
      }
    return false;
  }

  bool take_instant(int64_t& out) noexcept {
    std::string_view text;
    if (!take(instant_size, text))
      return false;
    auto ms = parse_instant(text);
    out = ms.value_or(0);
    return ms.has_value();
  }

  bool done() const noexcept {
    return rest_.empty();
  }

private:
  std::string_view rest_;
};

} // namespace

std::optional<metadata> decode_plain_metadata(bytes_view in) {
  plain_reader reader{in};
  metadata result;
  if (reader.skip(map_and_key) && reader.take_key(result.key)
      && reader.skip(type_entry) && reader.take_type(result.type)
      && reader.skip(last_write_entry) && reader.take_instant(result.last_write)
      && reader.done())
    return result;
  return std::nullopt;
}

} // namespace larder::detail::cbor
