// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/codec.hpp"

#include <cstdlib>

using namespace larder;

/// What decodes must encode, to bytes that decode to an equal value and are the
/// only encoding of it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const codec_registry registry;
  static const auto codec = registry.find_serializer("cbor").value();
  limits lim;
  limits narrow; // references make large values of little input
  narrow.max_value_size = 1 << 24;
  auto x = codec->decode(std::as_bytes(std::span{data, size}), narrow);
  if (!x)
    return 0;
  bytes once;
  if (!codec->encode(*x, once, lim))
    std::abort();
  auto y = codec->decode(once, lim);
  if (!y || *x != *y)
    std::abort();
  bytes twice;
  if (!codec->encode(*y, twice, lim) || once != twice)
    std::abort();
  return 0;
}
