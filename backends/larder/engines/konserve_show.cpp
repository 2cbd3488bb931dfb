// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/blob_part.hpp"
#include "larder/detail/konserve/log.hpp"
#include "larder/detail/konserve/show.hpp"
#include "larder/detail/segment.hpp"

#include <algorithm>

namespace larder::detail::ksv {

namespace {

constexpr uint8_t clj_cbor_id = 2;
constexpr uint8_t cbor_id = 3;

/// One blob that is being shown.
class presenter {
public:
  presenter(const store_state& state, const stored_blob& x, const value& key,
            std::string_view encoded)
    : state_(state), blob_(x), key_(key), encoded_(encoded) {
    // nop
  }

  /// Makes what does not depend on the value.
  expected<void> prepare() {
    auto& meta = blob_.meta;
    // What larder cannot write is shown in its own CBOR where it has to be
    // written.
    auto is_clj_cbor = blob_.layout.serializer_id == clj_cbor_id;
    auto anew = blob_.has_private || meta.key != key_
                || (blob_.is_log() && is_clj_cbor);
    anew_in_cbor_ = anew && is_clj_cbor;
    h_.serializer_id = anew_in_cbor_ ? cbor_id : blob_.layout.serializer_id;
    h_.compressor_id = blob_.layout.compressor_id;
    h_.rev = meta.rev;
    h_.expiry = meta.expiry ? std::max<int64_t>(*meta.expiry, 1) : 0;
    if (anew || h_.compressor_id == 0)
      h_.flags |= header::flag_raw_metadata;
    if (meta.type == content_type::binary)
      h_.flags |= header::flag_binary | header::flag_plain;
    else if (value_is_made() || h_.compressor_id == 0)
      h_.flags |= header::flag_raw_value;
    if (blob_.is_log())
      h_.flags |= header::flag_log;
    if (!anew) {
      metadata_ = blob_.clear_metadata;
    } else {
      auto shown = meta;
      shown.key = key_;
      if (auto ok = encode(shown.stored_form(), metadata_); !ok)
        return ok;
    }
    h_.metadata_size = static_cast<uint32_t>(metadata_.size());
    h_.value_size = is_binary() ? blob_.value_size()
                                : sealer::clear_size(blob_.layout.encryptor_id,
                                                     blob_.value_size());
    return {};
  }

  uint64_t size() const noexcept {
    return h_.value_offset() + h_.value_size;
  }

  /// Makes header and metadata alone.
  expected<bytes> prefix() {
    bytes result(h_.value_offset());
    if (auto ok = write_prefix(result); !ok)
      return fail(ok.error());
    return result;
  }

  /// Makes the whole blob.
  expected<bytes> whole() {
    if (is_binary())
      return binary_range(0, size());
    bytes result(h_.value_offset());
    if (auto ok = append_value(result); !ok)
      return fail(ok.error());
    h_.value_size = result.size() - h_.value_offset();
    auto value_part = bytes_view{result}.subspan(h_.value_offset());
    h_.value_checksum = checksum(
      binding("larder value", state_.id, encoded_,
              bytes_view{encode_header(h_)}.first(header::value_bound_size)),
      value_part);
    if (auto ok = write_prefix(result); !ok)
      return fail(ok.error());
    return result;
  }

  /// Makes a part of a binary's blob, reading no more than that.
  expected<bytes> binary_range(uint64_t offset, uint64_t length) {
    auto all = prefix();
    if (!all)
      return all;
    auto result = to_bytes(slice(*all, blob_part::range, offset, length));
    auto end = offset + std::min(length, size() - std::min(offset, size()));
    auto from = std::max<uint64_t>(offset, all->size());
    if (from >= end)
      return result;
    auto data
      = blob_.file.read(blob_.layout.value_offset() + from - all->size(),
                        static_cast<size_t>(end - from));
    if (!data)
      return data;
    append(result, *data);
    return result;
  }

  bool is_binary() const noexcept {
    return h_.has(header::flag_binary);
  }

private:
  /// Whether the shown value is not the stored one.
  bool value_is_made() const noexcept {
    return blob_.is_log() || anew_in_cbor_;
  }

  expected<void> encode(const value& x, bytes& out) const {
    auto& config = state_.blobs.config();
    return config.registry->find_serializer(h_.serializer_id)
      .and_then([&](const serializer* ser) {
        return ser->encode(x, out, config.limits);
      });
  }

  expected<void> append_value(bytes& out) const {
    if (!value_is_made()) {
      auto clear = blob_.clear_value(state_);
      if (!clear)
        return fail(clear.error());
      append(out, *clear);
      return {};
    }
    auto content = blob_.decode_value(state_);
    if (content && blob_.is_log())
      content = read_log(state_, blob_, *content).map([](stored_log&& log) {
        return log.to_value();
      });
    if (!content)
      return fail(content.error());
    return encode(*content, out);
  }

  expected<void> write_prefix(std::span<std::byte> blob) {
    auto with = codecs::to_read(state_.blobs.config(), h_);
    if (!with)
      return fail(with.error());
    return detail::write_prefix(state_.blobs, encoded_, *with, h_, metadata_,
                                blob.first(h_.value_offset()));
  }

  const store_state& state_;
  const stored_blob& blob_;
  const value& key_;
  std::string_view encoded_;
  bool anew_in_cbor_ = false;
  header h_;
  bytes metadata_; // as shown
};

expected<bytes> make_part(presenter& x, const read_request& request) {
  switch (request.part) {
    case blob_part::none:
      return bytes{};
    case blob_part::header:
      return x.prefix().map(
        [](bytes&& all) { return to_bytes(slice(all, blob_part::header)); });
    case blob_part::metadata:
      return x.prefix();
    case blob_part::all:
      return x.whole();
    case blob_part::range:
      if (x.is_binary())
        return x.binary_range(request.offset, request.length);
      return x.whole().map([&](bytes&& all) {
        return to_bytes(
          slice(all, blob_part::range, request.offset, request.length));
      });
  }
  return fail(errc::invalid_argument, "unknown part of a blob");
}

} // namespace

read_outcome show(const store_state& state, const stored_blob& x,
                  const value& key, std::string_view encoded,
                  const read_request& request) {
  if (request.pinned && *request.pinned != x.meta.rev)
    return fail(errc::conflict, "the blob was replaced by another revision");
  presenter part{state, x, key, encoded};
  if (auto ok = part.prepare(); !ok)
    return fail(ok.error());
  auto data = make_part(part, request);
  auto changed = x.changed();
  if (!changed)
    return fail(changed.error());
  if (*changed)
    return fail(errc::conflict, "the blob was changed while it was read");
  if (!data)
    return fail(data.error());
  auto owner = std::make_shared<const bytes>(std::move(*data));
  return blob_view{*owner, part.size(), owner};
}

} // namespace larder::detail::ksv
