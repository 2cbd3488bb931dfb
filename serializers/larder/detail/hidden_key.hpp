// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The names of blobs that belong to append logs; docs/format.md specifies
/// them.

#pragma once

#include "larder/bytes.hpp"
#include "larder/uuid.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace larder::detail {

constexpr std::string_view segment_mark{"\0S", 2};
constexpr std::string_view garbage_mark{"\0G", 2};

template <class... Numbers>
std::string hidden_key(std::string_view mark, const uuid& log,
                       Numbers... numbers) {
  auto result = to_bytes(mark);
  append(result, log.data);
  (append_big_endian(result, numbers), ...);
  return std::string{as_chars(result)};
}

/// The hidden key of a segment of a log.
inline std::string segment_key(const uuid& log, uint64_t number) {
  return hidden_key(segment_mark, log, number);
}

} // namespace larder::detail
