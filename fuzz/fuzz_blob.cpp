// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

// Whole blobs with checksums that are right, so that what lies behind them is
// reached. The first byte of an input says how the blob is made of the rest:
// as it is, or as the value segment behind a good header and good metadata.

#include "../tests/serializers/reseal.hpp"

#include "larder/chain.hpp"
#include "larder/chunks.hpp"

#include <cstdlib>
#include <vector>

using namespace larder;

namespace {

constexpr std::string_view key = ":k";

struct setup {
  uuid store;
  chain reader;
  std::vector<bytes> prefixes; // header and metadata of various chains

  setup() : reader(store, config("cbor", "none")) {
    codec_registry registry;
    for (auto& serializer : registry.serializers()) {
      if (!serializer->can_encode())
        continue;
      for (auto* compressor : {"none", "lz4", "zstd"}) {
        chain ch{store, config(serializer->name(), compressor)};
        metadata meta;
        meta.key = value::keyword("k");
        auto blob = ch.encode(key, meta, 1).value();
        blob.resize(header::decode(blob)->value_offset());
        prefixes.push_back(std::move(blob));
        chunk_encoder enc{ch, key, meta};
        bytes body;
        if (!enc.finish(body))
          std::abort();
        prefixes.push_back(enc.prefix(0).value());
      }
    }
  }

  static chain_config config(std::string_view serializer,
                             std::string_view compressor) {
    auto result = make_chain_config(std::make_shared<codec_registry>(),
                                    serializer, compressor, "none", nullptr)
                    .value();
    result.limits.max_value_size = 1 << 20;
    result.limits.max_metadata_size = 1 << 16;
    return result;
  }
};

/// Reads a binary in pieces.
void read_ranges(const chain& ch, bytes_view blob) {
  auto fetch = [blob](uint64_t offset, size_t length) -> expected<bytes> {
    if (offset > blob.size() || length > blob.size() - offset)
      std::abort();
    return to_bytes(blob.subspan(offset, length));
  };
  auto reader = chunk_reader::open(ch, key, blob.size(), fetch);
  if (!reader)
    return;
  auto verified = reader->verify();
  auto middle = reader->read(reader->size() / 2, 1'000);
  if (verified && !middle)
    std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const setup env;
  if (size < 2)
    return 0;
  auto in = std::as_bytes(std::span{data, size});
  auto choice = data[0] % (env.prefixes.size() + 1);
  bytes blob;
  if (choice > 0) {
    blob = env.prefixes[choice - 1];
    store_big_endian(&blob[8], uint64_t{size - 2});
    blob[19] ^= std::byte{data[1]} & std::byte{header::flag_raw_value};
  }
  append(blob, in.subspan(2));
  test::fix_chunks(env.reader, key, blob);
  test::fix_checksums(env.store, key, blob);
  std::ignore = env.reader.decode_metadata(key, blob);
  read_ranges(env.reader, blob);
  // What decodes can be stored again.
  auto doc = env.reader.decode(key, blob);
  if (doc && doc->meta.type == content_type::edn) {
    doc->meta.expiry.reset();
    auto again = env.reader.encode(key, doc->meta, doc->content);
    if (!again || env.reader.decode(key, *again)->content != doc->content)
      std::abort();
  }
  return 0;
}
