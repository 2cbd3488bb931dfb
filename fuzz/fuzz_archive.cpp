// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

// Archives whose checksums are right, so that what lies behind them is reached.

#include "larder/archive_index.hpp"

#include <xxhash.h>

#include <algorithm>
#include <cstdlib>

using namespace larder;

namespace {

constexpr size_t head_size = 5;

/// Makes an archive of the input: the frames' checksums are put in.
bytes make_archive(bytes_view in, std::byte version) {
  auto result = to_bytes(std::string_view{"\x89larder\r\n\x1a\n"});
  result.push_back(version);
  auto sum = XXH3_64bits(result.data(), result.size());
  while (in.size() >= head_size) {
    auto size = head_size + load_big_endian<uint32_t>(&in[1]) % 65'536;
    auto frame = to_bytes(in.first(std::min(size, in.size())));
    store_big_endian(&frame[1],
                     static_cast<uint32_t>(frame.size() - head_size));
    in = in.subspan(frame.size());
    sum = XXH3_64bits_withSeed(frame.data(), frame.size(), sum);
    append(result, frame);
    append_big_endian(result, sum);
  }
  return result;
}

void read_all(const bytes& archive) {
  size_t used = 0;
  auto source = [&](std::span<std::byte> dst) -> expected<size_t> {
    auto n = std::min(dst.size(), archive.size() - used);
    std::copy_n(archive.begin() + static_cast<ptrdiff_t>(used), n, dst.begin());
    used += n;
    return n;
  };
  auto in = archive_reader::open(source);
  if (!in)
    return;
  auto index = archive_index::read(*in, true);
  if (!index)
    return;
  // Whatever is accepted adds up.
  auto& counts = index->counts();
  if (index->size() != counts.records + counts.unchanged
      || in->position() != archive.size())
    std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto in = std::as_bytes(std::span{data, size});
  read_all(to_bytes(in));
  for (auto version : {std::byte{1}, std::byte{2}})
    read_all(make_archive(in, version));
  return 0;
}
