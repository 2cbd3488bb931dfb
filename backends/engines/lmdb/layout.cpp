// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "layout.hpp"

#include <algorithm>

namespace larder::detail {

namespace {

constexpr auto record_mark = std::byte{1};
constexpr auto link_mark = std::byte{2};

} // namespace

expected<void> lmdb_check_key(std::string_view key) {
  if (key.size() <= lmdb_max_key_size)
    return {};
  return fail(errc::limit_exceeded,
              "a key of " + std::to_string(key.size())
                + " bytes is too long; the greatest size is "
                + std::to_string(lmdb_max_key_size));
}

expected<void> lmdb_check_blob_size(uint64_t size) {
  if (size <= lmdb_max_blob_size)
    return {};
  return fail(errc::limit_exceeded,
              "a blob of " + std::to_string(size)
                + " bytes is too large; the greatest size is "
                + std::to_string(lmdb_max_blob_size));
}

std::optional<lmdb_record> lmdb_record::parse(bytes_view data) {
  if (data.size() < head_size || data[0] != record_mark)
    return std::nullopt;
  lmdb_record result;
  result.blob_size = load_big_endian<uint64_t>(&data[1]);
  result.generation = load_big_endian<uint64_t>(&data[9]);
  result.head = data.subspan(head_size);
  auto whole = result.head.size() == result.blob_size;
  if (result.head.size() > result.blob_size
      || result.blob_size > lmdb_max_blob_size
      || whole != (result.generation == 0))
    return std::nullopt;
  return result;
}

void lmdb_record::store(std::byte* dst) const {
  dst[0] = record_mark;
  store_big_endian(dst + 1, blob_size);
  store_big_endian(dst + 9, generation);
}

std::optional<uint64_t> lmdb_link::parse(bytes_view data) {
  if (data.size() != size || data[0] != link_mark)
    return std::nullopt;
  return load_big_endian<uint64_t>(&data[1]);
}

std::array<std::byte, lmdb_link::size> lmdb_link::print(uint64_t branch) {
  std::array<std::byte, size> result{link_mark};
  store_big_endian(&result[1], branch);
  return result;
}

bytes lmdb_identity::print(const uuid& id) {
  bytes result;
  result.reserve(1 + id.data.size());
  result.push_back(std::byte{format});
  append(result, id.data);
  return result;
}

} // namespace larder::detail
