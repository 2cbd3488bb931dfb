// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/chunks.hpp"
#include "larder/detail/chunk_format.hpp"

#include <algorithm>
#include <limits>

namespace larder {

chunk_encoder::chunk_encoder(const chain& ch, std::string_view key,
                             metadata meta)
  : chain_(&ch), key_(key), meta_(std::move(meta)), ready_(start()) {
  // nop
}

expected<void> chunk_encoder::start() {
  meta_.type = content_type::binary;
  auto with = detail::codecs::to_write(chain_->config());
  if (!with)
    return fail(with.error());
  codecs_ = std::move(*with);
  if (auto ok = codecs_.describe(meta_, header_); !ok)
    return ok;
  auto plain = chain_->config().plain_binaries;
  if (plain && codecs_.encrypts())
    return fail(errc::unsupported, "this store keeps binaries as they are and "
                                   "cannot encrypt them");
  header_.flags = header::flag_binary | header::flag_raw_metadata
                  | (plain ? header::flag_plain : header::flag_chunked);
  auto stored = stored_metadata(meta_.last_write);
  if (!stored)
    return fail(stored.error());
  header_.metadata_size
    = static_cast<uint32_t>(stored->size() + codecs_.overhead());
  binding_ = detail::chunk_binding(*chain_, key_, header_);
  return {};
}

expected<bytes> chunk_encoder::stored_metadata(int64_t last_write) const {
  auto meta = meta_;
  meta.last_write = last_write;
  auto& lim = chain_->config().limits;
  bytes result;
  auto ok
    = codecs_.serialize(meta.stored_form(), lim, lim.max_metadata_size, result);
  if (!ok)
    return fail(ok.error().with_context("metadata"));
  return result;
}

expected<size_t> chunk_encoder::prefix_size() const {
  return ready_.map([this] { return size_t{header_.value_offset()}; });
}

expected<void> chunk_encoder::update(bytes_view in, bytes& out) {
  if (finished_)
    return fail(errc::internal, "the last chunk has been written");
  if (is_plain()) {
    if (ready_)
      append(out, in);
    header_.value_size += in.size();
    return ready_;
  }
  // A full chunk waits until more comes: it may be the last.
  while (ready_ && pending_.size() + in.size() > chunk_size) {
    auto missing = chunk_size - pending_.size();
    if (pending_.empty()) {
      ready_ = append_chunk(in.first(missing), false, out);
    } else {
      append(pending_, in.first(missing));
      ready_ = append_chunk(pending_, false, out);
      pending_.clear();
    }
    in = in.subspan(missing);
  }
  append(pending_, in);
  return ready_;
}

expected<void> chunk_encoder::append_chunk(bytes_view plain, bool last,
                                           bytes& out) {
  if (chunks_ == std::numeric_limits<uint32_t>::max())
    return fail(errc::limit_exceeded, "a binary has at most 2^32-1 chunks");
  auto start = out.size();
  bytes compressed;
  auto smaller = codecs_.compress(plain, compressed);
  if (!smaller)
    return fail(smaller.error());
  detail::name_chunk(binding_, chunks_, last, !*smaller);
  if (auto ok = codecs_.seal(binding_, *smaller ? compressed : plain, out); !ok)
    return ok;
  auto stored = bytes_view{out}.subspan(start);
  auto size = static_cast<uint32_t>(stored.size());
  append_big_endian(index_, *smaller ? size : size | detail::raw_chunk);
  append_big_endian(index_, detail::checksum(binding_, stored));
  stored_size_ += stored.size();
  plain_size_ += plain.size();
  ++chunks_;
  return {};
}

expected<void> chunk_encoder::finish(bytes& out) {
  if (finished_)
    return fail(errc::internal, "the last chunk has been written");
  if (ready_ && !pending_.empty())
    ready_ = append_chunk(pending_, true, out);
  if (!ready_)
    return ready_;
  finished_ = true;
  if (is_plain())
    return {};
  append_big_endian(index_, plain_size_);
  append_big_endian(index_, static_cast<uint32_t>(chunk_size));
  append_big_endian(index_, chunks_);
  append(out, index_);
  header_.value_size = stored_size_ + index_.size();
  header_.value_checksum
    = detail::checksum(detail::index_binding(*chain_, key_, header_), index_);
  return {};
}

expected<bytes> chunk_encoder::prefix(int64_t last_write) const {
  if (!ready_)
    return fail(ready_.error());
  if (!finished_)
    return fail(errc::internal, "the last chunk has not been written");
  auto stored = stored_metadata(last_write);
  if (!stored)
    return fail(stored.error());
  auto h = header_;
  if (stored->size() + codecs_.overhead() != h.metadata_size)
    return fail(
      codecs_.has_fixed_size_instants() ? errc::internal : errc::conflict,
      "the metadata takes up another size than when the stream began, as the "
      "present takes more bytes to write: write the stream again");
  bytes result(h.value_offset());
  if (auto ok
      = detail::write_prefix(*chain_, key_, codecs_, h, *stored, result);
      !ok)
    return fail(ok.error());
  return result;
}

} // namespace larder
