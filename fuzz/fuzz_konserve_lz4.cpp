// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/codec.hpp"
#include "larder/konserve/lz4_frame.hpp"

#include <cstdlib>

using namespace larder;

/// A frame that is whole must not get another end, and one that gets an end
/// must not get another.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const codec_registry registry;
  static const auto lz4 = registry.find_compressor("lz4").value();
  constexpr size_t max_size = 1 << 20;
  auto in = std::as_bytes(std::span{data, size});
  bytes buffer;
  auto marked = konserve::with_end_mark(in, buffer);
  auto changed = marked.data() != in.data();
  if (changed && lz4->decompress(in, max_size))
    std::abort();
  bytes again;
  if (changed && konserve::with_end_mark(marked, again).size() != marked.size())
    std::abort();
  (void)lz4->decompress(marked, max_size);
  return 0;
}
