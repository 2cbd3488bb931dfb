// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/edn_instant.hpp"

#include "larder/detail/instant.hpp"

#include <string>

namespace larder::detail {

namespace {

/// What is missing at the end of a time is taken from here.
constexpr std::string_view defaults = "0000-01-01T00:00:00";

/// Removes the offset from UTC from the end of `str`.
std::string_view take_offset(std::string_view& str) noexcept {
  auto size = str.size();
  size_t n = 0;
  if (str.ends_with('Z') || str.ends_with('z'))
    n = 1;
  else if (size > 6 && (str[size - 6] == '+' || str[size - 6] == '-')
           && str[size - 3] == ':')
    n = 6;
  auto result = n > 0 ? str.substr(size - n) : std::string_view{"Z"};
  str.remove_suffix(n);
  return result;
}

/// Whether a time may end behind `size` characters.
bool is_complete(size_t size) noexcept {
  return size >= 4 && size <= defaults.size() && (size - 4) % 3 == 0;
}

} // namespace

std::optional<int64_t> read_edn_instant(std::string_view str) {
  auto offset = take_offset(str);
  std::string time{str.substr(0, defaults.size())};
  auto fraction = str.substr(time.size());
  if (!is_complete(time.size())
      || fraction.find_first_not_of("0123456789", 1) != std::string_view::npos)
    return std::nullopt;
  time += defaults.substr(time.size());
  int64_t leap = 0;
  if (time.ends_with(":59:60")) {
    time.replace(time.size() - 2, 2, "59");
    leap = 1000;
  }
  time += fraction.substr(0, 4);
  time += offset;
  auto ms = parse_instant(time);
  return ms ? std::optional{*ms + leap} : std::nullopt;
}

} // namespace larder::detail
