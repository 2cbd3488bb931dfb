// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/blob_check.hpp"

#include "larder/detail/chunk_format.hpp"
#include "larder/limits.hpp"

#include <algorithm>

namespace larder::detail {

namespace {

/// More than any encryptor adds to the metadata.
constexpr uint64_t max_overhead = 4096;

tl::unexpected<error> wrong(std::string_view what) {
  return fail(errc::corruption,
              "the checksum of the " + std::string{what} + " is wrong");
}

/// Where to cut bytes to fill `have` up to `wanted`.
bytes_view take_up_to(bytes& have, uint64_t wanted, bytes_view data) {
  auto n = std::min<uint64_t>(data.size(), wanted - have.size());
  append(have, data.first(n));
  return data.subspan(n);
}

/// Whether there is one of the value.
bool has_checksum(const header& h) noexcept {
  return h.layout != 1 && !h.has(header::flag_plain);
}

} // namespace

uint64_t archived_tail_size(const header& h, bytes_view trailer) {
  if (h.layout == 1 || !h.has(header::flag_chunked)
      || h.value_size < trailer_size)
    return 0;
  auto chunks = load_big_endian<uint32_t>(&trailer[trailer_size - 4]);
  auto index = uint64_t{chunks} * index_entry_size + trailer_size;
  return std::min(h.value_size, std::max(index, first_fetch));
}

blob_check::blob_check(const uuid& store, archive_record record)
  : store_(store), record_(std::move(record)) {
  // nop
}

expected<void> blob_check::update(bytes_view data) {
  if (tail_.size() < record_.tail_size)
    data = take_up_to(tail_, record_.tail_size, data);
  return take(data);
}

expected<void> blob_check::finish() {
  if (auto ok = take(bytes_view{tail_}.first(tail_.size() - index_size_)); !ok)
    return ok;
  if (!in_value_ || hash_)
    return fail(errc::corruption, "the blob ends early");
  return {};
}

// -- header and metadata ------------------------------------------------------

expected<void> blob_check::take(bytes_view data) {
  if (!in_value_)
    if (auto ok = take_prefix(data); !ok)
      return ok;
  while (!data.empty() && header_ && has_checksum(*header_)) {
    auto piece = data.first(std::min<uint64_t>(data.size(), left_));
    if (piece.empty())
      return fail(errc::corruption, "the blob is longer than it says");
    hash_->update(piece);
    left_ -= piece.size();
    data = data.subspan(piece.size());
    if (auto ok = settle(); !ok)
      return ok;
  }
  return {};
}

expected<void> blob_check::take_prefix(bytes_view& data) {
  if (!header_) {
    data = take_up_to(prefix_, header::max_size, data);
    auto all = prefix_.size() + record_.tail_size == record_.size;
    if (prefix_.size() < header::max_size && !all)
      return {};
    auto hdr = header::decode(prefix_);
    if (!hdr)
      return fail(std::move(hdr.error()));
    if (hdr->metadata_size > limits{}.max_metadata_size + max_overhead)
      return fail(errc::corruption, "the metadata is too large");
    if (hdr->rev != record_.rev)
      return fail(errc::corruption, "the blob has another revision than its "
                                    "record");
    header_ = *hdr;
  }
  if (header_->layout == 1) {
    in_value_ = true;
    return {};
  }
  if (prefix_.size() < header_->value_offset())
    data = take_up_to(prefix_, header_->value_offset(), data);
  if (prefix_.size() < header_->value_offset())
    return {};
  in_value_ = true;
  return check_prefix();
}

expected<void> blob_check::check_prefix() {
  auto& h = *header_;
  if (h.value_size != record_.size - h.value_offset())
    return fail(errc::corruption,
                "the blob has another size than its header says");
  auto in = bytes_view{prefix_};
  auto bound = binding("larder metadata", store_, record_.key,
                       in.first(header::metadata_bound_size));
  if (checksum(bound, in.subspan(h.size())) != h.metadata_checksum)
    return wrong("metadata");
  if (h.has(header::flag_chunked))
    return read_index();
  if (!has_checksum(h))
    return {};
  begin_segment(binding("larder value", store_, record_.key,
                        in.first(header::value_bound_size)),
                h.value_size, h.value_checksum);
  return settle();
}

// -- the value ----------------------------------------------------------------

expected<void> blob_check::read_index() {
  auto& h = *header_;
  if (tail_.size() < trailer_size)
    return fail(errc::corruption, "the index of the chunks is missing");
  auto tail = bytes_view{tail_};
  auto chunks = load_big_endian<uint32_t>(&tail[tail.size() - 4]);
  auto size = uint64_t{chunks} * index_entry_size + trailer_size;
  if (size > tail.size() || size > h.value_size)
    return fail(errc::corruption, "the index of the chunks is incomplete");
  index_size_ = size;
  chain place{store_, {}};
  auto bound = index_binding(place, record_.key, h);
  if (checksum(bound, tail.last(index_size_)) != h.value_checksum)
    return wrong("index");
  chunk_binding_ = chunk_binding(place, record_.key, h);
  auto stored = h.value_size - index_size_;
  for (uint64_t i = 0; i < chunks; ++i) {
    auto entry = tail.last(index_size_).subspan(i * index_entry_size);
    stored -= load_big_endian<uint32_t>(entry.data()) & ~raw_chunk;
  }
  if (stored != 0)
    return fail(errc::corruption, "the sizes of the chunks do not add up");
  return settle();
}

void blob_check::begin_segment(bytes_view binding, uint64_t size,
                               uint64_t checksum) {
  hash_.emplace(checksum_seed(binding));
  left_ = size;
  checksum_ = checksum;
}

/// Ends segments that are complete and begins the next.
expected<void> blob_check::settle() {
  auto chunked = header_->has(header::flag_chunked);
  while (left_ == 0) {
    if (hash_ && hash_->digest() != checksum_)
      return wrong(chunked ? "chunk " + std::to_string(chunk_ - 1) : "value");
    hash_.reset();
    auto chunks = (index_size_ - std::min(index_size_, trailer_size))
                  / index_entry_size;
    if (chunk_ == chunks)
      return {};
    auto entry
      = bytes_view{tail_}.last(index_size_).subspan(chunk_ * index_entry_size);
    auto size = load_big_endian<uint32_t>(entry.data());
    name_chunk(chunk_binding_, chunk_, chunk_ + 1 == chunks,
               (size & raw_chunk) != 0);
    begin_segment(chunk_binding_, size & ~raw_chunk,
                  load_big_endian<uint64_t>(&entry[4]));
    ++chunk_;
  }
  return {};
}

} // namespace larder::detail
