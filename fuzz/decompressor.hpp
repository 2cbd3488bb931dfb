// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/codec.hpp"

#include <cstdlib>
#include <string_view>

/// Aborts unless `in` is refused or decompresses to something within the bound
/// that compresses and decompresses to the same.
inline void fuzz_decompressor(std::string_view name, larder::bytes_view in) {
  static const larder::codec_registry registry;
  constexpr size_t max_size = 1 << 20;
  auto codec = registry.find_compressor(name).value();
  auto content = codec->decompress(in, max_size);
  if (!content)
    return;
  larder::bytes again;
  if (content->size() > max_size || !codec->compress(*content, again)
      || codec->decompress(again, content->size()) != *content)
    std::abort();
}
