// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/rebinding.hpp"

#include "larder/detail/chunk_format.hpp"

#include <algorithm>

namespace larder::detail {

namespace {

tl::unexpected<error> wrong(std::string_view what) {
  return fail(errc::corruption,
              "the checksum of the " + std::string{what} + " is wrong");
}

tl::unexpected<error> wrong_size() {
  return fail(errc::corruption, "the blob has another size than its header "
                                "says");
}

bytes metadata_binding(const uuid& store, std::string_view key,
                       bytes_view raw) {
  return binding("larder metadata", store, key,
                 raw.first(header::metadata_bound_size));
}

bytes value_binding(const uuid& store, std::string_view key, bytes_view raw) {
  return binding("larder value", store, key,
                 raw.first(header::value_bound_size));
}

} // namespace

rebinding::rebinding(const uuid& from, const uuid& to, std::string key)
  : from_(from), to_(to), key_(std::move(key)) {
  // nop
}

expected<void> rebinding::begin(bytes prefix, bytes index) {
  auto hdr = header::decode(prefix);
  if (!hdr)
    return fail(std::move(hdr.error()));
  if (hdr->layout == 1 || hdr->encryptor_id != 0)
    return fail(errc::unsupported, "only blobs of layout 2 that are not "
                                   "encrypted pass from store to store");
  header_ = *hdr;
  prefix_ = std::move(prefix);
  index_ = std::move(index);
  if (prefix_.size() != header_.value_offset())
    return wrong_size();
  auto segment = bytes_view{prefix_}.subspan(header_.size());
  if (checksum(metadata_binding(from_, key_, prefix_), segment)
      != header_.metadata_checksum)
    return wrong("metadata");
  if (header_.has(header::flag_chunked))
    return begin_chunks();
  if (!index_.empty())
    return wrong_size();
  left_ = header_.value_size;
  if (header_.has(header::flag_plain))
    return {};
  old_hash_.emplace(checksum_seed(value_binding(from_, key_, prefix_)));
  new_hash_.emplace(checksum_seed(value_binding(to_, key_, prefix_)));
  return {};
}

expected<void> rebinding::begin_chunks() {
  if (index_.size() < trailer_size)
    return wrong_size();
  chunks_ = load_big_endian<uint32_t>(&index_[index_.size() - 4]);
  if (index_.size() != chunks_ * index_entry_size + trailer_size
      || index_.size() > header_.value_size)
    return wrong_size();
  chain old_place{from_, {}};
  if (checksum(index_binding(old_place, key_, header_), index_)
      != header_.value_checksum)
    return wrong("index");
  auto rest = header_.value_size - index_.size();
  for (uint64_t i = 0; i < chunks_; ++i) {
    auto size = load_big_endian<uint32_t>(&index_[i * index_entry_size])
                & ~raw_chunk;
    if (size > rest)
      return wrong_size();
    rest -= size;
  }
  if (rest != 0)
    return wrong_size();
  old_binding_ = chunk_binding(old_place, key_, header_);
  new_binding_ = chunk_binding(chain{to_, {}}, key_, header_);
  return settle();
}

/// Ends chunks that are complete and begins the next.
expected<void> rebinding::settle() {
  while (left_ == 0) {
    if (old_hash_) {
      auto sum = &index_[(chunk_ - 1) * index_entry_size + 4];
      if (old_hash_->digest() != load_big_endian<uint64_t>(sum))
        return wrong("chunk " + std::to_string(chunk_ - 1));
      store_big_endian(sum, new_hash_->digest());
    }
    old_hash_.reset();
    new_hash_.reset();
    if (chunk_ == chunks_)
      return {};
    auto size = load_big_endian<uint32_t>(&index_[chunk_ * index_entry_size]);
    auto last = chunk_ + 1 == chunks_;
    auto raw = (size & raw_chunk) != 0;
    for (auto x : {&old_binding_, &new_binding_})
      name_chunk(*x, chunk_, last, raw);
    old_hash_.emplace(checksum_seed(old_binding_));
    new_hash_.emplace(checksum_seed(new_binding_));
    left_ = size & ~raw_chunk;
    ++chunk_;
  }
  return {};
}

expected<void> rebinding::update(bytes_view data) {
  while (!data.empty()) {
    auto piece = data.first(std::min<uint64_t>(data.size(), left_));
    if (piece.empty())
      return wrong_size();
    if (old_hash_) {
      old_hash_->update(piece);
      new_hash_->update(piece);
    }
    left_ -= piece.size();
    data = data.subspan(piece.size());
    if (header_.has(header::flag_chunked))
      if (auto ok = settle(); !ok)
        return ok;
  }
  return {};
}

expected<void> rebinding::finish() {
  if (left_ != 0)
    return wrong_size();
  if (header_.has(header::flag_chunked)) {
    auto bound = index_binding(chain{to_, {}}, key_, header_);
    header_.value_checksum = checksum(bound, index_);
  } else if (old_hash_) {
    if (old_hash_->digest() != header_.value_checksum)
      return wrong("value");
    header_.value_checksum = new_hash_->digest();
  }
  auto raw = encode_header(header_);
  auto segment = bytes_view{prefix_}.subspan(header_.size());
  header_.metadata_checksum
    = checksum(metadata_binding(to_, key_, raw), segment);
  raw = encode_header(header_);
  std::copy(raw.begin(), raw.end(), prefix_.begin());
  return {};
}

expected<uint64_t> index_offset(const header& h, bytes_view trailer) {
  auto end = h.value_offset() + h.value_size;
  if (!h.has(header::flag_chunked))
    return end;
  if (trailer.size() < trailer_size)
    return wrong_size();
  auto chunks = load_big_endian<uint32_t>(&trailer[trailer_size - 4]);
  auto size = uint64_t{chunks} * index_entry_size + trailer_size;
  if (size > h.value_size)
    return wrong_size();
  return end - size;
}

expected<bytes> rebind(const uuid& from, const uuid& to, std::string_view key,
                       bytes_view blob) {
  auto hdr = header::decode(blob);
  if (!hdr)
    return fail(std::move(hdr.error()));
  if (hdr->layout == 2
      && (hdr->value_offset() > blob.size()
          || hdr->value_size != blob.size() - hdr->value_offset()))
    return wrong_size();
  auto trailer = blob.last(std::min<uint64_t>(trailer_size, blob.size()));
  auto end = index_offset(*hdr, trailer);
  if (!end)
    return fail(std::move(end.error()));
  auto begin = std::min<uint64_t>(hdr->value_offset(), blob.size());
  auto value_end = std::clamp<uint64_t>(*end, begin, blob.size());
  rebinding work{from, to, std::string{key}};
  auto value = blob.subspan(begin, value_end - begin);
  auto ok
    = work.begin(to_bytes(blob.first(begin)), to_bytes(blob.subspan(value_end)))
        .and_then([&] { return work.update(value); })
        .and_then([&] { return work.finish(); });
  if (!ok)
    return fail(std::move(ok.error()));
  auto result = work.prefix();
  append(result, value);
  append(result, work.index());
  return result;
}

} // namespace larder::detail
