// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/compliance_checks.hpp"

#include <algorithm>
#include <atomic>
#include <set>

namespace larder::detail {

namespace {

using snapshot_ptr = std::unique_ptr<backend_snapshot>;
using contents = std::map<std::string, blob_ptr>;

void need_snapshots(trial& t) {
  if (!t.store().caps().snapshots)
    t.skip("snapshots is not declared");
}

snapshot_ptr open(trial& t) {
  auto result = t.store().open_snapshot();
  t.require_value(result, "taking a snapshot");
  t.require(*result != nullptr, "open_snapshot returned a null pointer");
  return std::move(*result);
}

// -- looking ------------------------------------------------------------------

/// Reads one part of a blob; a failure is a violation and nothing.
std::optional<blob_view> look(trial& t, backend_snapshot& x,
                              const read_request& request,
                              const std::string& what) {
  auto result = x.read({&request, 1});
  t.require(result.size() == 1, what + ": not one outcome");
  if (!t.expect(result[0].has_value(),
                what + " failed"
                  + (result[0] ? "" : ": " + to_string(result[0].error()))))
    return std::nullopt;
  return std::move(*result[0]);
}

void expect_blob(trial& t, backend_snapshot& x, const std::string& key,
                 const bytes& blob, const std::string& when) {
  auto what = "reading " + printable(key) + " in a snapshot " + when;
  auto expect = [&](const read_request& request, bytes_view data, bool exact) {
    auto found = look(t, x, request, what);
    if (!t.expect(found.has_value(), what + " finds nothing"))
      return;
    t.expect(found->blob_size == blob.size(), what + " tells another size");
    t.expect(exact ? same_bytes(found->data, data)
                   : found->data.size() >= data.size()
                       && same_bytes(found->data.first(data.size()), data),
             what + " finds other bytes");
  };
  bytes_view all{blob};
  auto hdr = header::decode(blob);
  auto metadata = static_cast<size_t>(hdr ? hdr->value_offset() : 0);
  auto rev = revision_of(blob);
  expect({key, blob_part::all, 0, 0, {}}, all, true);
  expect({key, blob_part::all, 0, 0, rev}, all, true);
  expect({key, blob_part::none, 0, 0, {}}, {}, true);
  expect({key, blob_part::metadata, 0, 0, {}}, all.first(metadata), false);
  auto offset = blob.size() / 2;
  auto length = std::min<size_t>(70'000, blob.size() - offset);
  expect({key, blob_part::range, offset, length, rev},
         all.subspan(offset, length), true);
  read_request other{key, blob_part::all, 0, 0, fresh_revision()};
  t.expect_error(x.read({&other, 1})[0], errc::conflict,
                 what + ", pinned to another revision,");
}

/// Adds a page; returns where to go on.
std::string add_page(trial& t, backend_snapshot& x, const std::string& after,
                     std::map<std::string, expected<blob_view>>& out) {
  auto page = x.list({{}, after, 2, blob_part::metadata});
  t.require_value(page, "listing a snapshot");
  t.expect(page->entries.size() <= 2, "a page of a snapshot is too large");
  for (auto& entry : page->entries)
    t.expect(out.emplace(entry.key, entry.blob).second,
             printable(entry.key) + " is listed twice in a snapshot");
  return page->next;
}

void expect_listed(trial& t,
                   const std::map<std::string, expected<blob_view>>& listed,
                   const contents& blobs, const std::string& when) {
  for (auto& [key, entry] : listed) {
    auto what = printable(key) + ", listed in a snapshot " + when + ", ";
    auto i = blobs.find(key);
    if (!t.expect(i != blobs.end(), what + "is of another moment")
        || !t.expect(entry.has_value(), what + "cannot be read"))
      continue;
    t.expect(entry->blob_size == i->second->size(), what + "has another size");
    t.expect(revision_of(entry->data) == revision_of(*i->second),
             what + "has another revision");
  }
  for (auto& [key, blob] : blobs)
    t.expect(listed.contains(key),
             printable(key) + " is not listed in a snapshot " + when);
}

/// Expects that the snapshot has exactly these keys and blobs.
void expect_moment(trial& t, backend_snapshot& x, const contents& blobs,
                   const std::vector<std::string>& absent,
                   const std::string& when) {
  for (auto& [key, blob] : blobs)
    expect_blob(t, x, key, *blob, when);
  for (auto& key : absent)
    t.expect(!look(t, x, {key, blob_part::all, 0, 0, {}}, "reading " + key),
             key + " is found in a snapshot " + when);
  std::map<std::string, expected<blob_view>> listed;
  std::string next;
  do
    next = add_page(t, x, next, listed);
  while (!next.empty() && listed.size() <= blobs.size() + absent.size());
  expect_listed(t, listed, blobs, when);
}

// -- checks -------------------------------------------------------------------

void declared_or_refused(trial& t) {
  auto blob = sample_blob(10);
  if (!t.store().caps().snapshots) {
    t.expect_error(t.store().open_snapshot(), errc::unsupported,
                   "taking a snapshot, which is not declared,");
    t.must_put("a", blob);
    t.expect_contents({{"a", blob}}, "after a snapshot was refused");
    return;
  }
  auto empty = open(t);
  t.must_put("a", blob);
  expect_moment(t, *empty, {}, {"a"}, "of an empty store");
  t.expect_contents({{"a", blob}}, "after a snapshot of nothing");
}

/// Blobs that engines keep in different ways.
contents samples(trial& t, uint8_t seed) {
  auto most = static_cast<size_t>(greatest_blob_size(t));
  auto large = std::min<size_t>(most - 4096, 700'000);
  return {{"a small", sample_blob(10, seed)},
          {"b medium", sample_blob(6'000, seed)},
          {"c large", sample_blob(large, seed)},
          {"d with metadata", sample_blob(50'000, seed, 3'000)},
          {"e empty", sample_blob(0, seed)}};
}

void one_moment(trial& t) {
  need_snapshots(t);
  auto before = samples(t, 1);
  t.must_put_all(before);
  auto first = open(t);
  std::map<std::string, expected<blob_view>> listed;
  auto next = add_page(t, *first, {}, listed);
  // Replaced, then partly erased, with new keys between the old ones.
  t.must_put_all(samples(t, 2));
  auto after = samples(t, 3);
  t.must_put_all(after);
  auto changed = open(t);
  expect_moment(t, *changed, after, {}, "after all was replaced");
  expect_moment(t, *first, before, {}, "before all was replaced");
  auto later = after;
  for (auto key : {"a small", "c large"}) {
    t.require_value(t.erase(key), "erasing while there is a snapshot");
    later.erase(key);
  }
  later["bb new"] = sample_blob(100);
  later["f new"] = sample_blob(10'000);
  t.must_put_all(later);
  while (!next.empty() && listed.size() <= before.size())
    next = add_page(t, *first, next, listed);
  expect_listed(t, listed, before, "during changes");
  expect_moment(t, *first, before, {"bb new", "f new"}, "before the changes");
  first.reset();
  // Any thread may use it.
  run_threads(t, 1, [&](size_t) {
    expect_moment(t, *changed, after, {"bb new", "f new"}, "amid the changes");
  });
  changed.reset();
  t.expect_contents(later, "after its snapshots have gone");
  t.reopen();
  t.expect_contents(later, "after its snapshots have gone and reopening");
}

void staged_in_snapshots(trial& t) {
  need_snapshots(t);
  if (!t.store().caps().staging)
    t.skip("staging is not declared");
  auto old = sample_blob(300'000, 1);
  auto blob = sample_blob(300'000, 2);
  t.must_put("old", old);
  auto before = open(t);
  auto replacing = stage_blob(t, "old", *blob, 64, 30'000);
  auto added = stage_blob(t, "new", *blob, 64, 30'000);
  auto amid = open(t);
  for (auto& x : t.commit({{"old", replacing, {}}, {"new", added, {}}}))
    t.require_value(x, "committing staged blobs beside a snapshot");
  auto after = open(t);
  expect_moment(t, *before, {{"old", old}}, {"new"}, "before staging");
  expect_moment(t, *amid, {{"old", old}}, {"new"}, "while blobs were staged");
  t.require_value(t.erase("old"), "erasing while there is a snapshot");
  expect_moment(t, *after, {{"old", blob}, {"new", blob}}, {}, "after staging");
}

/// Set at the end of a scope, however that ends.
struct set_at_end {
  std::atomic<bool>& flag;

  ~set_at_end() {
    flag = true;
  }
};

/// Expects that the first value bytes of all keys are the same.
uint8_t only_seed(trial& t, backend_snapshot& x,
                  const std::vector<std::string>& keys) {
  std::set<uint8_t> seen;
  for (auto& key : keys) {
    auto found = look(t, x, {key, blob_part::all, 0, 0, {}},
                      "reading a group in a snapshot");
    if (found && found->data.size() > header::size_v2)
      seen.insert(std::to_integer<uint8_t>(found->data[header::size_v2]));
  }
  t.require(seen.size() == 1, "a snapshot has a part of a group");
  return *seen.begin();
}

/// One thread commits groups that give all keys one content, each while
/// another one takes a snapshot.
void groups_in_snapshots(trial& t) {
  need_snapshots(t);
  if (!t.store().caps().atomic_groups)
    t.skip("atomic_groups is not declared");
  const std::vector<std::string> keys{"a", "b", "c"};
  std::atomic<uint8_t> acknowledged = 0;
  auto put_all = [&](uint8_t seed) {
    std::vector<mutation> batch;
    for (auto& key : keys)
      batch.push_back({key, sample_blob(3'000, seed), {}, 1});
    for (auto& x : t.commit(std::move(batch)))
      t.require_value(x, "committing a group beside snapshots");
    acknowledged = seed;
  };
  put_all(0);
  open(t).reset();
  std::atomic<bool> done = false;
  std::atomic<size_t> begun = 0;
  run_threads(t, 2, [&](size_t i) {
    set_at_end guard{done};
    if (i == 0) {
      auto rounds = std::min<size_t>(t.options().rounds, 100);
      for (size_t n = 1; n <= rounds && !done; ++n) {
        while (begun < n && !done)
          std::this_thread::yield();
        put_all(static_cast<uint8_t>(n));
      }
      return;
    }
    for (auto last = false; !last;) {
      last = done;
      auto least = acknowledged.load();
      ++begun;
      auto x = open(t);
      t.require(only_seed(t, *x, keys) >= least,
                "a snapshot lacks what was acknowledged before");
      t.count("snapshots");
    }
  });
}

constexpr compliance_check checks[] = {
  {"snapshots-are-declared-or-refused", declared_or_refused},
  {"snapshots-see-one-moment", one_moment},
  {"snapshots-see-no-staged-blobs", staged_in_snapshots},
  {"snapshots-see-groups-whole", groups_in_snapshots},
};

} // namespace

std::span<const compliance_check> snapshot_checks() {
  return checks;
}

} // namespace larder::detail
