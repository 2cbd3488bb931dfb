// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/codec.hpp"

#include <cstdlib>

using namespace larder;

/// What is read must be a value that `cbor` keeps.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const codec_registry registry;
  static const auto reader = registry.find_serializer("clj-cbor").value();
  static const auto writer = registry.find_serializer("cbor").value();
  limits lim;
  auto x = reader->decode(std::as_bytes(std::span{data, size}), lim);
  if (!x)
    return 0;
  bytes out;
  if (!writer->encode(*x, out, lim))
    std::abort();
  auto y = writer->decode(out, lim);
  if (!y || *x != *y)
    std::abort();
  return 0;
}
