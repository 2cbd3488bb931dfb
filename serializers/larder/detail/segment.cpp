// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/segment.hpp"

#include "larder/detail/cbor.hpp"
#include "larder/detail/xxh3.hpp"
#include "larder/key.hpp"
#include "larder/konserve/lz4_frame.hpp"

#include <algorithm>
#include <array>
#include <exception>

namespace larder::detail {

namespace {

constexpr std::string_view metadata_context = "larder metadata";

/// Calls `f`, a function of the plug-in `c`.
template <class F>
auto guarded(const codec& c, F f) -> decltype(f()) {
  auto threw = [&c](const char* what) {
    return fail(errc::internal, "the codec " + std::string{c.name()}
                                  + " threw an exception: " + what);
  };
  try {
    return f();
  } catch (const std::exception& e) {
    return threw(e.what());
  } catch (...) {
    return threw("of unknown type");
  }
}

tl::unexpected<error> too_large(size_t max_size) {
  return fail(errc::limit_exceeded, "the decoded data has more than "
                                      + std::to_string(max_size) + " bytes");
}

segment_place place_of_metadata(const chain& ch, std::string_view key,
                                bytes_view header_bytes) {
  return {metadata_context, ch.store(), key,
          header_bytes.first(header::metadata_bound_size)};
}

} // namespace

// -- segment_place ------------------------------------------------------------

size_t segment_place::binding_size() const noexcept {
  return context.size() + store.data.size() + sizeof(uint64_t) + key.size()
         + header_part.size();
}

void segment_place::write_binding(std::byte* dst) const noexcept {
  auto put
    = [&dst](bytes_view xs) { dst = std::copy(xs.begin(), xs.end(), dst); };
  put(as_bytes(context));
  put(store.data);
  store_big_endian(dst, uint64_t{key.size()});
  dst += sizeof(uint64_t);
  put(as_bytes(key));
  put(header_part);
}

bytes segment_place::binding() const {
  bytes result(binding_size());
  write_binding(result.data());
  return result;
}

uint64_t segment_place::checksum(bytes_view segment) const {
  std::array<std::byte, 512> buffer; // no memory for keys of a usual size
  auto size = binding_size();
  if (size > buffer.size())
    return detail::checksum(binding(), segment);
  write_binding(buffer.data());
  return detail::checksum(bytes_view{buffer}.first(size), segment);
}

bytes binding(std::string_view context, const uuid& store, std::string_view key,
              bytes_view header_part) {
  return segment_place{context, store, key, header_part}.binding();
}

uint64_t checksum_seed(bytes_view binding) noexcept {
  return XXH3_64bits(binding.data(), binding.size());
}

uint64_t checksum(bytes_view binding, bytes_view segment) noexcept {
  return XXH3_64bits_withSeed(segment.data(), segment.size(),
                              checksum_seed(binding));
}

// -- codecs -------------------------------------------------------------------

expected<codecs> codecs::to_write(const chain_config& config) {
  if (config.write_serializer == nullptr)
    return fail(errc::invalid_argument, "no serializer is configured");
  codecs result;
  result.serializer_ = config.write_serializer;
  result.compressor_ = config.write_compressor;
  result.encryptor_ = config.write_encryptor;
  if (result.encryptor_ == nullptr)
    return result;
  if (config.keys == nullptr)
    return fail(errc::invalid_argument, "encryption needs a keyring");
  auto key = config.keys->primary();
  if (!key)
    return fail(key.error());
  result.key_ = *key;
  return result;
}

expected<codecs> codecs::to_read(const chain_config& config, const header& h) {
  auto ser = config.registry->find_serializer(h.serializer_id);
  if (!ser)
    return fail(ser.error());
  auto comp = config.registry->find_compressor(h.compressor_id);
  if (!comp)
    return fail(comp.error());
  auto enc = config.registry->find_encryptor(h.encryptor_id);
  if (!enc)
    return fail(enc.error());
  codecs result;
  result.serializer_ = *ser;
  result.compressor_ = *comp;
  result.encryptor_ = *enc;
  result.by_konserve_ = h.layout == 1;
  if (*enc == nullptr) {
    if (config.require_encryption)
      return fail(errc::authentication_failed,
                  "the blob is not encrypted, and this store requires it");
    return result;
  }
  if (h.layout == 1)
    return fail(errc::unknown_codec, "blobs of layout 1 cannot be encrypted by "
                                       + std::string{(*enc)->name()});
  if (config.keys == nullptr)
    return fail(errc::unknown_encryption_key,
                "the blob is encrypted, but there is no keyring");
  auto key = config.keys->find(h.key_id);
  if (!key)
    return fail(key.error());
  result.key_ = *key;
  return result;
}

expected<void> codecs::describe(const metadata& meta, header& h) const {
  h.serializer_id = serializer_->id();
  h.compressor_id = compressor_ == nullptr ? 0 : compressor_->id();
  h.encryptor_id = encryptor_ == nullptr ? 0 : encryptor_->id();
  h.key_id = key_ ? key_->id() : 0;
  h.rev = meta.rev;
  if (meta.type == content_type::append_log)
    h.flags |= header::flag_log;
  // Zero would be read as never.
  if (meta.expiry && *meta.expiry <= 0)
    return fail(errc::invalid_argument, "the expiry lies before 1970");
  h.expiry = meta.expiry.value_or(0);
  return {};
}

expected<void> codecs::serialize(const value& x, const limits& lim,
                                 size_t max_size, bytes& out) const {
  auto start = out.size();
  auto ok
    = guarded(*serializer_, [&] { return serializer_->encode(x, out, lim); });
  if (!ok)
    return ok;
  if (out.size() - start > max_size)
    return fail(errc::limit_exceeded,
                "the encoded data has " + std::to_string(out.size() - start)
                  + " bytes, more than " + std::to_string(max_size));
  return {};
}

expected<bool> codecs::compress(bytes_view plain, bytes& out) const {
  if (compressor_ == nullptr)
    return false;
  auto start = out.size();
  auto ok
    = guarded(*compressor_, [&] { return compressor_->compress(plain, out); });
  if (!ok)
    return fail(ok.error());
  if (out.size() - start < plain.size())
    return true;
  out.resize(start);
  return false;
}

expected<codecs::encoding> codecs::encode(const value& x, const limits& lim,
                                          size_t max_size, bytes& out) const {
  if (compressor_ == nullptr) {
    auto start = out.size();
    return serialize(x, lim, max_size, out).map([&] {
      return encoding{false, out.size() - start};
    });
  }
  bytes plain;
  if (auto ok = serialize(x, lim, max_size, plain); !ok)
    return fail(ok.error());
  auto compressed = compress(plain, out);
  if (!compressed)
    return fail(compressed.error());
  if (!*compressed)
    append(out, plain);
  return encoding{*compressed, plain.size()};
}

expected<void> codecs::seal(bytes_view binding, bytes_view in,
                            bytes& out) const {
  if (encryptor_ == nullptr) {
    append(out, in);
    return {};
  }
  auto expected_size = out.size() + in.size() + overhead();
  auto ok = guarded(
    *encryptor_, [&] { return encryptor_->encrypt(*key_, binding, in, out); });
  // The header, to which the data is bound, has the size already.
  if (ok && out.size() != expected_size)
    return fail(errc::internal, "the encryptor "
                                  + std::string{encryptor_->name()}
                                  + " has another overhead than it says");
  return ok;
}

expected<bytes_view> codecs::open(bytes_view binding, bytes_view stored,
                                  bool raw, size_t max_size,
                                  bytes& buffer) const {
  // Compressed forms are stored only if they are smaller.
  if (stored.size() > overhead() && stored.size() - overhead() > max_size)
    return too_large(max_size);
  auto current = stored;
  auto take = [&](expected<bytes> result) -> expected<void> {
    if (!result)
      return fail(result.error());
    buffer = std::move(*result);
    current = buffer;
    return {};
  };
  expected<void> ok;
  if (encryptor_ != nullptr)
    ok = take(guarded(*encryptor_, [&] {
      return encryptor_->decrypt(*key_, binding, current);
    }));
  bytes marked;
  if (ok && by_konserve_ && compressor_ != nullptr
      && compressor_->id() == konserve::lz4_id)
    current = konserve::with_end_mark(current, marked);
  if (ok && compressor_ != nullptr && !raw)
    ok = take(guarded(*compressor_, [&] {
      return compressor_->decompress(current, max_size);
    }));
  if (!ok)
    return fail(ok.error());
  if (current.size() > max_size)
    return too_large(max_size);
  return current;
}

expected<value>
codecs::deserialize(bytes_view in, const limits& lim,
                    const std::shared_ptr<const void>& owner) const {
  return guarded(*serializer_, [&] {
    return owner ? serializer_->decode_shared(in, lim, owner)
                 : serializer_->decode(in, lim);
  });
}

// -- metadata -----------------------------------------------------------------

bytes encode_header(const header& x) {
  bytes result;
  result.reserve(x.size());
  x.encode(result);
  return result;
}

expected<void> write_prefix(const chain& ch, std::string_view key,
                            const codecs& with, header& h, bytes_view stored,
                            std::span<std::byte> out) {
  auto raw = encode_header(h);
  auto place = place_of_metadata(ch, key, raw);
  auto bound = with.encrypts() ? place.binding() : bytes{};
  bytes segment;
  segment.reserve(h.metadata_size);
  if (auto ok = with.seal(bound, stored, segment); !ok)
    return ok;
  h.metadata_checksum = place.checksum(segment);
  store_big_endian(raw.data() + header::metadata_bound_size,
                   h.metadata_checksum);
  std::copy(segment.begin(), segment.end(),
            std::copy(raw.begin(), raw.end(), out.begin()));
  return {};
}

namespace {

/// Checks that a blob is under the key that it was made for. A hidden blob
/// names the key it serves, and is bound to its own as all blobs are.
expected<void> check_key(std::string_view key, const metadata& meta,
                         const header& h) {
  if (is_hidden_key(key)) {
    if (h.layout == 1)
      return fail(errc::corruption, "a hidden blob of layout 1");
    return {};
  }
  if (names_key(key, meta.key))
    return {};
  if (auto valid = decode_key(key); !valid)
    return fail(valid.error());
  return fail(errc::corruption, "the blob belongs to another key");
}

/// A binary is either chunked or plain, and nothing else is.
bool agree_on_binaries(const header& h) noexcept {
  auto chunked = h.has(header::flag_chunked);
  auto plain = h.has(header::flag_plain);
  return h.has(header::flag_binary) == (chunked || plain) && !(chunked && plain)
         && !(plain && h.encryptor_id != 0);
}

expected<metadata> parse_metadata(const codecs& with, bytes_view plain,
                                  const limits& lim) {
  if (with.serializer_id() == cbor::serializer_id && lim.max_depth > 0
      && plain.size() <= lim.max_value_size)
    if (auto meta = cbor::decode_plain_metadata(plain))
      return std::move(*meta);
  auto stored = with.deserialize(plain, lim);
  if (!stored)
    return fail(stored.error().with_context("metadata"));
  return metadata::from_stored_form(*stored);
}

} // namespace

expected<opened_metadata> read_metadata(const chain& ch, std::string_view key,
                                        const header& h, bytes_view prefix) {
  auto segment = prefix.subspan(h.size());
  bytes bound;
  if (h.layout != 1) {
    auto place = place_of_metadata(ch, key, prefix);
    if (place.checksum(segment) != h.metadata_checksum)
      return fail(errc::corruption, "the checksum of the metadata is wrong");
    if (h.encryptor_id != 0)
      bound = place.binding();
    if (!agree_on_binaries(h))
      return fail(errc::corruption, "the header's flags contradict each other");
  }
  auto& lim = ch.config().limits;
  auto with = codecs::to_read(ch.config(), h);
  if (!with)
    return fail(with.error());
  if (h.layout == 1 && !with->safe_on_untrusted_input())
    return fail(errc::unsupported, "blobs of layout 1 have no checksum, and "
                                   "this one's serializer cannot be trusted "
                                   "with damaged data");
  bytes buffer;
  auto plain = with->open(bound, segment, h.has(header::flag_raw_metadata),
                          lim.max_metadata_size, buffer);
  if (!plain)
    return fail(plain.error().with_context("metadata"));
  auto meta = parse_metadata(*with, *plain, lim);
  if (!meta)
    return fail(std::move(meta.error()));
  if (auto ok = check_key(key, *meta, h); !ok)
    return fail(ok.error());
  auto is = [&](content_type x) { return meta->type == x; };
  if (h.layout != 1
      && (h.has(header::flag_binary) != is(content_type::binary)
          || h.has(header::flag_log) != is(content_type::append_log)))
    return fail(errc::corruption, "header and metadata differ in the type");
  meta->rev = h.rev;
  if (h.expiry != 0)
    meta->expiry = h.expiry;
  return opened_metadata{std::move(*with), std::move(*meta)};
}

} // namespace larder::detail
