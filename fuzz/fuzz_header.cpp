// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/header.hpp"

#include <algorithm>
#include <cstdlib>

using namespace larder;

/// A header that decodes must encode to the same bytes.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto in = std::as_bytes(std::span{data, size});
  auto h = header::decode(in);
  if (!h)
    return 0;
  bytes out;
  h->encode(out);
  if (out.size() != h->size() || !std::ranges::equal(out, in.first(out.size())))
    std::abort();
  return 0;
}
