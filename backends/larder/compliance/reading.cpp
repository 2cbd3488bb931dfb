// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/compliance_checks.hpp"

#include <algorithm>
#include <array>

namespace larder::detail {

namespace {

constexpr std::array all_parts{blob_part::none, blob_part::header,
                               blob_part::metadata, blob_part::all};

std::string part_name(blob_part x) {
  constexpr std::array names{"none", "header", "metadata", "all", "range"};
  return names[static_cast<size_t>(x)];
}

/// A konserve blob: a header of layout 1, metadata and value.
blob_ptr layout_1_blob(uint32_t metadata_size, size_t value_size) {
  header hdr;
  hdr.layout = 1;
  hdr.metadata_size = metadata_size;
  bytes result;
  hdr.encode(result);
  result.resize(result.size() + metadata_size + value_size, std::byte{0x5A});
  return std::make_shared<const bytes>(std::move(result));
}

void missing_keys(trial& t) {
  t.must_put("b", sample_blob(10));
  for (auto part : all_parts)
    for (std::string key : {"a", "bb", "B", "c"})
      t.expect(!t.get(key, part), "reading " + part_name(part)
                                    + " of the missing key " + printable(key)
                                    + " found a blob");
  auto range = t.read({"a", blob_part::range, 0, 1, {}});
  t.require_value(range, "reading a range of a missing key");
  t.expect(!*range, "a range of a missing key is not nothing");
  auto pinned = t.read({"a", blob_part::all, 0, 0, fresh_revision()});
  t.require_value(pinned, "reading a missing key with a pinned revision");
  t.expect(!*pinned, "a missing key with a pinned revision is not nothing");
}

void expect_part(trial& t, const std::string& key, const bytes& blob,
                 blob_part part) {
  auto found = t.get(key, part);
  auto what = "part " + part_name(part) + " of " + printable(key) + ": ";
  if (!t.expect(found.has_value(), what + "nothing"))
    return;
  t.expect(found->blob_size == blob.size(), what + "wrong size of the blob");
  auto hdr = header::decode(blob);
  auto size = found->data.size();
  switch (part) {
    case blob_part::none:
      t.expect(size == 0, what + "there are bytes");
      break;
    case blob_part::header:
      t.expect(size == std::min(blob.size(), header::max_size),
               what + std::to_string(size) + " bytes");
      break;
    case blob_part::metadata:
      t.expect(size >= hdr->value_offset() && size <= blob.size(),
               what + std::to_string(size) + " bytes");
      break;
    default:
      t.expect(size == blob.size(), what + std::to_string(size) + " bytes");
  }
  t.expect(size <= blob.size()
             && same_bytes(found->data, bytes_view{blob}.first(size)),
           what + "the bytes differ");
}

void exact_parts(trial& t) {
  std::map<std::string, blob_ptr> blobs;
  for (size_t metadata : {0, 1, 500, 5000, 200'000})
    for (size_t value : {0, 1, 63, 100'000}) {
      auto name = std::to_string(metadata) + "+" + std::to_string(value);
      blobs["layout 2 " + name] = sample_blob(value, 1, metadata);
      blobs["layout 1 " + name]
        = layout_1_blob(static_cast<uint32_t>(metadata), value);
    }
  t.must_put_all(blobs);
  for (auto& [key, blob] : blobs)
    for (auto part : all_parts)
      expect_part(t, key, *blob, part);
}

void exact_ranges(trial& t) {
  constexpr auto max = std::numeric_limits<uint64_t>::max();
  auto blob = sample_blob(100'000, 3, 1000);
  t.must_put("a", blob);
  uint64_t size = blob->size();
  std::pair<uint64_t, uint64_t> ranges[] = {
    {0, 0},           {0, 1},       {0, size - 1}, {0, size},     {0, size + 1},
    {0, max},         {1, 1},       {63, 2},       {1, max},      {max, max},
    {size / 2, 4096}, {4095, 4098}, {size - 1, 1}, {size - 1, 2}, {size - 1, 0},
    {size - 10, 10},  {size, 0},    {size, 1},     {size + 1, 1}, {max, 1},
  };
  for (auto [offset, length] : ranges) {
    auto found = t.read({"a", blob_part::range, offset, length, {}});
    auto what = "range of " + std::to_string(length) + " bytes from "
                + std::to_string(offset) + " of a blob of "
                + std::to_string(size);
    t.require_value(found, what);
    if (!t.expect(found->has_value(), what + ": nothing"))
      continue;
    auto& view = **found;
    auto first = std::min(offset, size);
    auto wanted
      = bytes_view{*blob}.subspan(first, std::min(length, size - first));
    t.expect(view.blob_size == size, what + ": wrong size of the blob");
    t.expect(view.data.size() == wanted.size(),
             what + ": " + std::to_string(view.data.size()) + " bytes");
    t.expect(same_bytes(view.data, wanted), what + ": the bytes differ");
  }
}

void pinned_reads(trial& t) {
  auto first = sample_blob(1000, 1, 100);
  auto second = sample_blob(1000, 2, 100);
  auto rev = revision_of(*first);
  auto pinned = [&](blob_part part, const revision& x) {
    return t.read({"a", part, 70, 10, x});
  };
  t.must_put("a", first);
  for (auto part : {blob_part::none, blob_part::header, blob_part::metadata,
                    blob_part::all, blob_part::range}) {
    auto what = part_name(part) + " with ";
    auto found = pinned(part, rev);
    t.require_value(found, what + "the right revision pinned");
    t.expect(found->has_value(), what + "the right revision pinned: nothing");
    t.expect_error(pinned(part, fresh_revision()), errc::conflict,
                   what + "another revision pinned");
  }
  t.must_put("a", second);
  for (auto part : {blob_part::none, blob_part::all, blob_part::range})
    t.expect_error(pinned(part, rev), errc::conflict,
                   part_name(part) + " with the revision of before pinned");
  t.require_value(pinned(blob_part::all, revision_of(*second)),
                  "reading with the new revision pinned");
}

void reads_in_order(trial& t) {
  std::map<std::string, blob_ptr> blobs;
  for (int i = 0; i < 40; ++i)
    blobs["key " + std::to_string(i)] = sample_blob(size_t(i) * 10);
  t.must_put_all(blobs);
  std::vector<read_request> requests;
  for (int i = 59; i >= 0; --i) // the first 20 are missing
    requests.push_back({"key " + std::to_string(i), blob_part::all, 0, 0, {}});
  requests.push_back({"key 7", blob_part::none, 0, 0, {}});
  requests.push_back({"key 7", blob_part::all, 0, 0, fresh_revision()});
  requests.push_back({"key 7", blob_part::header, 0, 0, {}});
  auto outcomes = t.store().read(requests);
  t.require(outcomes.size() == requests.size(),
            "a read returned another number of outcomes than it had requests");
  for (size_t i = 0; i < 60; ++i) {
    t.require_value(outcomes[i], "reading " + requests[i].key);
    auto blob = blobs.find(requests[i].key);
    if (blob == blobs.end())
      t.expect(!*outcomes[i], "a missing key among others was found");
    else
      t.expect(*outcomes[i] && same_bytes((*outcomes[i])->data, *blob->second),
               requests[i].key + " among others has another blob");
  }
  t.expect(outcomes[60] && *outcomes[60] && (*outcomes[60])->data.empty(),
           "a key read twice in one call has the wrong part");
  t.expect_error(outcomes[61], errc::conflict, "a pinned read among others");
  t.expect(outcomes[62] && *outcomes[62]
             && (*outcomes[62])->data.size() == header::max_size,
           "a key read three times in one call has the wrong part");
  t.expect(t.store().read({}).empty(), "a read of no keys returned outcomes");
}

void views_stay_valid(trial& t) {
  std::map<std::string, blob_ptr> blobs;
  for (auto size : {0, 100, 5000, 300'000})
    blobs[std::to_string(size)] = sample_blob(size_t(size), 1);
  t.must_put_all(blobs);
  std::vector<std::pair<blob_view, bytes>> views;
  for (auto& [key, blob] : blobs)
    if (auto view = t.get(key))
      views.emplace_back(*view, to_bytes(view->data));
  for (auto& x : t.list_all({}, 1000, blob_part::header))
    if (x.blob)
      views.emplace_back(*x.blob, to_bytes(x.blob->data));
  auto check = [&](const std::string& when) {
    for (auto& [view, copy] : views)
      t.expect(same_bytes(view.data, copy),
               "bytes that were read changed when " + when);
  };
  for (auto& [key, blob] : blobs)
    t.must_put(key, sample_blob(blob->size(), 99));
  for (auto& [key, blob] : blobs)
    t.get(key);
  check("the blob was replaced");
  for (auto& [key, blob] : blobs)
    t.require_value(t.erase(key), "erasing");
  check("the blob was erased");
  t.close();
  check("the store was closed");
}

constexpr compliance_check checks[] = {
  {"missing-keys-read-as-nothing", missing_keys},
  {"parts-are-exact", exact_parts},
  {"ranges-are-exact", exact_ranges},
  {"pinned-reads-notice-another-revision", pinned_reads},
  {"reads-are-answered-in-order", reads_in_order},
  {"views-stay-valid", views_stay_valid},
};

} // namespace

std::span<const compliance_check> reading_checks() {
  return checks;
}

} // namespace larder::detail
