// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The reader behind `parse_edn`.

#pragma once

#include "larder/error.hpp"
#include "larder/limits.hpp"
#include "larder/value.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace larder::detail {

/// Returns the start of `token` as messages quote it.
std::string in_ticks(std::string_view token);

/// Returns `err` with the line and column of `offset` in `text`, both from 1,
/// columns in code points.
error at_position(std::string_view text, size_t offset, error err);

/// Reads EDN values from the front of a text, one by one. Collections that are
/// open are kept on a stack of its own, hence nesting costs no call stack.
class edn_reader {
public:
  edn_reader(std::string_view text, const limits& lim) noexcept
    : text_(text), limits_(lim) {
    // nop
  }

  /// Reads the next value; null if only white space, comments and discarded
  /// elements are left.
  expected<std::optional<value>> read();

  /// How many bytes have been read.
  size_t position() const noexcept {
    return pos_;
  }

  /// Makes an error that names the line and column of `offset`.
  tl::unexpected<error> fail_at(size_t offset, errc code,
                                std::string message) const;

private:
  enum class form : uint8_t { vector, list, set, map, tagged, discard };

  /// A collection, tag or discard mark whose end is still to come.
  struct frame {
    form what;
    size_t start;
    std::string_view name = {};    // the tag, or a map's namespace
    size_t discards = 1;           // how many elements a discard mark takes
    std::vector<value> items = {}; // what a collection has so far
  };

  /// The value read, or null if there is none yet.
  using step = expected<std::optional<value>>;

  step next();
  step open(frame x, size_t size);
  step close(char closer);
  step finish_map(frame x);
  step read_hash();
  step discard();
  step open_namespaced_map();
  step read_symbolic();
  step read_tag();
  step read_string();
  step read_character();
  step read_atom();
  step read_number(std::string_view token);
  expected<char32_t> read_escape();
  expected<char32_t> read_hex4();
  expected<void> end_of_text() const;

  /// Puts `x` where it belongs.
  /// @returns `x`, processed, if it is a value of the top level
  step deliver(value x);

  void skip_space() noexcept;

  char peek(size_t ahead = 0) const noexcept {
    return text_.size() - pos_ > ahead ? text_[pos_ + ahead] : '\0';
  }

  /// Removes all up to the next delimiter.
  std::string_view take_token() noexcept;

  std::string_view text_;
  const limits& limits_;
  size_t pos_ = 0;
  size_t depth_ = 0;
  std::vector<frame> stack_;
};

/// Makes what a tag and the value behind it stand for.
/// @returns `parse_error` if a reserved tag does not go with `content`
expected<value> apply_tag(std::string_view tag, value content);

} // namespace larder::detail
