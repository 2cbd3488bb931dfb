// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/file/names.hpp"

#include <openssl/sha.h>
#include <xxhash.h>

#include <algorithm>

namespace larder::detail {

namespace {

/// Longest escaped key that is a name by itself.
constexpr size_t max_plain = 180;
/// How much of a longer key its name shows.
constexpr size_t max_shown = 100;
constexpr size_t digest_size = 2 * SHA256_DIGEST_LENGTH;
constexpr std::string_view string_suffix = ".str";
constexpr std::string_view other_suffix = ".key";
constexpr std::string_view staging_suffix = ".new";
constexpr std::string_view trailer_magic = "lardrKEY";
/// Stands for the empty string, which is no name.
constexpr std::string_view empty_name = "%";

bool is_plain(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
         || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

/// Appends `c` to a name, escaped unless it may stand for itself.
void append_escaped(std::string& out, char c) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  if (is_plain(c) && !(c == '.' && out.empty())) {
    out += c;
    return;
  }
  auto byte = static_cast<unsigned char>(c);
  out += '%';
  out += digits[byte >> 4];
  out += digits[byte & 15];
}

/// Escapes bytes until the result would be longer than `max_size`.
std::string escape(std::string_view str, size_t max_size) {
  std::string result;
  for (auto c : str) {
    auto size = result.size();
    append_escaped(result, c);
    if (result.size() > max_size) {
      result.resize(size);
      break;
    }
  }
  return result.empty() ? std::string{empty_name} : result;
}

/// The inverse of `escape`, except that it does not check that escapes are
/// needed.
std::optional<std::string> unescape(std::string_view str) {
  std::string result;
  if (str == empty_name)
    return result;
  while (!str.empty()) {
    if (is_plain(str[0])) {
      result += str[0];
      str.remove_prefix(1);
      continue;
    }
    bytes byte;
    if (str[0] != '%' || str.size() < 3 || !from_hex(str.substr(1, 2), byte))
      return std::nullopt;
    result += as_chars(byte);
    str.remove_prefix(3);
  }
  return result;
}

std::string digest_of(std::string_view key) {
  std::array<std::byte, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return to_hex(digest);
}

bool is_digest(std::string_view str) {
  return str.size() == digest_size
         && std::all_of(str.begin(), str.end(), [](char c) {
              return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
            });
}

unsigned dir_of(std::string_view key) {
  return static_cast<unsigned>(XXH3_64bits(key.data(), key.size()) % fan_out);
}

bool is_string(std::string_view key) {
  return key.starts_with('"');
}

std::string_view suffix_of(std::string_view key) {
  return is_string(key) ? string_suffix : other_suffix;
}

/// The part of a key that its name shows.
std::string_view text_of(std::string_view key) {
  return is_string(key) ? key.substr(1) : key;
}

/// Removes the suffix of a name and returns what the key begins with.
std::optional<std::string> take_suffix(std::string_view& name) {
  if (name.ends_with(string_suffix)) {
    name.remove_suffix(string_suffix.size());
    return "\"";
  }
  if (name.ends_with(other_suffix)) {
    name.remove_suffix(other_suffix.size());
    return "";
  }
  return std::nullopt;
}

/// Reads a name without regard to its directory.
std::optional<parsed_name> parse_any(std::string_view name) {
  auto rest = name;
  auto key = take_suffix(rest);
  if (!key)
    return std::nullopt;
  auto tilde = rest.find('~');
  auto text = unescape(rest.substr(0, tilde));
  if (!text)
    return std::nullopt;
  *key += *text;
  if (tilde == std::string_view::npos) {
    if (name_of(*key).name != name)
      return std::nullopt;
    return parsed_name{false, std::move(*key)};
  }
  if (!is_digest(rest.substr(tilde + 1))
      || escape(*text, max_shown) != rest.substr(0, tilde))
    return std::nullopt;
  return parsed_name{true, std::move(*key)};
}

} // namespace

expected<void> check_key(std::string_view key) {
  if (key.size() > max_key_size)
    return fail(errc::limit_exceeded, "a key of " + std::to_string(key.size())
                                        + " bytes; a file store takes up to "
                                        + std::to_string(max_key_size));
  return {};
}

std::string file_name::relative() const {
  return dir_name(dir) + "/" + name;
}

file_name name_of(std::string_view key) {
  auto text = text_of(key);
  auto suffix = suffix_of(key);
  file_name result;
  result.dir = dir_of(key);
  if (text.size() <= max_plain) {
    auto escaped = escape(text, text.size() * 3);
    if (escaped.size() <= max_plain) {
      result.name = escaped.append(suffix);
      return result;
    }
  }
  result.is_long = true;
  result.name = escape(text, max_shown) + "~" + digest_of(key);
  result.name += suffix;
  return result;
}

std::string dir_name(unsigned dir) {
  std::byte raw{static_cast<unsigned char>(dir)};
  return to_hex({&raw, 1});
}

std::optional<unsigned> parse_dir_name(std::string_view name) {
  bytes raw;
  if (name.size() != 2 || !from_hex(name, raw))
    return std::nullopt;
  auto result = std::to_integer<unsigned>(raw[0]);
  if (dir_name(result) != name)
    return std::nullopt;
  return result;
}

std::optional<parsed_name> parse_name(unsigned dir, std::string_view name) {
  auto result = parse_any(name);
  // The directory of a long name follows from the key, which is not known yet.
  if (result && !result->is_long && dir_of(result->key) != dir)
    return std::nullopt;
  return result;
}

std::string staging_name(std::string_view name, const uuid& unique) {
  return std::string{name} + "." + to_hex(unique.data).append(staging_suffix);
}

bool is_staging_name(std::string_view name) {
  constexpr size_t id_size = 32;
  if (!name.ends_with(staging_suffix))
    return false;
  name.remove_suffix(staging_suffix.size());
  bytes id;
  if (name.size() <= id_size || name[name.size() - id_size - 1] != '.'
      || !from_hex(name.substr(name.size() - id_size), id))
    return false;
  name.remove_suffix(id_size + 1);
  return parse_any(name).has_value();
}

bytes make_trailer(std::string_view key) {
  auto result = to_bytes(key);
  append_big_endian(result, static_cast<uint32_t>(key.size()));
  append(result, as_bytes(trailer_magic));
  return result;
}

std::optional<uint32_t> parse_trailer_tail(bytes_view tail) {
  if (tail.size() != trailer_tail_size
      || as_chars(tail.subspan(4)) != trailer_magic)
    return std::nullopt;
  return load_big_endian<uint32_t>(tail.data());
}

} // namespace larder::detail
