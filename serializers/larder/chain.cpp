// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/chain.hpp"

#include "larder/chunks.hpp"
#include "larder/detail/segment.hpp"

#include <utility>

namespace larder {

namespace {

detail::segment_place place_of_value(const chain& ch, std::string_view key,
                                     bytes_view header_bytes) {
  return {"larder value", ch.store(), key,
          header_bytes.first(header::value_bound_size)};
}

/// Reads the header and checks that metadata follows.
expected<header> read_header(bytes_view blob) {
  auto result = header::decode(blob);
  if (result && blob.size() < result->value_offset())
    return fail(errc::corruption, "the blob of " + std::to_string(blob.size())
                                    + " bytes ends within its metadata");
  return result;
}

expected<void> verify_binary(const chain& ch, std::string_view key,
                             bytes_view blob) {
  auto fetch = [blob](uint64_t offset, size_t length) -> expected<bytes> {
    return to_bytes(blob.subspan(offset, length));
  };
  auto reader = chunk_reader::open(ch, key, blob.size(), fetch);
  return reader ? reader->verify() : fail(reader.error());
}

/// Checks and decodes the value segment.
expected<value> read_value(const chain& ch, std::string_view key,
                           const header& h, const detail::codecs& with,
                           bytes_view blob,
                           const std::shared_ptr<const void>& owner,
                           uint64_t& plain_size) {
  auto segment = blob.subspan(h.value_offset());
  bytes bound;
  if (h.layout != 1) {
    auto place = place_of_value(ch, key, blob);
    if (place.checksum(segment) != h.value_checksum)
      return fail(errc::corruption, "the checksum of the value is wrong");
    if (h.encryptor_id != 0)
      bound = place.binding();
  }
  auto& lim = ch.config().limits;
  bytes buffer;
  auto plain = with.open(bound, segment, h.has(header::flag_raw_value),
                         lim.max_value_size, buffer);
  if (!plain)
    return fail(plain.error());
  plain_size = plain->size();
  auto shared = plain->data() == segment.data() ? owner : nullptr;
  return with.deserialize(*plain, lim, shared);
}

} // namespace

expected<chain_config>
make_chain_config(std::shared_ptr<const codec_registry> registry,
                  std::string_view serializer, std::string_view compressor,
                  std::string_view encryptor,
                  std::shared_ptr<const keyring> keys) {
  auto ser = registry->find_serializer(serializer);
  if (!ser)
    return fail(ser.error());
  if (!(*ser)->can_encode())
    return fail(errc::unsupported,
                "the serializer " + std::string{serializer}
                  + " only reads, which needs no configuration: choose the one "
                    "to write with, such as cbor");
  auto comp = registry->find_compressor(compressor);
  if (!comp)
    return fail(comp.error());
  auto enc = registry->find_encryptor(encryptor);
  if (!enc)
    return fail(enc.error());
  if (*enc != nullptr && keys == nullptr)
    return fail(errc::invalid_argument,
                "the encryptor " + std::string{encryptor} + " needs a keyring");
  chain_config result;
  result.registry = std::move(registry);
  result.write_serializer = *ser;
  result.write_compressor = *comp;
  result.write_encryptor = *enc;
  result.keys = std::move(keys);
  return result;
}

chain::chain(const uuid& store, chain_config config)
  : store_(store), config_(std::move(config)) {
  // nop
}

expected<encoded_document> chain::encode_measured(std::string_view key,
                                                  const metadata& meta,
                                                  const value& content) const {
  if (meta.type == content_type::binary)
    return fail(errc::invalid_argument, "binaries are encoded in chunks");
  auto with = detail::codecs::to_write(config_);
  if (!with)
    return fail(with.error());
  header h;
  if (auto ok = with->describe(meta, h); !ok)
    return fail(ok.error());
  // Where sizes are needed before the data is bound to the header, all but the
  // encryption goes to a buffer, else straight to its place in the blob.
  auto& lim = config_.limits;
  bytes stored_meta;
  auto encoded_meta
    = with->encode(meta.stored_form(), lim, lim.max_metadata_size, stored_meta);
  if (!encoded_meta)
    return fail(encoded_meta.error().with_context("metadata"));
  if (!encoded_meta->compressed)
    h.flags |= header::flag_raw_metadata;
  h.metadata_size
    = static_cast<uint32_t>(stored_meta.size() + with->overhead());
  bytes buffer;
  bytes blob;
  if (!with->encrypts())
    blob.resize(h.value_offset());
  auto& target = with->encrypts() ? buffer : blob;
  auto encoded = with->encode(content, lim, lim.max_value_size, target);
  if (!encoded)
    return fail(encoded.error());
  if (!encoded->compressed)
    h.flags |= header::flag_raw_value;
  h.value_size = with->encrypts() ? buffer.size() + with->overhead()
                                  : blob.size() - h.value_offset();
  auto raw_header = detail::encode_header(h);
  auto place = place_of_value(*this, key, raw_header);
  if (with->encrypts()) {
    blob.reserve(h.value_offset() + h.value_size);
    blob.resize(h.value_offset());
    if (auto ok = with->seal(place.binding(), buffer, blob); !ok)
      return fail(ok.error());
  }
  h.value_checksum = place.checksum(bytes_view{blob}.subspan(h.value_offset()));
  auto prefix = std::span{blob}.first(h.value_offset());
  if (auto ok = detail::write_prefix(*this, key, *with, h, stored_meta, prefix);
      !ok)
    return fail(ok.error());
  return encoded_document{std::move(blob), encoded->plain_size};
}

expected<document>
chain::decode(std::string_view key, bytes_view blob,
              const std::shared_ptr<const void>& owner) const {
  auto h = read_header(blob);
  if (!h)
    return fail(h.error());
  auto value_size = blob.size() - h->value_offset();
  if (h->layout != 1 && value_size != h->value_size)
    return fail(errc::corruption, "the value has " + std::to_string(value_size)
                                    + " bytes where the header says "
                                    + std::to_string(h->value_size));
  auto opened
    = detail::read_metadata(*this, key, *h, blob.first(h->value_offset()));
  if (!opened)
    return fail(opened.error());
  if (opened->meta.type == content_type::binary) {
    if (auto ok = verify_binary(*this, key, blob); !ok)
      return fail(ok.error());
    return document{std::move(opened->meta), {}, 0};
  }
  uint64_t plain_size = 0;
  auto content
    = read_value(*this, key, *h, opened->with, blob, owner, plain_size);
  if (!content)
    return fail(content.error());
  return document{std::move(opened->meta), std::move(*content), plain_size};
}

expected<metadata> chain::decode_metadata(std::string_view key,
                                          bytes_view blob) const {
  auto h = read_header(blob);
  if (!h)
    return fail(h.error());
  return detail::read_metadata(*this, key, *h, blob.first(h->value_offset()))
    .map([](detail::opened_metadata&& x) { return std::move(x.meta); });
}

} // namespace larder
