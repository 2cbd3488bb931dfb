// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/edn_reader.hpp"
#include "larder/detail/number_text.hpp"
#include "larder/detail/utf8.hpp"
#include "larder/text.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <iterator>
#include <map>

namespace larder {

namespace {

// The parser converts each number and fails if that overflows, though it also
// hands over the text, from which numbers are read here. The widest type keeps
// it from failing for integers of up to 4,932 digits.
using json = nlohmann::basic_json<std::map, std::vector, std::string, bool,
                                  int64_t, uint64_t, long double>;

/// The id of the parser's exception for numbers that are too large.
constexpr int number_overflow = 406;

/// Walks over a text and tells how far it has come.
class tracked {
public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  tracked(const char* pos, const char** furthest) noexcept
    : pos_(pos), furthest_(furthest) {
    // nop
  }

  reference operator*() const noexcept {
    return *pos_;
  }

  tracked& operator++() noexcept {
    *furthest_ = ++pos_;
    return *this;
  }

  tracked operator++(int) noexcept {
    auto result = *this;
    ++*this;
    return result;
  }

  friend bool operator==(const tracked& x, const tracked& y) noexcept {
    return x.pos_ == y.pos_;
  }

private:
  const char* pos_;
  const char** furthest_;
};

/// Builds a value from the parser's events; each returns whether to go on.
class builder {
public:
  explicit builder(const limits& lim) noexcept : limits_(lim) {
    // nop
  }

  bool null() {
    return add(value{});
  }

  bool boolean(bool x) {
    return add(value{x});
  }

  bool number_integer(int64_t x) {
    return add(value{x});
  }

  bool number_unsigned(uint64_t x) {
    return add(value{x});
  }

  bool number_float(long double, const std::string& text) {
    auto form = detail::form_of_number(text);
    return add(form == detail::number_form::integer ? detail::read_integer(text)
                                                    : detail::read_real(text));
  }

  bool string(std::string& x) {
    return add(value{std::move(x)});
  }

  bool binary(std::vector<uint8_t>&) {
    return false; // occurs in binary formats only
  }

  bool start_object(size_t) {
    return open(true);
  }

  bool key(std::string& x) {
    stack_.back().items.emplace_back(std::move(x));
    return true;
  }

  bool end_object() {
    auto items = close();
    std::vector<value::entry> entries;
    entries.reserve(items.size() / 2);
    for (size_t i = 0; i < items.size(); i += 2)
      entries.emplace_back(std::move(items[i]), std::move(items[i + 1]));
    auto name_of
      = [](const value::entry& x) -> const value& { return x.first; };
    std::ranges::sort(entries, {}, name_of);
    auto twice = std::ranges::adjacent_find(entries, {}, name_of);
    if (twice != entries.end())
      return stop(error{errc::parse_error,
                        "the object has the name "
                          + detail::excerpt(to_edn(twice->first)) + " twice"});
    return add(value::map_from_sorted(std::move(entries)));
  }

  bool start_array(size_t) {
    return open(false);
  }

  bool end_array() {
    return add(value::vector(close()));
  }

  bool parse_error(size_t, const std::string& last_token,
                   const json::exception& ex) {
    if (ex.id == number_overflow) {
      auto form = detail::form_of_number(last_token);
      return stop(
        error{form == detail::number_form::integer ? errc::limit_exceeded
                                                   : errc::parse_error,
              "the number " + detail::excerpt(last_token) + " is too large"});
    }
    return stop(error{errc::parse_error,
                      last_token.empty()
                        ? "JSON ends too early"
                        : "no JSON at " + detail::excerpt(last_token)});
  }

  /// The value, or what is wrong with the text.
  expected<value> result() && {
    return std::move(result_);
  }

private:
  /// An array or object whose end is still to come.
  struct frame {
    bool is_object;
    std::vector<value> items; // of an object: names and values by turns
  };

  bool stop(error err) {
    result_ = fail(std::move(err));
    return false;
  }

  bool open(bool is_object) {
    if (stack_.size() >= limits_.max_depth)
      return stop(
        error{errc::limit_exceeded,
              "nested deeper than " + std::to_string(limits_.max_depth)});
    stack_.push_back({is_object, {}});
    return true;
  }

  std::vector<value> close() {
    auto result = std::move(stack_.back().items);
    stack_.pop_back();
    return result;
  }

  bool add(expected<value> x) {
    if (!x)
      return stop(std::move(x.error()));
    if (stack_.empty())
      result_ = std::move(x);
    else
      stack_.back().items.push_back(std::move(*x));
    return true;
  }

  const limits& limits_;
  std::vector<frame> stack_;
  expected<value> result_;
};

} // namespace

expected<value> parse_json(std::string_view str, const limits& lim) {
  if (str.size() > lim.max_value_size)
    return fail(errc::limit_exceeded, "the text is longer than "
                                        + std::to_string(lim.max_value_size)
                                        + " bytes");
  // The parser would take a zero byte for the end.
  if (auto zero = str.find('\0'); zero != std::string_view::npos)
    return fail(detail::at_position(
      str, zero, error{errc::parse_error, "a zero byte is no JSON"}));
  auto furthest = str.data();
  builder events{lim};
  json::sax_parse(tracked{str.data(), &furthest},
                  tracked{str.data() + str.size(), &furthest}, &events);
  auto result = std::move(events).result();
  if (!result)
    return fail(detail::at_position(str,
                                    static_cast<size_t>(furthest - str.data()),
                                    std::move(result.error())));
  return result;
}

} // namespace larder
