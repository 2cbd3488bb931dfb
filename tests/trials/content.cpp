// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "trials/content.hpp"

namespace trials {

using namespace larder;

namespace {

constexpr size_t amount_size = 8;

/// Sebastiano Vigna's SplitMix64: one step from any state is random enough.
uint64_t mix(uint64_t x) {
  x += 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

/// FNV-1a: the same in every process.
uint64_t hash(std::string_view str) {
  uint64_t result = 0xCBF29CE484222325;
  for (auto c : str)
    result = (result ^ static_cast<uint8_t>(c)) * 0x100000001B3;
  return result;
}

/// Bytes that follow from key and version.
class filler {
public:
  filler(std::string_view key, version number)
    : seed_(mix(hash(key) ^ mix(number))) {
    // nop
  }

  std::byte at(size_t i) {
    if (i / 8 != index_) {
      index_ = i / 8;
      word_ = mix(seed_ + index_);
    }
    return static_cast<std::byte>(word_ >> (i % 8 * 8));
  }

private:
  uint64_t seed_;
  size_t index_ = SIZE_MAX;
  uint64_t word_ = 0;
};

tl::unexpected<error> damaged(std::string_view key, std::string what) {
  return fail(errc::corruption,
              "blob of " + std::string{key.substr(0, 40)} + ": " + what);
}

expected<version> examine_header(std::string_view key, bytes_view blob,
                                 uint64_t whole_size) {
  auto hdr = header::decode(blob);
  if (!hdr)
    return damaged(key, hdr.error().message());
  auto number = load_big_endian<version>(hdr->rev.data.data());
  if (number == 0 || hdr->rev != revision_of(number)
      || hdr->metadata_size != metadata_size_of(number))
    return damaged(key, "the header was never written so");
  if (hdr->value_offset() + hdr->value_size != whole_size)
    return damaged(key, "it has " + std::to_string(whole_size)
                          + " bytes, its header tells of "
                          + std::to_string(hdr->value_size) + " of the value");
  return number;
}

expected<void> examine_filler(std::string_view key, version number,
                              bytes_view data, size_t first, size_t from) {
  filler bytes{key, number};
  for (size_t i = 0; i < data.size(); ++i)
    if (data[i] != bytes.at(first + i))
      return damaged(key, "version " + std::to_string(number)
                            + " differs from what was written at byte "
                            + std::to_string(from + i));
  return {};
}

} // namespace

revision revision_of(version x) {
  revision result;
  store_big_endian(result.data.data(), x);
  store_big_endian(result.data.data() + 8, mix(x));
  return result;
}

size_t metadata_size_of(version x) {
  return mix(x) % 40;
}

bytes make_blob(std::string_view key, version number, size_t size,
                uint64_t amount) {
  header hdr;
  hdr.rev = revision_of(number);
  hdr.metadata_size = static_cast<uint32_t>(metadata_size_of(number));
  hdr.value_size = size;
  bytes result;
  result.reserve(hdr.value_offset() + size);
  hdr.encode(result);
  filler filling{key, number};
  for (size_t i = 0; i < hdr.metadata_size; ++i)
    result.push_back(filling.at(i));
  append_big_endian(result, amount);
  for (size_t i = amount_size; i < size; ++i)
    result.push_back(filling.at(hdr.metadata_size + i));
  return result;
}

std::shared_ptr<const bytes> make_shared_blob(std::string_view key,
                                              version number, size_t size,
                                              uint64_t amount) {
  return std::make_shared<const bytes>(make_blob(key, number, size, amount));
}

expected<content> examine(std::string_view key, bytes_view blob) {
  auto number = examine_header(key, blob, blob.size());
  if (!number)
    return fail(number.error());
  auto metadata_size = metadata_size_of(*number);
  auto metadata = blob.subspan(header::size_v2, metadata_size);
  auto value = blob.subspan(header::size_v2 + metadata_size);
  if (value.size() < amount_size)
    return damaged(key, "the value is too short");
  auto ok = examine_filler(key, *number, metadata, 0, header::size_v2);
  if (ok)
    ok = examine_filler(key, *number, value.subspan(amount_size),
                        metadata_size + amount_size,
                        header::size_v2 + metadata_size + amount_size);
  if (!ok)
    return fail(ok.error());
  return content{*number, load_big_endian<uint64_t>(value.data())};
}

expected<version> examine_metadata(std::string_view key,
                                   const blob_view& part) {
  auto number = examine_header(key, part.data, part.blob_size);
  if (!number)
    return number;
  auto size = metadata_size_of(*number);
  if (part.data.size() < header::size_v2 + size)
    return damaged(key, "the metadata is cut short");
  auto metadata = part.data.subspan(header::size_v2, size);
  if (auto ok = examine_filler(key, *number, metadata, 0, header::size_v2); !ok)
    return fail(ok.error());
  return number;
}

} // namespace trials
