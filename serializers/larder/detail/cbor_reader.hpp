// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The lower half of the CBOR decoder: heads of data items, strings, and
/// references to strings.

#pragma once

#include "larder/detail/cbor.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace larder::detail::cbor {

/// The start of a data item.
struct head {
  enum major major;
  uint8_t info;
  uint64_t argument;

  bool is(enum major m) const noexcept {
    return major == m;
  }

  bool is_indefinite() const noexcept {
    constexpr uint8_t indefinite = 31;
    return info == indefinite;
  }
};

/// A string that later ones may refer to, and the values made of it: who refers
/// to it shares these.
struct referable {
  bytes_view content;
  bool is_text;
  value plain;
  value identifier;
};

/// The content of a string.
struct string_item {
  bytes_view content; ///< refers to the input or to `chunks`
  bool is_text = false;
  bytes chunks;                  ///< of a string of indefinite length
  referable* referred = nullptr; ///< until the next string is read

  std::string_view text() const noexcept {
    return as_chars(content);
  }
};

/// Reads from the front of some bytes. Functions return false after a failure,
/// which `failure` tells; nothing may be read then.
class reader {
public:
  reader(bytes_view in, const dialect& how, size_t max_size)
    : how_(how),
      max_size_(max_size),
      begin_(in.data()),
      pos_(in.data()),
      end_(in.data() + in.size()) {
    // nop
  }

  error failure() && {
    return {code_, std::move(message_)};
  }

  // -- bytes ------------------------------------------------------------------

  size_t rest() const noexcept {
    return static_cast<size_t>(end_ - pos_);
  }

  size_t position() const noexcept {
    return static_cast<size_t>(pos_ - begin_);
  }

  bytes_view ahead() const noexcept {
    return {pos_, rest()};
  }

  void skip(size_t n) noexcept {
    pos_ += n;
  }

  bool fail(errc code, std::string_view what);

  bool corrupt(std::string_view what) {
    return fail(errc::corruption, what);
  }

  // -- heads ------------------------------------------------------------------

  bool read_head(head& x) {
    if (pos_ == end_)
      return corrupt(cut_off);
    auto first = std::to_integer<uint8_t>(*pos_);
    x.major = static_cast<major>(first >> 5);
    x.info = first & 31;
    x.argument = x.info;
    if (x.info >= 24)
      return read_argument(x);
    ++pos_;
    return true;
  }

  bool expect(head& x, major m, std::string_view what) {
    return read_head(x) && (x.is(m) || corrupt(what));
  }

  /// Takes the end of something of indefinite length.
  bool take_break() noexcept {
    constexpr auto break_code = std::byte{0xFF};
    if (pos_ == end_ || *pos_ != break_code)
      return false;
    ++pos_;
    return true;
  }

  // -- strings ----------------------------------------------------------------

  /// Reads the content of a byte or text string.
  bool read_string(const head& x, string_item& result);

  /// Reads a string of this type, or a reference to one.
  bool expect_string(major m, string_item& result, std::string_view what);

  /// Reads what follows tag 25.
  bool read_reference(string_item& result);

  // -- namespaces of strings (http://cbor.schmorp.de/stringref) ---------------

  using string_namespace = std::optional<std::vector<referable>>;

  bool in_namespace() const noexcept {
    return strings_.has_value();
  }

  /// Replaces the namespace and returns the one before.
  string_namespace exchange_namespace(string_namespace x) {
    return std::exchange(strings_, std::move(x));
  }

  const dialect& how() const noexcept {
    return how_;
  }

private:
  static constexpr std::string_view cut_off = "the input is cut off";

  bool read_argument(head& x);

  /// Takes the bytes of one definite string.
  bool take(uint64_t size, bytes_view& xs);

  bool check_text(bool is_text, bytes_view xs);

  bool read_chunks(const head& x, string_item& result);

  const dialect& how_;
  size_t max_size_;
  size_t referred_size_ = 0; // what all references stand for
  string_namespace strings_;
  const std::byte* begin_;
  const std::byte* pos_;
  const std::byte* end_;
  errc code_ = errc::corruption;
  std::string message_;
};

} // namespace larder::detail::cbor
