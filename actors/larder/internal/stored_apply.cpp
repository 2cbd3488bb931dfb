// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Taking over blobs of other stores as they are.

#include "larder/detail/rebinding.hpp"
#include "larder/internal/apply.hpp"
#include "larder/internal/context.hpp"
#include "larder/internal/log_apply.hpp"
#include "larder/internal/validators.hpp"
#include "larder/text.hpp"

namespace larder::internal {

namespace {

uint8_t id_of(const codec* x) {
  return x != nullptr ? x->id() : 0;
}

/// Whether a blob is encoded as the store encodes.
bool is_own_form(const chain_config& chain, const header& h) {
  return h.layout == 2 && h.encryptor_id == 0
         && chain.write_encryptor == nullptr
         && h.serializer_id == id_of(chain.write_serializer)
         && h.compressor_id == id_of(chain.write_compressor)
         && !h.has(header::flag_log)
         && (!h.has(header::flag_binary)
             || h.has(header::flag_plain) == chain.plain_binaries);
}

} // namespace

expected<metadata> check_stored(const store_context& store,
                                std::string_view encoded_key, const uuid& from,
                                bytes_view prefix, const entry& before) {
  auto& config = store.blobs().config();
  auto hdr = header::decode(prefix);
  if (!hdr)
    return fail(std::move(hdr.error()));
  if (!is_own_form(config, *hdr))
    return fail(errc::unsupported,
                "the blob is not encoded as " + store.name() + " encodes");
  if (hdr->value_offset() > prefix.size())
    return fail(errc::corruption, "the blob ends within its metadata");
  auto meta = chain{from, config}.decode_metadata(encoded_key, prefix);
  if (meta && !keeps_revision(*meta, before))
    return fail(errc::conflict,
                to_edn(meta->key) + " was written later than the blob");
  return meta;
}

expected<put_reply> apply(const put_stored_request& req, entry& state,
                          const apply_context& ctx, bool& changed) {
  if (auto ok = check(req.condition, state, ctx.now); !ok)
    return fail(std::move(ok.error()));
  if (!req.blob)
    return fail(errc::invalid_argument, "there is no blob");
  auto& store = ctx.store;
  auto meta = check_stored(store, ctx.encoded_key, req.from, *req.blob, state);
  if (!meta)
    return fail(std::move(meta.error()));
  auto blob = detail::rebind(req.from, store.blobs().store(), ctx.encoded_key,
                             *req.blob);
  if (!blob)
    return fail(std::move(blob.error()));
  entry after = state;
  if (auto ok = clear(after, ctx); !ok)
    return fail(std::move(ok.error()));
  put_reply reply{meta->rev};
  after.present = true;
  after.meta = std::move(*meta);
  if (after.is_value() && (ctx.watched || is_validated(store, req.key))) {
    auto doc = store.blobs().decode(ctx.encoded_key, *blob);
    if (!doc)
      return fail(std::move(doc.error()));
    after.content = std::move(doc->content);
    after.has_content = true;
  }
  after.new_blob = std::make_shared<const bytes>(std::move(*blob));
  state = std::move(after);
  changed = true;
  return reply;
}

} // namespace larder::internal
