// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/codec.hpp"

#include <cstdlib>

using namespace larder;

/// What decodes must encode, to bytes that decode to an equal value and are the
/// only encoding of it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const codec_registry registry;
  static const auto codec = registry.find_serializer("fressian").value();
  // References multiply: what they may make is what takes time.
  limits lim;
  lim.max_value_size = size_t{1} << 20;
  auto x = codec->decode(std::as_bytes(std::span{data, size}), lim);
  if (!x)
    return 0;
  bytes once;
  if (!codec->encode(*x, once, {}))
    std::abort();
  auto y = codec->decode(once, {});
  if (!y || *x != *y)
    std::abort();
  bytes twice;
  if (!codec->encode(*y, twice, {}) || once != twice)
    std::abort();
  return 0;
}
