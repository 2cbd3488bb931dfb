// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/konserve/blob.hpp"
#include "larder/detail/konserve/incoming.hpp"
#include "larder/detail/segment.hpp"

namespace larder::detail::ksv {

namespace {

/// Serializers that konserve can read and larder can write.
bool is_konserves_serializer(uint8_t id) {
  return id == 0 || id == 1 || id == 3;
}

bool is_konserves_compressor(uint8_t id) {
  return id <= 2;
}

tl::unexpected<error> unsupported(std::string message) {
  return fail(errc::unsupported, std::move(message));
}

expected<void> check_form(const store_state& state, const header& h) {
  if (h.layout != 2)
    return unsupported("only blobs of layout 2 can be put");
  if (h.encryptor_id != 0)
    return unsupported("a konserve store cannot keep what larder's own "
                       "encryption has sealed: give the option encryptor= to "
                       "the konserve: URI instead");
  if (!is_konserves_serializer(h.serializer_id))
    return unsupported("konserve cannot read values of the serializer "
                       + std::to_string(h.serializer_id)
                       + ": configure fressian, cbor or edn");
  if (!is_konserves_compressor(h.compressor_id))
    return unsupported("konserve cannot read values of the compressor "
                       + std::to_string(h.compressor_id)
                       + ": configure lz4, zstd or none");
  if (!h.has(header::flag_binary))
    return {};
  if (!h.has(header::flag_plain))
    return unsupported("a konserve store takes binaries as they are, not in "
                       "chunks");
  if (!state.config.clear_binaries)
    return unsupported("konserve stores binaries in the clear, and the option "
                       "clear-binaries=no forbids that");
  return {};
}

} // namespace

expected<incoming_blob> take_apart(const store_state& state,
                                   std::string_view key, bytes_view blob) {
  auto h = header::decode(blob);
  if (!h)
    return fail(h.error());
  if (auto ok = check_form(state, *h); !ok)
    return fail(ok.error());
  if (blob.size() < h->value_offset())
    return fail(errc::corruption, "the blob ends within its metadata");
  auto opened
    = read_metadata(state.blobs, key, *h, blob.first(h->value_offset()));
  if (!opened)
    return fail(opened.error());
  if (auto ok = check_no_private(opened->meta); !ok)
    return fail(ok.error());
  incoming_blob result;
  result.meta = std::move(opened->meta);
  result.serializer_id = h->serializer_id;
  result.compressor_id = h->compressor_id;
  result.raw_value = h->has(header::flag_raw_value);
  result.value_size = h->value_size;
  result.value_segment = blob.subspan(h->value_offset());
  return result;
}

expected<value> decode_value(const store_state& state, const incoming_blob& x) {
  blob_layout layout;
  layout.serializer_id = x.serializer_id;
  layout.compressor_id = x.raw_value ? 0 : x.compressor_id;
  return decode_segment(state, layout, x.value_segment,
                        state.blobs.config().limits.max_value_size);
}

} // namespace larder::detail::ksv
