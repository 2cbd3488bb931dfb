// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/compliance_checks.hpp"

#include <algorithm>
#include <atomic>
#include <set>

namespace larder::detail {

namespace {

std::string numbered(const std::string& prefix, int i) {
  return prefix + std::to_string(i);
}

/// Puts `n` keys with `prefix` and returns them.
std::set<std::string> populate(trial& t, const std::string& prefix, int n) {
  std::map<std::string, blob_ptr> blobs;
  std::set<std::string> result;
  for (int i = 0; i < n; ++i) {
    auto key = numbered(prefix, i);
    blobs[key] = sample_blob(size_t(i % 7));
    result.insert(key);
  }
  t.must_put_all(blobs);
  return result;
}

/// Expects that a listing has exactly these keys.
void expect_keys(trial& t, const std::vector<list_entry>& entries,
                 std::set<std::string> keys, const std::string& when) {
  std::set<std::string> seen;
  for (auto& x : entries) {
    if (!t.expect(seen.insert(x.key).second,
                  printable(x.key) + " is listed twice " + when))
      continue;
    t.expect(keys.erase(x.key) == 1,
             printable(x.key) + " is listed and should not be " + when);
  }
  for (auto& key : keys)
    t.expect(false, printable(key) + " is not listed " + when);
  if (t.store().caps().ordered_listing)
    t.expect(std::is_sorted(entries.begin(), entries.end(),
                            [](auto& x, auto& y) { return x.key < y.key; }),
             "keys are not in order " + when);
}

void pages_cover_all(trial& t) {
  expect_keys(t, t.list_all(), {}, "in an empty store");
  auto keys = populate(t, "key/", 150);
  keys.merge(populate(t, "\xFF\x01 ", 10));
  for (size_t limit : {1, 2, 3, 7, 64, 159, 160, 161, 1000})
    expect_keys(t, t.list_all({}, limit), keys,
                "in pages of " + std::to_string(limit));
  expect_keys(t, t.list_all({}, std::numeric_limits<size_t>::max()), keys,
              "in one page without limit");
}

void prefixes(trial& t) {
  using namespace std::string_literals;
  std::set<std::string> keys{"a",     "a/",       "a/1",       "a/2",   "a/2/3",
                             "ab",    "abc",      "b",         "A/1",   "a%2F1",
                             "\xFF",  "\xFF\xFF", "\xFF\xFFx", "a\0b"s, "a\0"s,
                             "a\x7F", "\"a",      "\"ab",      " a"};
  keys.merge(populate(t, "many/", 50));
  std::map<std::string, blob_ptr> blobs;
  for (auto& key : keys)
    blobs[key] = sample_blob(1);
  for (int i = 0; i < 50; ++i) // they are all in `keys` now
    keys.insert(numbered("many/", i));
  t.must_put_all(blobs);
  for (auto& prefix : {""s,     "a"s,        "a/"s,
                       "a/2"s,  "a/2/3"s,    "a/2/3/4"s,
                       "ab"s,   "b"s,        "c"s,
                       "\xFF"s, "\xFF\xFF"s, "\xFF\xFF\xFF"s,
                       "a\0"s,  "\0"s,       "\""s,
                       "\"a"s,  "many/"s,    "many/4"s,
                       "A"s,    "a%"s,       std::string(5000, 'a')}) {
    std::set<std::string> wanted;
    for (auto& key : keys)
      if (key.starts_with(prefix))
        wanted.insert(key);
    for (size_t limit : {1, 4, 1000})
      expect_keys(t, t.list_all(prefix, limit), wanted,
                  "with the prefix " + printable(prefix) + " in pages of "
                    + std::to_string(limit));
  }
}

void listed_parts(trial& t) {
  std::map<std::string, blob_ptr> blobs;
  for (size_t metadata : {0, 10, 5000})
    for (size_t value : {0, 1, 10'000})
      blobs[std::to_string(metadata) + "+" + std::to_string(value)]
        = sample_blob(value, 1, metadata);
  t.must_put_all(blobs);
  for (auto part : {blob_part::none, blob_part::header, blob_part::metadata}) {
    auto entries = t.list_all({}, 4, part);
    t.expect(entries.size() == blobs.size(), "keys are missing");
    for (auto& x : entries) {
      auto what = "listing part " + std::to_string(static_cast<int>(part))
                  + " of " + printable(x.key) + ": ";
      auto blob = blobs.find(x.key);
      t.require(blob != blobs.end(), what + "no such key");
      t.require_value(x.blob, what);
      auto& all = *blob->second;
      auto size = x.blob->data.size();
      t.expect(x.blob->blob_size == all.size(),
               what + "wrong size of the blob");
      auto hdr = header::decode(all);
      auto enough = part == blob_part::none     ? size == 0
                    : part == blob_part::header ? size == header::max_size
                                                : size >= hdr->value_offset();
      t.expect(enough, what + std::to_string(size) + " bytes");
      t.expect(size <= all.size()
                 && same_bytes(x.blob->data, bytes_view{all}.first(size)),
               what + "the bytes differ");
    }
  }
}

void bad_requests(trial& t) {
  populate(t, "key ", 10);
  for (std::string after : {"not a cursor", "\n", "\x01\xFF", "!", "~~~"})
    t.expect_error(t.store().list({{}, after, 10, blob_part::none}),
                   errc::invalid_argument,
                   "listing after the cursor " + printable(after));
  t.expect_error(t.store().list({{}, {}, 0, blob_part::none}),
                 errc::invalid_argument, "listing with the limit 0");
  for (auto part : {blob_part::all, blob_part::range})
    t.expect_error(t.store().list({{}, {}, 10, part}), errc::invalid_argument,
                   "listing whole blobs");
}

/// Notes keys that a listing under changes may not have: a stable one missing,
/// any one twice.
class moving_listing {
public:
  moving_listing(trial& t, std::set<std::string> stable)
    : t_(t), stable_(std::move(stable)) {
    // nop
  }

  /// Lists all, calling `between` after each page.
  template <class F>
  void run(size_t limit, F between) {
    std::set<std::string> seen;
    list_request request;
    request.limit = limit;
    for (size_t pages = 0;; ++pages) {
      t_.require(pages < 10'000, "a listing does not end");
      auto page = t_.store().list(request);
      t_.require_value(page, "listing while keys come and go");
      for (auto& x : page->entries)
        t_.expect(seen.insert(x.key).second,
                  printable(x.key) + " is listed twice while keys come and go");
      if (page->next.empty())
        break;
      request.after = page->next;
      between();
    }
    for (auto& key : stable_)
      t_.expect(seen.contains(key),
                printable(key) + " is missing while other keys come and go");
  }

private:
  trial& t_;
  std::set<std::string> stable_;
};

void moving_keys_between_pages(trial& t) {
  auto stable = populate(t, "stable ", 60);
  populate(t, "first ", 30);
  moving_listing listing{t, stable};
  int step = 0;
  listing.run(5, [&] {
    // Old ones go, new ones come everywhere, and one comes back each time.
    std::vector<mutation> batch;
    batch.push_back({numbered("first ", step), std::monostate{}, {}});
    for (auto prefix : {"a ", "stable 1 ", "zzz "})
      batch.push_back({numbered(prefix, step), sample_blob(1), {}});
    batch.push_back({"first 29",
                     step % 2 == 0 ? mutation::content_type{}
                                   : mutation::content_type{sample_blob(2)},
                     {}});
    if (step == 29) // no key twice in a batch
      batch.pop_back();
    ++step;
    for (auto& x : t.commit(batch))
      t.require_value(x, "changing keys between pages");
  });
  std::vector<mutation> batch;
  for (auto& x : t.list_all())
    batch.push_back({x.key, std::monostate{}, {}});
  auto page = t.store().list({{}, {}, 1, blob_part::none});
  t.require_value(page, "listing");
  for (auto& x : t.commit(batch))
    t.require_value(x, "erasing all keys");
  auto rest = t.store().list({{}, page->next, 10, blob_part::none});
  t.require_value(rest, "going on after all keys were erased");
  t.expect(rest->entries.empty(), "erased keys are listed");
}

void moving_keys_from_another_thread(trial& t) {
  auto stable = populate(t, "stable ", 100);
  std::atomic<bool> listed = false;
  std::atomic<bool> stopped = false;
  std::atomic<size_t> commits = 0;
  run_threads(t, 2, [&](size_t index) {
    if (index == 0) {
      guarded(t, [&] {
        for (int i = 0; !listed; ++i) {
          auto key = numbered("moving ", i % 20);
          auto x = i % 40 < 20 ? t.put(key, sample_blob(1)) : t.erase(key);
          t.require_value(x, "changing keys during a listing");
          ++commits;
        }
      });
      stopped = true;
    } else {
      guarded(t, [&] {
        moving_listing listing{t, stable};
        for (size_t i = 0; i < t.options().rounds && !stopped; ++i)
          listing.run(9, [&] { // something changes between all pages
            for (auto before = commits.load(); commits == before && !stopped;)
              std::this_thread::yield();
          });
      });
      listed = true;
    }
  });
}

constexpr compliance_check checks[] = {
  {"listing-covers-all-keys-once", pages_cover_all},
  {"listing-obeys-the-prefix", prefixes},
  {"listing-reads-parts", listed_parts},
  {"bad-list-requests-are-refused", bad_requests},
  {"keys-come-and-go-between-pages", moving_keys_between_pages},
  {"keys-come-and-go-during-listing", moving_keys_from_another_thread},
};

} // namespace

std::span<const compliance_check> listing_checks() {
  return checks;
}

} // namespace larder::detail
