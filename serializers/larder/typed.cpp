// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/typed_support.hpp"
#include "larder/detail/utf8.hpp"
#include "larder/limits.hpp"
#include "larder/number.hpp"
#include "larder/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>

namespace larder::detail {

// -- places -------------------------------------------------------------------

typed_place typed_place::child() const {
  constexpr auto max_depth = limits{}.max_depth;
  if (depth_ == max_depth)
    fail_at(*this, errc::limit_exceeded,
            fmt::format("is nested deeper than {} levels", max_depth));
  typed_place result;
  result.parent_ = this;
  result.depth_ = depth_ + 1;
  return result;
}

typed_place typed_place::member(const char* name) const {
  auto result = child();
  result.name_ = name;
  return result;
}

typed_place typed_place::item(size_t index) const {
  auto result = child();
  result.index_ = index;
  return result;
}

typed_place typed_place::entry(const value& key) const {
  auto result = child();
  result.key_ = &key;
  return result;
}

std::string typed_place::path() const {
  if (parent_ == nullptr)
    return {};
  auto result = parent_->path();
  if (name_ != nullptr)
    return result.empty() ? name_ : result + '.' + name_;
  return result
         + (key_ != nullptr ? fmt::format("[{}]", to_edn(*key_))
                            : fmt::format("[{}]", index_));
}

// -- failures -----------------------------------------------------------------

void fail_at(const typed_place& at, errc code, std::string_view what) {
  auto path = at.path();
  throw typed_failure{
    {code, fmt::format("{} {}", path.empty() ? "the value" : path, what)}};
}

void fail_kind(const typed_place& at, value::kind found,
               std::string_view wanted) {
  fail_at(at, errc::wrong_type,
          fmt::format("is of kind {}, not {}", to_string(found), wanted));
}

void expect_kind(const typed_place& at, const value& x, value::kind wanted) {
  if (!x.is(wanted))
    fail_kind(at, x.type(), to_string(wanted));
}

void expect_size(const typed_place& at, const value& x, size_t size) {
  if (x.size() != size)
    fail_at(at, errc::out_of_range,
            fmt::format("has {} items, not {}", x.size(), size));
}

error current_typed_error() noexcept {
  try {
    throw;
  } catch (const typed_failure& x) {
    return x.reason;
  } catch (const std::exception& x) {
    return {errc::function_failed,
            fmt::format("serialize threw an exception: {}", x.what())};
  } catch (...) {
    return {errc::function_failed, "serialize threw an unknown exception"};
  }
}

// -- scalars ------------------------------------------------------------------

namespace {

template <class Number, class Min, class Max>
[[noreturn]] void fail_range(const typed_place& at, Number x, Min min,
                             Max max) {
  fail_at(at, errc::out_of_range,
          fmt::format("is {}, but must be from {} to {}", x, min, max));
}

bool is_integer(const value& x) noexcept {
  return x.is(value::kind::integer) || x.is(value::kind::big_integer);
}

void expect_integer(const typed_place& at, const value& x) {
  if (!is_integer(x))
    fail_kind(at, x.type(), to_string(value::kind::integer));
}

} // namespace

value save_text(const typed_place& at, std::string_view x) {
  if (!is_utf8(x))
    fail_at(at, errc::invalid_argument,
            "is not UTF-8: make the member bytes if it is no text");
  return value{x};
}

value save_character(const typed_place& at, char32_t x) {
  if (x > 0x10FFFF || (x >= 0xD800 && x <= 0xDFFF))
    fail_at(at, errc::out_of_range,
            fmt::format("is {:#x}, which is no Unicode character",
                        static_cast<uint32_t>(x)));
  return value{x};
}

char32_t load_character(const typed_place& at, const value& x, char32_t max) {
  expect_kind(at, x, value::kind::character);
  if (x.as_character() > max)
    fail_range(at, static_cast<uint32_t>(x.as_character()), 0,
               static_cast<uint32_t>(max));
  return x.as_character();
}

int64_t load_signed(const typed_place& at, const value& x, int64_t min,
                    int64_t max) {
  expect_integer(at, x);
  if (x.is(value::kind::big_integer))
    fail_range(at, excerpt(to_edn(x)), min, max);
  if (x.as_integer() < min || x.as_integer() > max)
    fail_range(at, x.as_integer(), min, max);
  return x.as_integer();
}

uint64_t load_unsigned(const typed_place& at, const value& x, uint64_t max) {
  expect_integer(at, x);
  if (x.is(value::kind::big_integer)) {
    auto& digits = x.as_big_integer().digits;
    if (digits < 0 || digits > max)
      fail_range(at, excerpt(to_edn(x)), 0, max);
    return static_cast<uint64_t>(digits);
  }
  if (x.as_integer() < 0 || static_cast<uint64_t>(x.as_integer()) > max)
    fail_range(at, x.as_integer(), 0, max);
  return static_cast<uint64_t>(x.as_integer());
}

void load_big_integer(const typed_place& at, const value& x, big_integer& out) {
  expect_integer(at, x);
  if (x.is(value::kind::integer))
    out.digits = x.as_integer();
  else
    out = x.as_big_integer();
}

double load_real(const typed_place& at, const value& x, double max) {
  if (x.is(value::kind::integer)) {
    // Beyond this, not every integer is a double.
    constexpr auto exact = int64_t{1} << 53;
    return static_cast<double>(load_signed(at, x, -exact, exact));
  }
  expect_kind(at, x, value::kind::real);
  if (std::isfinite(x.as_real()) && std::abs(x.as_real()) > max)
    fail_range(at, x.as_real(), -max, max);
  return x.as_real();
}

int64_t load_instant(const typed_place& at, const value& x, int64_t min,
                     int64_t max) {
  expect_kind(at, x, value::kind::instant);
  if (x.as_instant() < min || x.as_instant() > max)
    fail_range(at, x.as_instant(), min, max);
  return x.as_instant();
}

// -- collections --------------------------------------------------------------

std::span<const value> load_items(const typed_place& at, const value& x) {
  if (!x.is(value::kind::list))
    expect_kind(at, x, value::kind::vector);
  return x.items();
}

value make_set(const typed_place& at, std::vector<value> items) {
  auto size = items.size();
  auto result = value::set(std::move(items));
  if (result.size() != size)
    fail_duplicate(at);
  return result;
}

value make_map(const typed_place& at, std::vector<value::entry> entries) {
  auto size = entries.size();
  auto result = value::map(std::move(entries));
  if (result.size() != size)
    fail_duplicate(at);
  return result;
}

void fail_duplicate(const typed_place& at) {
  fail_at(at, errc::invalid_argument,
          "has two items or keys that are one after the conversion");
}

// -- records ------------------------------------------------------------------

namespace {

constexpr std::string_view version_prefix = "__version";

std::string version_key(const char* base) {
  std::string result{version_prefix};
  if (base != nullptr)
    result.append(":").append(base);
  return result;
}

bool is_version_key(const value& key) noexcept {
  return key.is(value::kind::string)
         && key.as_string().substr(0, version_prefix.size()) == version_prefix;
}

} // namespace

record_writer::record_writer(const typed_place& at, const value* old)
  : at_(&at),
    old_(old != nullptr && old->is(value::kind::map) ? old : nullptr) {
  // nop
}

void record_writer::version(const char* base, unsigned x) {
  if (old_ != nullptr)
    load_version(*at_, *old_, base, x);
  if (x > 0)
    members_.emplace_back(version_key(base), x);
}

const value* record_writer::old_member(const char* name) const {
  return old_ != nullptr ? old_->find(value{name}) : nullptr;
}

void record_writer::put(const char* name, value x) {
  value key{name};
  if (is_version_key(key))
    fail_at(*at_, errc::invalid_argument,
            fmt::format("has a member {}, which is reserved", name));
  members_.emplace_back(std::move(key), std::move(x));
}

value record_writer::finish() && {
  auto size = members_.size();
  auto result = value::map(std::move(members_));
  if (result.size() != size)
    fail_at(*at_, errc::invalid_argument,
            "has two members of the same name; with base classes, give one of "
            "them another name by boost::serialization::make_nvp");
  if (old_ == nullptr)
    return result;
  std::vector<value::entry> merged;
  for (auto& entry : old_->entries())
    if (!is_version_key(entry.first))
      merged.push_back(entry);
  auto fresh = result.entries();
  merged.insert(merged.end(), fresh.begin(), fresh.end());
  return value::map(std::move(merged));
}

unsigned load_version(const typed_place& at, const value& record,
                      const char* base, unsigned newest) {
  expect_kind(at, record, value::kind::map);
  auto key = version_key(base);
  auto found = record.find(value{key});
  if (found == nullptr)
    return 0;
  constexpr auto max = std::numeric_limits<unsigned>::max();
  auto place = at.member(key.c_str());
  auto result = static_cast<unsigned>(load_unsigned(place, *found, max));
  if (result > newest)
    fail_at(at, errc::unsupported,
            fmt::format("was written by version {} of {}, newer than version "
                        "{} of this program: update the program",
                        result, base != nullptr ? base : "its class", newest));
  return result;
}

const value* find_member(const typed_place& at, const value& record,
                         const char* name) {
  value key{name};
  if (is_version_key(key))
    fail_at(at, errc::invalid_argument,
            fmt::format("has a member {}, which is reserved", name));
  return record.find(key);
}

void fail_missing(const typed_place& at, const char* name) {
  fail_at(at.member(name), errc::not_found, "is missing");
}

} // namespace larder::detail
