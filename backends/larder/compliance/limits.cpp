// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/compliance_checks.hpp"

#include <algorithm>

namespace larder::detail {

namespace {

/// Longest key that the suite makes.
constexpr uint64_t longest_key = uint64_t{1} << 20;

// -- keys ---------------------------------------------------------------------

void greatest_keys(trial& t) {
  auto size = std::min(t.store().caps().max_key_size, longest_key);
  std::map<std::string, blob_ptr> blobs;
  for (char last : {'a', 'b', '\0', '\xFF'}) {
    std::string key(size, 'k');
    key.back() = last;
    blobs[key] = sample_blob(100, uint8_t(last), 10);
  }
  t.must_put_all(blobs);
  auto check = [&](const std::string& when) {
    t.expect_contents(blobs, when);
    for (auto& [key, blob] : blobs)
      t.expect_everywhere(key, blob, when);
    for (size_t limit : {1, 2}) {
      auto found = t.list_all(std::string(size - 1, 'k'), limit);
      t.expect(found.size() == blobs.size(),
               "keys of the greatest size " + when + ": pages of "
                 + std::to_string(limit) + " have "
                 + std::to_string(found.size()) + " of "
                 + std::to_string(blobs.size()));
    }
  };
  check("of the greatest size");
  auto key = blobs.begin()->first;
  auto& blob = blobs.begin()->second;
  auto replace = [&](mutation::content_type content, blob_ptr next,
                     const std::string& how) {
    auto condition = precondition::matches(revision_of(*blob));
    auto group = t.store().caps().atomic_groups ? uint64_t{3} : uint64_t{0};
    t.require_value(t.commit({{key, std::move(content), condition, group}})[0],
                    how + " under a key of the greatest size");
    blob = std::move(next);
  };
  auto next = sample_blob(3000, 7);
  replace(next, next, "putting");
  if (t.store().caps().staging) {
    next = sample_blob(4000, 8);
    replace(stage_blob(t, key, *next, 64, 1000), next, "a staged put");
  }
  check("of the greatest size, one of them replaced");
  t.reopen();
  check("of the greatest size, after reopening");
  t.require_value(t.erase(key), "erasing a key of the greatest size");
  blobs.erase(blobs.begin());
  check("of the greatest size, after erasing one");
}

/// Which of the two steps refuses the key is the engine's choice.
void refuse_staged(trial& t, const std::string& key, const std::string& what) {
  auto staged = t.store().stage(key, header::size_v2);
  if (!staged) {
    t.expect_error(staged, errc::limit_exceeded, "staging" + what);
    return;
  }
  t.require_value((*staged)->set_prefix(*sample_blob(0)),
                  "setting the prefix of" + what);
  std::shared_ptr<staged_blob> content = std::move(*staged);
  t.expect_error(t.commit({{key, content, {}}})[0], errc::limit_exceeded,
                 "committing a staged blob under" + what);
}

/// Every call with a key of one byte too much. What cannot exist may be told as
/// an error or as nothing by reads; writes must say that it is too long.
void oversized_keys(trial& t) {
  auto max = t.store().caps().max_key_size;
  if (max > longest_key)
    t.skip("the engine takes longer keys than the suite makes");
  auto caps = t.store().caps();
  auto blob = sample_blob(10);
  t.must_put("a", blob);
  for (auto extra : {size_t{1}, size_t{1000}}) {
    std::string key(max + extra, 'k');
    auto what = " a key of " + std::to_string(extra) + " bytes too much";
    auto refused = [&](mutation x, const std::string& how) {
      t.expect_error(t.commit({std::move(x)})[0], errc::limit_exceeded,
                     how + what);
    };
    refused({key, blob, {}}, "putting");
    refused({key, blob, precondition::absent()}, "putting if absent");
    refused({key, std::monostate{}, {}}, "erasing");
    refused({key, keep{}, {}}, "keeping");
    if (caps.atomic_groups)
      refused({key, blob, {}, 1}, "putting in a group");
    auto among = t.commit({{key, blob, {}}, {"b", blob, {}}});
    t.expect_error(among[0], errc::limit_exceeded,
                   "putting among others" + what);
    t.require_value(among[1], "a put beside one with" + what);
    t.require_value(t.erase("b"), "erasing");
    if (caps.staging)
      refuse_staged(t, key, what);
    for (auto part : {blob_part::none, blob_part::all}) {
      auto found = t.read({key, part, 0, 0, {}});
      t.expect(found ? !*found : found.error() == errc::limit_exceeded,
               "reading" + what + " is neither nothing nor limit_exceeded");
    }
    auto page = t.store().list({key, {}, 10, blob_part::none});
    if (page)
      t.expect(t.list_all(key).empty(),
               "listing with the prefix of" + what + " is not empty");
    else
      t.expect_error(page, errc::limit_exceeded,
                     "listing with the prefix of" + what);
  }
  t.expect_contents({{"a", blob}}, "after refusing keys that are too long");
}

// -- blobs --------------------------------------------------------------------

/// Returns the size of a blob that is one byte too large.
uint64_t oversize(trial& t) {
  auto max = t.store().caps().max_blob_size;
  if (max > t.options().max_blob_size)
    t.skip("the engine takes larger blobs than the suite makes");
  return max + 1;
}

void oversized_in_groups(trial& t) {
  auto size = oversize(t);
  if (!t.store().caps().atomic_groups)
    t.skip("atomic_groups is not declared");
  auto old = sample_blob(10);
  t.must_put("old", old);
  auto result = t.commit({{"old", std::monostate{}, {}, 1},
                          {"new", sample_blob(size - header::size_v2), {}, 1},
                          {"other", old, {}}});
  t.expect_error(result[0], errc::conflict,
                 "an erase in a group with a blob that is too large");
  t.expect_error(result[1], errc::limit_exceeded, "a blob that is too large");
  t.require_value(result[2], "a put beside a group that failed");
  t.expect_contents({{"old", old}, {"other", old}},
                    "after refusing a group with a blob that is too large");
}

void oversized_staged(trial& t) {
  auto size = oversize(t);
  if (!t.store().caps().staging)
    t.skip("staging is not declared");
  auto old = sample_blob(10);
  t.must_put("old", old);
  for (std::string key : {"old", "new"}) {
    auto blob = sample_blob(size - header::size_v2);
    auto staged = t.store().stage(key, header::size_v2);
    t.require_value(staged, "staging");
    auto rest = bytes_view{*blob}.subspan(header::size_v2);
    auto appended = (*staged)->append(rest);
    if (!appended) {
      t.expect_error(appended, errc::limit_exceeded,
                     "appending one byte more than max_blob_size");
      continue;
    }
    t.require_value(
      (*staged)->set_prefix(bytes_view{*blob}.first(header::size_v2)),
      "setting the prefix");
    std::shared_ptr<staged_blob> content = std::move(*staged);
    t.expect_error(t.commit({{key, content, {}}})[0], errc::limit_exceeded,
                   "committing a staged blob of one byte too much");
  }
  t.expect_contents({{"old", old}}, "after refusing staged blobs");
}

/// Mutations on their own have nothing to do with others of their batch.
void spare_others(trial& t) {
  auto max_key = t.store().caps().max_key_size;
  auto max_blob = t.store().caps().max_blob_size;
  auto old = sample_blob(10, 1);
  auto blob = sample_blob(20, 2);
  std::vector<mutation> culprits;
  if (max_key <= longest_key)
    culprits.push_back({std::string(max_key + 1, 'k'), blob, {}});
  if (max_blob <= t.options().max_blob_size)
    culprits.push_back(
      {"culprit", sample_blob(max_blob + 1 - header::size_v2), {}});
  if (culprits.empty())
    t.skip("the engine takes larger blobs than the suite makes");
  for (auto& culprit : culprits) {
    t.must_put_all({{"b", old}, {"n", old}, {"z", old}});
    auto rev = precondition::matches(revision_of(*old));
    auto result = t.commit({{"a", blob, precondition::absent()},
                            {"b", blob, rev},
                            culprit,
                            {"n", std::monostate{}, {}},
                            {"z", keep{}, rev},
                            {"zz", blob, {}}});
    for (size_t i = 0; i < result.size(); ++i)
      if (i == 2)
        t.expect_error(result[i], errc::limit_exceeded, "what is too large");
      else
        t.require_value(result[i], "mutation " + std::to_string(i)
                                     + " beside one that is too large");
    std::map<std::string, blob_ptr> after{
      {"a", blob}, {"b", blob}, {"z", old}, {"zz", blob}};
    t.expect_contents(after, "after one of a batch was too large");
    t.reopen();
    t.expect_contents(after, "after that and reopening");
    for (auto& [key, _] : after)
      t.require_value(t.erase(key), "erasing");
  }
}

constexpr compliance_check checks[] = {
  {"greatest-keys-work-everywhere", greatest_keys},
  {"oversized-keys-are-refused-everywhere", oversized_keys},
  {"oversized-blobs-fail-their-group", oversized_in_groups},
  {"oversized-staged-blobs-are-refused", oversized_staged},
  {"oversized-mutations-spare-the-others", spare_others},
};

} // namespace

std::span<const compliance_check> limit_checks() {
  return checks;
}

} // namespace larder::detail
