// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "decompressor.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz_decompressor("lz4", std::as_bytes(std::span{data, size}));
  return 0;
}
