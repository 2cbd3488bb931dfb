// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/compliance_child.hpp"

#include <algorithm>

namespace larder::detail {

namespace {

constexpr uint64_t num_keys = 40;
constexpr uint64_t max_mutations = 4;

/// A revision that says who wrote a blob.
revision revision_for(uint64_t seed, uint64_t n, uint64_t index) {
  bytes data;
  append_big_endian(data, seed);
  append_big_endian(data, n * max_mutations + index + 1);
  revision result;
  std::copy(data.begin(), data.end(), result.data.begin());
  return result;
}

blob_ptr blob_for(uint64_t seed, uint64_t n, uint64_t index) {
  auto size = n % 11 == 10 ? 150'000 : (n * 7919 + index * 104'729) % 3000;
  bytes value(size, static_cast<std::byte>(seed + n * max_mutations + index));
  bytes metadata(n % 200, std::byte{0x3C});
  return std::make_shared<const bytes>(
    make_test_blob(revision_for(seed, n, index), metadata, value));
}

} // namespace

bool workload::is_staged(uint64_t n) const {
  return caps_.staging && n % 7 == 6;
}

std::vector<mutation> workload::batch(uint64_t n) const {
  std::vector<mutation> result;
  auto size = is_staged(n) ? 1 : 1 + (n + seed_) % max_mutations;
  auto group = caps_.atomic_groups && n % 3 == 1 ? uint64_t{1} : uint64_t{0};
  for (uint64_t i = 0; i < size; ++i) {
    mutation x;
    x.key = "key " + std::to_string((n * 7 + i * 11 + seed_) % num_keys);
    x.group = group;
    if (size == 1 || (n + i) % 5 != 4)
      x.content = blob_for(seed_, n, i);
    result.push_back(std::move(x));
  }
  return result;
}

expected<void> workload::commit(backend& store, uint64_t n) const {
  auto mutations = batch(n);
  if (is_staged(n)) {
    auto& x = mutations[0];
    bytes_view blob{*std::get<blob_ptr>(x.content)};
    auto staged = store.stage(x.key, header::size_v2);
    if (!staged)
      return fail(staged.error());
    if (auto ok = (*staged)->append(blob.subspan(header::size_v2)); !ok)
      return ok;
    if (auto ok = (*staged)->set_prefix(blob.first(header::size_v2)); !ok)
      return ok;
    x.content = std::shared_ptr<staged_blob>{std::move(*staged)};
  }
  for (auto& x : store.commit(mutations))
    if (!x)
      return fail(x.error());
  return {};
}

void carry_out(const mutation& x, contents& to) {
  if (auto* blob = std::get_if<blob_ptr>(&x.content))
    to[x.key] = *blob;
  else if (std::holds_alternative<std::monostate>(x.content))
    to.erase(x.key);
}

// -- counters -----------------------------------------------------------------

blob_ptr counter_blob(uint64_t x) {
  bytes value;
  append_big_endian(value, x);
  return std::make_shared<const bytes>(
    make_test_blob(fresh_revision(), {}, value));
}

std::optional<uint64_t> counter_of(bytes_view blob) {
  if (blob.size() != header::size_v2 + sizeof(uint64_t))
    return std::nullopt;
  return load_big_endian<uint64_t>(blob.data() + header::size_v2);
}

// -- numbered groups ----------------------------------------------------------

namespace {

constexpr size_t group_size = 8;

std::string group_key(size_t i) {
  return "key " + std::to_string(i);
}

/// A blob whose revision counts.
blob_ptr numbered_blob(uint64_t x) {
  bytes number;
  append_big_endian(number, x);
  revision rev;
  std::copy(number.begin(), number.end(), rev.data.begin());
  return std::make_shared<const bytes>(make_test_blob(rev, {}, number));
}

uint64_t number_of(trial& t, const read_outcome& x) {
  t.require(x && *x, "a key of a group could not be read");
  return load_big_endian<uint64_t>(revision_of((*x)->data).data.data());
}

} // namespace

std::vector<mutation> numbered_group(uint64_t x) {
  std::vector<mutation> result;
  for (size_t i = 0; i < group_size; ++i)
    result.push_back({group_key(i), numbered_blob(x), {}, 7});
  return result;
}

uint64_t read_numbered_group(trial& t) {
  std::vector<read_request> requests;
  for (size_t i = 0; i < group_size; ++i)
    requests.push_back({group_key(i), blob_part::header, 0, 0, {}});
  auto outcomes = t.store().read(requests);
  t.require(outcomes.size() == requests.size(),
            "a read of several keys has too few outcomes");
  auto latest = number_of(t, outcomes[0]);
  for (auto& x : outcomes)
    t.expect(number_of(t, x) == latest, "a reader saw half of a group");
  auto must_not_go_back = [&](uint64_t now) {
    t.expect(now >= latest, "a reader saw a group and then not all of it");
    latest = std::max(now, latest);
  };
  for (size_t i : {7, 0, 4, 3})
    must_not_go_back(number_of(t, t.read(requests[i])));
  auto page = t.store().list({group_key(6), {}, 1, blob_part::header});
  if (page && page->entries.size() == 1) // or it comes with a later page
    must_not_go_back(number_of(t, page->entries[0].blob));
  must_not_go_back(number_of(t, t.read(requests[1])));
  return latest;
}

} // namespace larder::detail
