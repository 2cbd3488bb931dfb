// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/konserve/incoming.hpp"

#include <algorithm>

namespace larder::detail::ksv {

namespace {

/// What a revision, an expiry and the smallest filling take at most, in any
/// serializer.
constexpr size_t private_size = 256;

expected<bytes> serialize(const store_state& state, uint8_t serializer_id,
                          const value& x) {
  auto& config = state.blobs.config();
  auto ser = config.registry->find_serializer(serializer_id);
  if (!ser)
    return fail(ser.error());
  bytes result;
  if (auto ok = (*ser)->encode(x, result, config.limits); !ok)
    return fail(ok.error());
  return result;
}

/// Unlike larder, konserve compresses also what does not get smaller.
expected<bytes> compress(const store_state& state, uint8_t compressor_id,
                         bytes_view plain) {
  auto comp = state.blobs.config().registry->find_compressor(compressor_id);
  if (!comp)
    return fail(comp.error());
  if (*comp == nullptr)
    return to_bytes(plain);
  bytes result;
  if (auto ok = (*comp)->compress(plain, result); !ok)
    return fail(ok.error());
  return result;
}

/// Serializes metadata with filling so that they take exactly `size` bytes.
/// Lengths of strings take a byte more from some length on, so that no single
/// string has every size: there are two.
expected<bytes> serialize_padded(const store_state& state, uint8_t serializer,
                                 const value& map, size_t size) {
  constexpr size_t max_second = 8;
  constexpr size_t max_growth = 8;
  auto with_filling = [&](size_t first, size_t second) {
    auto filling = value::vector(
      {value{std::string(first, ' ')}, value{std::string(second, ' ')}});
    return serialize(state, serializer, map.with(padding_key(), filling));
  };
  for (size_t second = 0; second < max_second; ++second) {
    auto least = with_filling(0, second);
    if (!least)
      return least;
    for (size_t growth = 0; growth < max_growth; ++growth) {
      if (least->size() + growth > size)
        break;
      auto result = with_filling(size - least->size() - growth, second);
      if (!result || result->size() == size)
        return result;
    }
  }
  return fail(errc::limit_exceeded, "the metadata do not fit into "
                                      + std::to_string(size)
                                      + " bytes that were left free for them");
}

expected<bytes> encode_metadata(const store_state& state,
                                const blob_layout& layout, const value& map,
                                size_t size) {
  if (size != 0)
    return serialize_padded(state, layout.serializer_id, map, size);
  return serialize(state, layout.serializer_id, map)
    .and_then([&](const bytes& plain) {
      return compress(state, layout.compressor_id, plain);
    });
}

} // namespace

expected<bytes> make_prefix(const store_state& state, const uuid& id,
                            blob_layout layout, const value& metadata_map,
                            size_t clear_size) {
  auto& crypt = state.config.crypt;
  auto clear = encode_metadata(state, layout, metadata_map, clear_size);
  if (!clear)
    return clear;
  auto sealed = crypt.seal(id, konserve::segment::metadata, *clear);
  if (!sealed)
    return sealed;
  layout.encryptor_id = crypt.id();
  layout.metadata_size = static_cast<uint32_t>(sealed->size());
  bytes result;
  append_layout(result, layout);
  append(result, *sealed);
  return result;
}

namespace {

expected<bytes> add_value(const store_state& state, const uuid& id,
                          bytes&& prefix, bytes_view clear) {
  auto sealed = state.config.crypt.seal(id, konserve::segment::value, clear);
  if (!sealed)
    return sealed;
  append(prefix, *sealed);
  return std::move(prefix);
}

} // namespace

expected<bytes> make_blob(const store_state& state, const uuid& id,
                          const blob_layout& layout, const value& metadata_map,
                          const value& content) {
  auto prefix = make_prefix(state, id, layout, metadata_map);
  if (!prefix)
    return prefix;
  auto clear = serialize(state, layout.serializer_id, content)
                 .and_then([&](const bytes& plain) {
                   return compress(state, layout.compressor_id, plain);
                 });
  if (!clear)
    return clear;
  return add_value(state, id, std::move(*prefix), *clear);
}

expected<bytes> make_blob(const store_state& state, const uuid& id,
                          const incoming_blob& x, const private_metadata& own) {
  blob_layout layout;
  layout.serializer_id = x.serializer_id;
  layout.compressor_id = x.compressor_id;
  auto prefix = make_prefix(state, id, layout, stored_metadata(x.meta, own));
  if (!prefix)
    return prefix;
  if (x.is_binary()) { // konserve leaves them as they are
    append(*prefix, x.value_segment);
    return prefix;
  }
  if (!x.raw_value)
    return add_value(state, id, std::move(*prefix), x.value_segment);
  auto clear = compress(state, x.compressor_id, x.value_segment);
  if (!clear)
    return clear;
  return add_value(state, id, std::move(*prefix), *clear);
}

size_t reserved_metadata_size(size_t shown_size) {
  return shown_size + private_size;
}

} // namespace larder::detail::ksv
