// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/compliance_checks.hpp"

#include <algorithm>

namespace larder::detail {

namespace {

/// A blob of the given layout with metadata and value.
blob_ptr blob_of(uint8_t layout, bytes_view metadata, bytes_view value) {
  if (layout == 2)
    return std::make_shared<const bytes>(
      make_test_blob(fresh_revision(), metadata, value));
  header hdr;
  hdr.layout = layout;
  hdr.metadata_size = static_cast<uint32_t>(metadata.size());
  bytes result;
  hdr.encode(result);
  append(result, metadata);
  append(result, value);
  return std::make_shared<const bytes>(std::move(result));
}

// -- bytes --------------------------------------------------------------------

/// Texts that engines have cut off, translated or taken for their own marks.
std::map<std::string, bytes> awkward_contents() {
  std::map<std::string, bytes> result;
  bytes all;
  for (int c = 0; c < 256; ++c) {
    result["byte " + std::to_string(c)] = bytes(3, std::byte(c));
    all.push_back(std::byte(c));
  }
  result["all bytes"] = all;
  std::reverse(all.begin(), all.end());
  result["all bytes backwards"] = all;
  for (std::string_view text :
       {"\r\n", "\n\r\n", "\x1A", "\xEF\xBB\xBF", "\xFF\xFE", "\xC3", "'); --",
        "larder", "<!-- -->", "%s%n", "\\0"})
    result["text " + to_hex(as_bytes(text))] = to_bytes(as_bytes(text));
  return result;
}

void every_byte(trial& t) {
  std::map<std::string, blob_ptr> blobs;
  for (auto& [name, content] : awkward_contents()) {
    blobs["metadata " + name] = blob_of(2, content, {});
    blobs["value " + name] = blob_of(2, {}, content);
    blobs["both " + name] = blob_of(1, content, content);
  }
  t.must_put_all(blobs);
  t.expect_contents(blobs, "with bytes of every value");
  t.reopen();
  t.expect_contents(blobs, "with bytes of every value, after reopening");
}

void empty_parts(trial& t) {
  auto something = as_bytes("something");
  std::map<std::string, blob_ptr> blobs;
  for (uint8_t layout : {1, 2}) {
    auto name = "layout " + std::to_string(layout);
    blobs[name + ", nothing"] = blob_of(layout, {}, {});
    blobs[name + ", only metadata"] = blob_of(layout, something, {});
    blobs[name + ", only a value"] = blob_of(layout, {}, something);
  }
  t.must_put_all(blobs);
  if (t.store().caps().staging)
    for (auto& key : {"staged with all as prefix", "staged without value"}) {
      auto blob = blob_of(2, key[7] == 'w' ? something : bytes_view{}, {});
      auto staged = stage_blob(t, key, *blob, blob->size(), 10);
      t.require_value(t.commit({{key, staged, {}}})[0],
                      "committing a staged blob that is all prefix");
      blobs[key] = blob;
    }
  auto check = [&](const std::string& when) {
    for (auto& [key, blob] : blobs)
      t.expect_everywhere(key, blob, when);
  };
  check("with empty parts");
  t.reopen();
  check("with empty parts, after reopening");
}

// -- metadata and values ------------------------------------------------------

/// A blob whose metadata and value name the key and the round.
blob_ptr labelled_blob(const std::string& key, size_t round, bool large) {
  auto label = key + " in round " + std::to_string(round) + ";";
  std::string value = label;
  while (large && value.size() < 50'000)
    value += label;
  return blob_of(2, as_bytes("metadata of " + label), as_bytes(value));
}

/// Metadata and values are read and listed apart: what belongs together must
/// come from the same blob, in batches and groups, over and over.
void metadata_and_values(trial& t) {
  std::map<std::string, blob_ptr> blobs;
  auto check = [&](const std::string& when) {
    t.expect_contents(blobs, when);
    for (auto& [key, blob] : blobs)
      t.expect_everywhere(key, blob, when);
    for (auto& x : t.list_all({}, 4, blob_part::metadata)) {
      auto i = blobs.find(x.key);
      if (!x.blob || i == blobs.end())
        continue; // noted before
      auto& data = x.blob->data;
      t.expect(data.size() <= i->second->size()
                 && same_bytes(data, bytes_view{*i->second}.first(data.size())),
               printable(x.key) + " " + when
                 + ": listed with the metadata of another blob");
    }
  };
  for (size_t round = 0; round < 4; ++round) {
    std::vector<mutation> batch;
    for (size_t i = 0; i < 12; ++i) {
      auto key = "key " + std::to_string(i);
      auto& blob = blobs[key];
      blob = labelled_blob(key, round, (i + round) % 3 == 0);
      auto grouped = t.store().caps().atomic_groups && i % 2 == 0;
      batch.push_back({key, blob, {}, grouped ? 1 + i % 4 : uint64_t{0}});
    }
    for (auto& x : t.commit(batch))
      t.require_value(x, "putting several blobs");
    check("in round " + std::to_string(round));
  }
  t.reopen();
  check("after reopening");
}

// -- ranges -------------------------------------------------------------------

/// Offsets and lengths past 31, 32, 63 and 64 bits.
void wrapping_ranges(trial& t) {
  constexpr auto max = std::numeric_limits<uint64_t>::max();
  constexpr auto four_gib = uint64_t{1} << 32;
  auto blob = sample_blob(5000, 1, 100);
  auto size = static_cast<uint64_t>(blob->size());
  t.must_put("a", blob);
  auto expect_range = [&](uint64_t offset, uint64_t length) {
    auto what = "range of " + std::to_string(length) + " bytes from "
                + std::to_string(offset);
    auto found = t.read({"a", blob_part::range, offset, length, {}});
    t.require_value(found, what);
    t.require(found->has_value(), what + ": nothing");
    auto first = std::min(offset, size);
    t.expect(
      (*found)->blob_size == size
        && same_bytes((*found)->data, bytes_view{*blob}.subspan(
                                        first, std::min(length, size - first))),
      what + " of a small blob: wrong bytes");
  };
  for (auto far : {four_gib / 2, four_gib, four_gib * 256, max / 2 + 1}) {
    for (uint64_t near : {0, 1, 64, 164, 5000})
      for (uint64_t length : {uint64_t{1}, uint64_t{100}, size, max})
        expect_range(far + near, length);
    for (uint64_t offset : {0, 10, 5000}) {
      expect_range(offset, far);
      expect_range(offset, far + 10);
      expect_range(offset, far - 1);
      expect_range(offset, max - far);
    }
  }
  for (uint64_t offset : {1, 64, 5000})
    for (uint64_t more : {0, 1, 10, 64})
      expect_range(offset, max - offset + more); // wraps to a small end
}

constexpr compliance_check checks[] = {
  {"every-byte-is-kept", every_byte},
  {"empty-parts-are-kept", empty_parts},
  {"metadata-stays-with-its-value", metadata_and_values},
  {"ranges-do-not-wrap", wrapping_ranges},
};

} // namespace

std::span<const compliance_check> content_checks() {
  return checks;
}

} // namespace larder::detail
