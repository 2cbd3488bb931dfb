// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "records.hpp"

#include "larder/limits.hpp"

#include <fmt/format.h>

namespace larder::cli {

namespace {

constexpr size_t buffer_size = size_t{256} << 10;

constexpr int end_of_file = -1;

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

bool is_space(int c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/// Follows JSON's brackets and strings just enough to see where an element
/// ends; whether it is JSON is for the parser to say.
class nesting {
public:
  /// Whether `c` comes behind the element.
  bool ends_before(char c) const {
    return !in_string_ && depth_ == 0 && (c == ',' || c == ']');
  }

  void add(char c) {
    if (escaped_)
      escaped_ = false;
    else if (in_string_ && c == '\\')
      escaped_ = true;
    else if (c == '"')
      in_string_ = !in_string_;
    else if (!in_string_ && (c == '[' || c == '{'))
      ++depth_;
    else if (!in_string_ && (c == ']' || c == '}') && depth_ > 0)
      --depth_;
  }

private:
  size_t depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
};

} // namespace

// -- characters ---------------------------------------------------------------

result<int> record_reader::peek() {
  if (used_ == buffer_.size()) {
    buffer_.resize(buffer_size);
    used_ = 0;
    auto n = file_.read(std::as_writable_bytes(std::span{buffer_}));
    buffer_.resize(n ? *n : 0);
    if (!n)
      return fail(std::move(n.error()));
    if (*n == 0)
      return end_of_file;
  }
  return static_cast<unsigned char>(buffer_[used_]);
}

void record_reader::take() {
  line_ += buffer_[used_] == '\n';
  ++used_;
  ++position_;
}

result<int> record_reader::skip_space() {
  for (;;) {
    auto c = peek();
    if (!c || !is_space(*c))
      return c;
    take();
  }
}

failure record_reader::broken(const std::string& what) const {
  return {exit_code::failed, fmt::format("line {}: {}", line_, what)};
}

// -- records ------------------------------------------------------------------

result<std::optional<record>> record_reader::next() {
  if (shape_ == shape::unknown)
    if (auto found = find_shape(); !found)
      return fail(std::move(found.error()));
  switch (shape_) {
    case shape::lines:
      return next_line();
    case shape::array:
      return next_element();
    default:
      return std::nullopt;
  }
}

result<void> record_reader::find_shape() {
  for (auto mark : byte_order_mark) {
    auto c = peek();
    if (!c)
      return fail(std::move(c.error()));
    if (*c != static_cast<unsigned char>(mark))
      break;
    take();
  }
  auto c = skip_space();
  if (!c)
    return fail(std::move(c.error()));
  shape_ = *c == '[' ? shape::array : shape::lines;
  if (shape_ == shape::array)
    take();
  return {};
}

result<std::optional<record>> record_reader::next_line() {
  auto c = skip_space();
  if (!c)
    return fail(std::move(c.error()));
  if (*c == end_of_file)
    return std::nullopt;
  record res{line_, {}};
  while (*c != end_of_file && *c != '\n') {
    res.text += static_cast<char>(*c);
    if (res.text.size() > limits{}.max_value_size)
      return fail(broken("the record is too large"));
    take();
    c = peek();
    if (!c)
      return fail(std::move(c.error()));
  }
  return res;
}

result<std::optional<record>> record_reader::next_element() {
  auto c = skip_space();
  if (!c)
    return fail(std::move(c.error()));
  if (*c == ']' && first_) {
    take();
    if (auto end = check_end(); !end)
      return fail(std::move(end.error()));
    return std::nullopt;
  }
  first_ = false;
  record res{line_, {}};
  if (auto read = read_element(res); !read)
    return fail(std::move(read.error()));
  return res;
}

result<void> record_reader::read_element(record& dst) {
  nesting state;
  for (;;) {
    auto c = peek();
    if (!c)
      return fail(std::move(c.error()));
    if (*c == end_of_file)
      return fail(broken("the array is not closed"));
    auto ch = static_cast<char>(*c);
    take();
    if (state.ends_before(ch))
      return ch == ']' ? check_end() : result<void>{};
    state.add(ch);
    dst.text += ch;
    if (dst.text.size() > limits{}.max_value_size)
      return fail(broken("the record is too large"));
  }
}

result<void> record_reader::check_end() {
  shape_ = shape::done;
  auto c = skip_space();
  if (!c)
    return fail(std::move(c.error()));
  if (*c != end_of_file)
    return fail(broken("something follows the array"));
  return {};
}

} // namespace larder::cli
