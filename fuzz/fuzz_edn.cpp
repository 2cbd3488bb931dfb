// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What the EDN reader accepts must print, and read as an equal value again.

#include "larder/text.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input{reinterpret_cast<const char*>(data), size};
  auto x = larder::parse_edn(input);
  if (!x)
    return 0;
  auto text = larder::to_edn(*x);
  if (!larder::check_text(*x) || larder::parse_edn(text) != *x)
    std::abort();
  if (text != larder::to_edn(*larder::parse_edn(text)))
    std::abort();
  larder::to_json(*x, {.pretty = true});
  return 0;
}
