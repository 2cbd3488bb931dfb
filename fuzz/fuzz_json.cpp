// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What the JSON reader accepts must print, as JSON and as EDN, and read as an
/// equal value again.

#include "larder/text.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input{reinterpret_cast<const char*>(data), size};
  auto x = larder::parse_json(input);
  if (!x)
    return 0;
  if (larder::parse_json(larder::to_json(*x)) != *x
      || larder::parse_json(larder::to_json(*x, {.pretty = true})) != *x
      || larder::parse_edn(larder::to_edn(*x)) != *x)
    std::abort();
  return 0;
}
