// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/compliance_trial.hpp"

#include <algorithm>
#include <set>

namespace larder::detail {

namespace {

constexpr size_t max_violations = 20;

/// Beyond this a listing is taken to be endless.
constexpr size_t max_pages = 20'000;

constexpr size_t batch_size = 100;

} // namespace

// -- construction and destruction ---------------------------------------------

trial::trial(const compliance_options& options)
  : options_(options), where_(options.fresh_uri()) {
  // nop
}

trial::~trial() {
  close();
  // Whether this works is the lifecycle checks' business.
  static_cast<void>(subject().destroy(where_));
}

// -- expectations -------------------------------------------------------------

bool trial::expect(bool ok, const std::string& what) {
  if (!ok) {
    std::lock_guard guard{mutex_};
    if (violations_.size() < max_violations)
      violations_.push_back(what);
  }
  return ok;
}

void trial::require(bool ok, const std::string& what) {
  if (!expect(ok, what))
    throw trial_stopped{};
}

void trial::skip(std::string why) {
  skipped_ = std::move(why);
  throw trial_stopped{};
}

void trial::count(const std::string& figure, uint64_t n) {
  std::lock_guard guard{mutex_};
  figures_[figure] += n;
}

std::map<std::string, uint64_t> trial::take_figures() {
  std::lock_guard guard{mutex_};
  return std::move(figures_);
}

std::vector<std::string> trial::take_violations() {
  std::lock_guard guard{mutex_};
  return std::move(violations_);
}

// -- the store ----------------------------------------------------------------

backend& trial::store() {
  if (!store_) {
    auto created = subject().create(where_);
    require_value(created, "creating a store");
    require(*created != nullptr, "creating a store returned a null pointer");
    store_ = std::move(*created);
  }
  return *store_;
}

void trial::close() {
  store_.reset();
}

void trial::reopen() {
  close();
  auto opened = subject().open(where_);
  require_value(opened, "opening the store again");
  require(*opened != nullptr, "opening a store returned a null pointer");
  store_ = std::move(*opened);
}

// -- writing ------------------------------------------------------------------

std::vector<commit_outcome> trial::commit(std::vector<mutation> batch) {
  auto size = batch.size();
  auto result = store().commit(batch);
  require(result.size() == size,
          "a commit of " + std::to_string(size) + " mutations returned "
            + std::to_string(result.size()) + " outcomes");
  return result;
}

commit_outcome trial::put(const std::string& key, const blob_ptr& blob,
                          precondition condition) {
  return commit({{key, blob, condition}})[0];
}

commit_outcome trial::erase(const std::string& key, precondition condition) {
  return commit({{key, std::monostate{}, condition}})[0];
}

void trial::must_put(const std::string& key, const blob_ptr& blob) {
  require_value(put(key, blob), "putting " + printable(key));
}

void trial::must_put_all(const std::map<std::string, blob_ptr>& blobs) {
  std::vector<mutation> batch;
  auto flush = [&] {
    auto outcomes = commit(batch);
    for (size_t i = 0; i < batch.size(); ++i)
      require_value(outcomes[i], "putting " + printable(batch[i].key));
    batch.clear();
  };
  for (auto& [key, blob] : blobs) {
    batch.push_back({key, blob, {}});
    if (batch.size() == batch_size)
      flush();
  }
  flush();
}

// -- reading ------------------------------------------------------------------

read_outcome trial::read(const read_request& request) {
  auto result = store().read({&request, 1});
  require(result.size() == 1, "a read of one key returned "
                                + std::to_string(result.size()) + " outcomes");
  return std::move(result[0]);
}

std::optional<blob_view> trial::get(const std::string& key, blob_part part) {
  auto result = read({key, part, 0, 0, std::nullopt});
  if (!result) {
    expect(false, "reading " + printable(key)
                    + " failed: " + to_string(result.error()));
    return std::nullopt;
  }
  return std::move(*result);
}

bool trial::expect_content(const std::string& key, const blob_ptr& blob,
                           const std::string& when) {
  auto found = get(key);
  auto what = printable(key) + " " + when + ": ";
  if (!blob)
    return expect(!found, what + "there is a blob where none should be");
  if (!expect(found.has_value(), what + "there is no blob"))
    return false;
  return expect(found->blob_size == blob->size(),
                what + "the size is " + std::to_string(found->blob_size)
                  + " instead of " + std::to_string(blob->size()))
         && expect(same_bytes(found->data, *blob), what + "the bytes differ");
}

void trial::expect_everywhere(const std::string& key, const blob_ptr& blob,
                              const std::string& when) {
  auto what = printable(key) + " " + when + ": ";
  if (!expect_content(key, blob, when))
    return;
  auto expect_size
    = [&](const std::string& how, const read_outcome& x, uint64_t size) {
        if (!expect(x.has_value(), what + how + " fails"))
          return;
        if (expect(x->has_value() == (blob != nullptr),
                   what + how + (blob ? " finds nothing" : " finds a blob"))
            && blob)
          expect((*x)->blob_size == size, what + how + " tells another size");
      };
  auto size = blob ? blob->size() : 0;
  for (auto part : {blob_part::none, blob_part::header, blob_part::metadata})
    expect_size("part " + std::to_string(static_cast<int>(part)),
                read({key, part, 0, 0, {}}), size);
  auto range = read({key, blob_part::range, 3, 50, {}});
  expect_size("a range", range, size);
  if (blob && range && *range)
    expect(
      same_bytes((*range)->data, bytes_view{*blob}.subspan(
                                   3, std::min<size_t>(50, blob->size() - 3))),
      what + "the bytes of a range differ");
  size_t listed = 0;
  for (auto& x : list_all(key, 1000, blob_part::metadata))
    if (x.key == key) {
      ++listed;
      expect_size("the listing", x.blob, size);
    }
  expect(listed == (blob ? 1 : 0),
         what + "it is listed " + std::to_string(listed) + " times");
}

void trial::expect_contents(const std::map<std::string, blob_ptr>& blobs,
                            const std::string& when) {
  std::set<std::string> listed;
  for (auto& x : list_all())
    expect(listed.insert(x.key).second,
           printable(x.key) + " " + when + ": listed twice");
  for (auto& [key, blob] : blobs) {
    expect(listed.erase(key) == 1,
           printable(key) + " " + when + ": not listed");
    expect_content(key, blob, when);
  }
  for (auto& key : listed)
    expect(false, printable(key) + " " + when + ": listed but never put");
}

std::vector<list_entry> trial::list_all(const std::string& prefix, size_t limit,
                                        blob_part part) {
  std::vector<list_entry> result;
  list_request request{prefix, {}, limit, part};
  for (size_t pages = 0;; ++pages) {
    require(pages < max_pages, "a listing does not end");
    auto page = store().list(request);
    require_value(page, "listing with the prefix " + printable(prefix));
    expect(page->entries.size() <= limit,
           "a page of at most " + std::to_string(limit) + " keys has "
             + std::to_string(page->entries.size()));
    for (auto& x : page->entries) {
      expect(x.key.starts_with(prefix),
             "listing " + printable(prefix) + " returned " + printable(x.key));
      result.push_back(std::move(x));
    }
    if (page->next.empty())
      return result;
    expect(std::all_of(page->next.begin(), page->next.end(),
                       [](char c) { return c > ' ' && c < 0x7F; }),
           "a cursor is not printable or has spaces: " + printable(page->next));
    request.after = page->next;
  }
}

// -- staging ------------------------------------------------------------------

std::shared_ptr<staged_blob> stage_blob(trial& t, const std::string& key,
                                        bytes_view blob, size_t prefix_size,
                                        size_t piece) {
  auto staged = t.store().stage(key, prefix_size);
  t.require_value(staged, "staging " + printable(key));
  t.require(*staged != nullptr, "staging returned a null pointer");
  std::shared_ptr<staged_blob> result = std::move(*staged);
  t.require_value(result->append({}), "appending nothing");
  for (auto rest = blob.subspan(prefix_size); !rest.empty();) {
    auto n = std::min(piece, rest.size());
    t.require_value(result->append(rest.first(n)), "appending");
    rest = rest.subspan(n);
  }
  t.require_value(result->set_prefix(blob.first(prefix_size)),
                  "setting the prefix");
  return result;
}

// -- samples ------------------------------------------------------------------

std::string printable(std::string_view key) {
  constexpr size_t max_shown = 40;
  std::string result = "\"";
  for (auto c : key.substr(0, max_shown)) {
    if (c >= ' ' && c < 0x7F)
      result += c;
    else
      result += "\\x" + to_hex(as_bytes({&c, 1}));
  }
  if (key.size() > max_shown)
    result += "…";
  return result + "\"";
}

uint64_t greatest_blob_size(trial& t) {
  return std::min<uint64_t>(t.store().caps().max_blob_size,
                            t.options().max_blob_size);
}

revision fresh_revision() {
  revision result;
  fill_random(result.data);
  return result;
}

blob_ptr sample_blob(size_t value_size, uint8_t seed, size_t metadata_size) {
  bytes value(value_size);
  for (size_t i = 0; i < value_size; ++i)
    value[i] = static_cast<std::byte>(i + seed);
  bytes metadata(metadata_size, std::byte{0xA5});
  return std::make_shared<const bytes>(
    make_test_blob(fresh_revision(), metadata, value));
}

revision revision_of(bytes_view blob) {
  auto hdr = header::decode(blob);
  return hdr ? hdr->rev : revision{};
}

bool same_bytes(bytes_view x, bytes_view y) {
  return std::equal(x.begin(), x.end(), y.begin(), y.end());
}

} // namespace larder::detail
