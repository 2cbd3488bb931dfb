// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/instant.hpp"

#include <algorithm>
#include <chrono>
#include <string>

namespace larder::detail {

namespace {

/// Takes text from the front, and remembers if anything was missing.
class scanner {
public:
  explicit scanner(std::string_view str) noexcept : str_(str) {
    // nop
  }

  int number(size_t digits) noexcept {
    int result = 0;
    for (size_t i = 0; i < digits; ++i)
      result = result * 10 + digit();
    return result;
  }

  int digit() noexcept {
    if (!at_digit()) {
      ok_ = false;
      return 0;
    }
    auto result = str_.front() - '0';
    str_.remove_prefix(1);
    return result;
  }

  bool at_digit() const noexcept {
    return !str_.empty() && str_.front() >= '0' && str_.front() <= '9';
  }

  /// Takes one of the characters in `set`.
  char one_of(std::string_view set) noexcept {
    if (str_.empty() || set.find(str_.front()) == set.npos) {
      ok_ = false;
      return '\0';
    }
    auto result = str_.front();
    str_.remove_prefix(1);
    return result;
  }

  bool skip(char c) noexcept {
    if (!str_.starts_with(c))
      return false;
    str_.remove_prefix(1);
    return true;
  }

  bool ok() const noexcept {
    return ok_;
  }

  bool done() const noexcept {
    return ok_ && str_.empty();
  }

private:
  std::string_view str_;
  bool ok_ = true;
};

/// Returns milliseconds, or nothing if the fraction is finer.
std::optional<int> fraction(scanner& in) noexcept {
  if (!in.skip('.'))
    return 0;
  int result = 0;
  int digits = 0;
  do {
    auto x = in.digit();
    if (digits < 3)
      result = result * 10 + x;
    else if (x != 0)
      return std::nullopt;
    ++digits;
  } while (in.at_digit());
  for (; digits < 3; ++digits)
    result *= 10;
  return result;
}

std::optional<std::chrono::minutes> offset(scanner& in) noexcept {
  using namespace std::chrono;
  auto sign = in.one_of("Zz+-");
  if (sign == 'Z' || sign == 'z')
    return minutes{0};
  auto h = in.number(2);
  in.one_of(":");
  auto m = in.number(2);
  if (!in.ok() || h > 23 || m > 59)
    return std::nullopt;
  auto result = hours{h} + minutes{m};
  return sign == '-' ? -result : result;
}

/// Reads what `format_instant` prints, which most texts are, and nothing else.
std::optional<int64_t> parse_printed(std::string_view str) noexcept {
  using namespace std::chrono;
  if (str.size() != 24 || str[4] != '-' || str[7] != '-' || str[10] != 'T'
      || str[13] != ':' || str[16] != ':' || str[19] != '.' || str[23] != 'Z')
    return std::nullopt;
  unsigned greatest = 0; // of what should be digits
  auto number = [&](size_t pos, size_t digits) {
    unsigned result = 0;
    for (size_t i = pos; i < pos + digits; ++i) {
      auto x = static_cast<unsigned char>(str[i]) - unsigned{'0'};
      greatest = std::max(greatest, x);
      result = result * 10 + x;
    }
    return result;
  };
  year_month_day date{year{static_cast<int>(number(0, 4))}, month{number(5, 2)},
                      day{number(8, 2)}};
  auto h = number(11, 2);
  auto m = number(14, 2);
  auto s = number(17, 2);
  auto ms = number(20, 3);
  if (greatest > 9 || !date.ok() || h > 23 || m > 59 || s > 59)
    return std::nullopt;
  auto when = sys_time<milliseconds>{sys_days{date}} + hours{h} + minutes{m}
              + seconds{s} + milliseconds{ms};
  return when.time_since_epoch().count();
}

void print(char* dst, unsigned x, size_t digits) noexcept {
  for (auto i = digits; i > 0; --i) {
    dst[i - 1] = static_cast<char>('0' + x % 10);
    x /= 10;
  }
}

} // namespace

std::array<char, 24> format_instant(int64_t ms) noexcept {
  using namespace std::chrono;
  sys_time<milliseconds> when{milliseconds{ms}};
  auto day = floor<days>(when);
  year_month_day date{day};
  hh_mm_ss time{when - day};
  std::array<char, 24> result;
  std::copy_n("0000-00-00T00:00:00.000Z", 24, result.begin());
  auto put = [&](size_t pos, auto x, size_t digits) {
    print(result.data() + pos, static_cast<unsigned>(x), digits);
  };
  put(0, static_cast<int>(date.year()), 4);
  put(5, static_cast<unsigned>(date.month()), 2);
  put(8, static_cast<unsigned>(date.day()), 2);
  put(11, time.hours().count(), 2);
  put(14, time.minutes().count(), 2);
  put(17, time.seconds().count(), 2);
  put(20, time.subseconds().count(), 3);
  return result;
}

std::optional<int64_t> parse_instant(std::string_view str) noexcept {
  using namespace std::chrono;
  if (auto ms = parse_printed(str))
    return ms;
  scanner in{str};
  auto y = in.number(4);
  in.one_of("-");
  auto m = in.number(2);
  in.one_of("-");
  auto d = in.number(2);
  in.one_of("Tt");
  auto hour = in.number(2);
  in.one_of(":");
  auto minute = in.number(2);
  in.one_of(":");
  auto second = in.number(2);
  auto ms = fraction(in);
  auto ofs = offset(in);
  year_month_day date{year{y}, month{static_cast<unsigned>(m)},
                      day{static_cast<unsigned>(d)}};
  if (!in.done() || !ms || !ofs || !date.ok() || hour > 23 || minute > 59
      || second > 59)
    return std::nullopt;
  auto when = sys_time<milliseconds>{sys_days{date}} + hours{hour}
              + minutes{minute} + seconds{second} + milliseconds{*ms} - *ofs;
  return when.time_since_epoch().count();
}

} // namespace larder::detail
