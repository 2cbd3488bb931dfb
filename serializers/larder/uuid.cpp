// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/uuid.hpp"

#include <sys/random.h>

#include <cerrno>
#include <cstdlib>

namespace larder {

void fill_random(std::span<std::byte> dst) noexcept {
  while (!dst.empty()) {
    auto n = getrandom(dst.data(), dst.size(), 0);
    if (n < 0) {
      if (errno == EINTR)
        continue;
      std::abort();
    }
    dst = dst.subspan(static_cast<size_t>(n));
  }
}

uuid uuid::random() {
  uuid result;
  fill_random(result.data);
  result.data[6] = (result.data[6] & std::byte{0x0F}) | std::byte{0x40};
  result.data[8] = (result.data[8] & std::byte{0x3F}) | std::byte{0x80};
  return result;
}

std::optional<uuid> uuid::parse(std::string_view str) {
  if (str.size() != 36)
    return std::nullopt;
  std::string digits;
  for (size_t i = 0; i < str.size(); ++i) {
    auto dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash != (str[i] == '-'))
      return std::nullopt;
    if (!dash)
      digits += str[i];
  }
  bytes raw;
  if (!from_hex(digits, raw))
    return std::nullopt;
  uuid result;
  std::copy(raw.begin(), raw.end(), result.data.begin());
  return result;
}

std::string to_string(const uuid& x) {
  auto result = to_hex(x.data);
  for (auto pos : {20, 16, 12, 8})
    result.insert(static_cast<size_t>(pos), 1, '-');
  return result;
}

} // namespace larder
