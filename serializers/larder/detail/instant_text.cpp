// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/instant_text.hpp"

#include <fmt/format.h>

#include <chrono>

namespace larder::detail {

namespace {

using namespace std::chrono;

using millis = std::chrono::sys_time<milliseconds>;

/// Takes text apart from the front; false once something does not match.
class scanner {
public:
  explicit scanner(std::string_view str) noexcept : rest_(str) {
    // nop
  }

  bool done() const noexcept {
    return rest_.empty();
  }

  char next() const noexcept {
    return rest_.empty() ? '\0' : rest_.front();
  }

  bool skip(std::string_view any_of) noexcept {
    if (rest_.empty() || any_of.find(rest_.front()) == std::string_view::npos)
      return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool number(size_t digits, int low, int high, int& out) noexcept {
    if (rest_.size() < digits)
      return false;
    out = 0;
    for (auto c : rest_.substr(0, digits)) {
      if (c < '0' || c > '9')
        return false;
      out = out * 10 + (c - '0');
    }
    rest_.remove_prefix(digits);
    return out >= low && out <= high;
  }

  /// Reads one digit or more as thousandths.
  bool fraction(int& ms) noexcept {
    int digit = 0;
    auto weight = 100;
    auto count = 0;
    for (; next() >= '0' && next() <= '9'; ++count, weight /= 10) {
      number(1, 0, 9, digit);
      ms += digit * weight;
    }
    return count > 0;
  }

private:
  std::string_view rest_;
};

struct fields {
  int year = 1970;
  int month = 1;
  int day = 1;
  int hour = 0;
  int minute = 0;
  int second = 0;
  int ms = 0;
};

/// Reads as many fields as there are.
bool read_fields(scanner& in, fields& x) noexcept {
  if (!in.number(4, 0, 9999, x.year))
    return false;
  // A minus may also begin an offset: `1985-08:00`. EDN's pattern takes digits
  // for a month if a colon does not follow, which needs a look ahead.
  auto month = in;
  if (!month.skip("-") || !month.number(2, 1, 12, x.month)
      || month.next() == ':') {
    x.month = 1;
    return true;
  }
  in = month;
  auto day = in;
  if (!day.skip("-") || !day.number(2, 1, 31, x.day) || day.next() == ':') {
    x.day = 1;
    return true;
  }
  in = day;
  if (!in.skip("Tt"))
    return true;
  if (!in.number(2, 0, 23, x.hour))
    return false;
  if (!in.skip(":"))
    return true;
  if (!in.number(2, 0, 59, x.minute))
    return false;
  if (!in.skip(":"))
    return true;
  if (!in.number(2, 0, 60, x.second) || (x.second == 60 && x.minute != 59))
    return false;
  return !in.skip(".") || in.fraction(x.ms);
}

bool read_offset(scanner& in, minutes& offset) noexcept {
  if (in.done() || in.skip("Zz"))
    return true;
  auto negative = in.next() == '-';
  int hour = 0;
  int minute = 0;
  if (!in.skip("+-") || !in.number(2, 0, 23, hour) || !in.skip(":")
      || !in.number(2, 0, 59, minute))
    return false;
  offset = hours{hour} + minutes{minute};
  if (negative)
    offset = -offset;
  return true;
}

constexpr sys_days first_day = year{0} / January / 1;

constexpr sys_days past_last_day = year{10000} / January / 1;

} // namespace

std::optional<int64_t> read_instant(std::string_view str) noexcept {
  scanner in{str};
  fields x;
  minutes offset{0};
  if (!read_fields(in, x) || !read_offset(in, offset) || !in.done())
    return std::nullopt;
  auto date = year{x.year} / month{static_cast<unsigned>(x.month)}
              / day{static_cast<unsigned>(x.day)};
  if (!date.ok())
    return std::nullopt;
  auto time = millis{sys_days{date}} + hours{x.hour} + minutes{x.minute}
              + seconds{x.second} + milliseconds{x.ms} - offset;
  return time.time_since_epoch().count();
}

std::optional<std::string> print_instant(int64_t ms, std::string_view zone) {
  millis time{milliseconds{ms}};
  if (time < first_day || time >= past_last_day)
    return std::nullopt;
  auto midnight = floor<days>(time);
  year_month_day date{midnight};
  hh_mm_ss clock{time - midnight};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}{}",
                     static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count(), zone);
}

} // namespace larder::detail
