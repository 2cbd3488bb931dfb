// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/bytes.hpp"
#include "larder/error.hpp"

#include <string>
#include <string_view>

namespace larder::detail::fressian {

/// The input of the Fressian decoder: what needs no knowledge of objects.
/// Functions return false after they noted what is wrong.
class input {
public:
  explicit input(bytes_view in)
    : begin_(in.data()),
      pos_(in.data()),
      end_(in.data() + in.size()),
      segment_(in.data()) {
    // nop
  }

  // -- errors -----------------------------------------------------------------

  bool fail(errc code, std::string_view what);

  bool corrupt(std::string_view what) {
    return fail(errc::corruption, what);
  }

  tl::unexpected<error> failure() const {
    return larder::fail(code_, message_);
  }

  // -- position ---------------------------------------------------------------

  size_t rest() const noexcept {
    return static_cast<size_t>(end_ - pos_);
  }

  bool at_end() const noexcept {
    return pos_ == end_;
  }

  size_t position() const noexcept {
    return static_cast<size_t>(pos_ - begin_);
  }

  /// Whether the next byte is there and within `first` to `last`.
  bool sees(uint8_t first, uint8_t last) const noexcept {
    return pos_ != end_ && *pos_ >= std::byte{first}
           && *pos_ <= std::byte{last};
  }

  bool sees(uint8_t code) const noexcept {
    return sees(code, code);
  }

  // -- raw content ------------------------------------------------------------

  bool read_code(uint8_t& code);

  bool take(size_t size, bytes_view& xs);

  /// Reads an unsigned number of `size` bytes, at most eight.
  bool read_big_endian(size_t size, uint64_t& x);

  /// Whether an integer begins with `code`.
  static bool begins_integer(uint8_t code) noexcept;

  /// Reads the rest of an integer.
  /// @pre `begins_integer(code)`
  bool read_integer(uint8_t code, int64_t& x);

  /// Reads a whole integer.
  bool read_integer(int64_t& x);

  /// Reads a number of elements that are a byte long at least.
  bool read_size(size_t& size);

  /// Reads the rest of what may come in chunks, strings or bytes. `xs` refers
  /// to the input, or to `storage` if there are chunks.
  /// @param packed the code of the empty string, or empty bytes; those for
  ///               other short ones, for a chunk and for a long one follow
  bool read_chunks(uint8_t code, uint8_t packed, bytes_view& xs,
                   bytes& storage);

  /// Reads the rest of a footer: magic number, length and checksum of what came
  /// before it. A new segment begins behind it.
  bool read_footer();

private:
  const std::byte* begin_;
  const std::byte* pos_;
  const std::byte* end_;
  const std::byte* segment_;
  errc code_ = errc::corruption;
  std::string message_;
};

} // namespace larder::detail::fressian
