// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/compliance_checks.hpp"

#include <algorithm>

namespace larder::detail {

namespace {

void need_staging(trial& t) {
  if (!t.store().caps().staging)
    t.skip("staging is not declared");
}

std::shared_ptr<staged_blob> start(trial& t, const std::string& key,
                                   uint64_t prefix_size) {
  auto result = t.store().stage(key, prefix_size);
  t.require_value(result, "staging " + printable(key));
  t.require(*result != nullptr, "staging returned a null pointer");
  return std::move(*result);
}

commit_outcome commit(trial& t, const std::string& key,
                      std::shared_ptr<staged_blob> x,
                      precondition condition = {}) {
  return t.commit({{key, std::move(x), condition}})[0];
}

void declared_or_refused(trial& t) {
  if (t.store().caps().staging) {
    start(t, "a", 64);
    return;
  }
  t.expect_error(t.store().stage("a", 64), errc::unsupported,
                 "staging, which is not declared,");
  t.expect_contents({}, "after staging was refused");
}

void staged_blobs_are_whole(trial& t) {
  need_staging(t);
  std::map<std::string, blob_ptr> blobs;
  auto max = greatest_blob_size(t);
  for (size_t value : {size_t{0}, size_t{1}, size_t{4096}, size_t{100'001},
                       static_cast<size_t>(max - header::size_v2 - 100)})
    for (auto metadata : {size_t{0}, size_t{100}}) {
      auto key = std::to_string(value) + "+" + std::to_string(metadata);
      blobs[key] = sample_blob(value, 5, metadata);
    }
  auto prefix = [](const bytes& blob) {
    return static_cast<size_t>(header::decode(blob)->value_offset());
  };
  for (auto& [key, blob] : blobs) {
    auto staged = stage_blob(t, key, *blob, prefix(*blob), 30'000);
    t.expect_content(key, nullptr, "before its staged blob is committed");
    t.require_value(commit(t, key, staged), "committing " + key);
    staged.reset();
    t.expect_content(key, blob, "after its staged blob was committed");
  }
  auto whole = sample_blob(1000, 9);
  blobs["without prefix"] = whole;
  t.require_value(
    commit(t, "without prefix", stage_blob(t, "without prefix", *whole, 0, 7)),
    "committing a staged blob without prefix");
  t.reopen();
  t.expect_contents(blobs, "after committing staged blobs and reopening");
}

void discarding_leaves_nothing(trial& t) {
  need_staging(t);
  auto old = sample_blob(10);
  t.must_put("old", old);
  for (std::string key : {"old", "new"}) {
    auto blob = sample_blob(200'000, 1);
    auto staged = stage_blob(t, key, *blob, 64, 1000);
    t.expect_contents({{"old", old}}, "while a blob is being staged");
    staged.reset();
    start(t, key, 64).reset();
    t.expect_contents({{"old", old}}, "after discarding a staged blob");
  }
  t.reopen();
  t.expect_contents({{"old", old}},
                    "after discarding staged blobs and reopening");
  auto blob = sample_blob(5);
  t.must_put("new", blob);
  t.expect_contents({{"new", blob}, {"old", old}},
                    "after a put where a staged blob was discarded");
}

void staged_preconditions(trial& t) {
  need_staging(t);
  auto first = sample_blob(1000, 1);
  auto second = sample_blob(2000, 2);
  auto refused = [&](const bytes& blob, precondition condition,
                     const blob_ptr& content, const std::string& what) {
    t.expect_error(commit(t, "a", stage_blob(t, "a", blob, 64, 300), condition),
                   errc::precondition_failed,
                   "committing a staged blob " + what);
    t.expect_content("a", content, "after refusing a staged blob " + what);
  };
  refused(*first, precondition::matches(revision_of(*second)), nullptr,
          "for a missing key that must have a revision");
  auto absent = commit(t, "a", stage_blob(t, "a", *first, 64, 300),
                       precondition::absent());
  t.require_value(absent, "committing a staged blob for an absent key");
  t.expect(!absent->existed, "an absent key existed");
  refused(*second, precondition::absent(), first,
          "for a key that exists and must be absent");
  refused(*second, precondition::matches(fresh_revision()), first,
          "for a key that has another revision");
  auto matching = commit(t, "a", stage_blob(t, "a", *second, 64, 300),
                         precondition::matches(revision_of(*first)));
  t.require_value(matching, "committing a staged blob for the right revision");
  t.expect(matching->existed, "a key with a revision did not exist");
  t.expect_contents({{"a", second}}, "after conditional staged commits");
}

/// Refuses a staged blob in all ways, gives it another prefix, and commits it.
void refuse_then_commit(trial& t, const std::string& key) {
  constexpr size_t prefix_size = 64;
  auto old = sample_blob(10);
  t.must_put(key, old);
  auto staged
    = stage_blob(t, key, *sample_blob(200'000, 1), prefix_size, 30'000);
  for (auto condition :
       {precondition::absent(), precondition::matches(fresh_revision())})
    t.expect_error(commit(t, key, staged, condition), errc::precondition_failed,
                   "committing a staged blob against its precondition");
  if (t.store().caps().atomic_groups) {
    auto wrong = precondition::matches(fresh_revision());
    auto results = t.commit({{key, staged, {}, 1}, {"missing", old, wrong, 1}});
    t.expect_error(results[0], errc::conflict,
                   "committing a staged blob beside one that is refused");
  }
  t.expect_content(key, old, "after refusing a staged blob");
  auto blob = sample_blob(200'000, 1); // differs in the revision
  t.require_value(staged->set_prefix(bytes_view{*blob}.first(prefix_size)),
                  "setting another prefix after a refused commit");
  t.require_value(
    commit(t, key, staged, precondition::matches(revision_of(*old))),
    "committing a staged blob that was refused before");
  t.expect_content(key, blob, "after a refused staged blob was committed");
}

void staged_blobs_survive(trial& t) {
  need_staging(t);
  refuse_then_commit(t, "a");
  refuse_then_commit(
    t,
    std::string(std::min<uint64_t>(t.store().caps().max_key_size, 500), 'k'));
}

void staged_among_others(trial& t) {
  need_staging(t);
  auto one = sample_blob(500, 1);
  auto two = sample_blob(600, 2);
  auto three = sample_blob(700, 3);
  auto four = sample_blob(800, 4);
  auto a = stage_blob(t, "a", *one, 64, 100);
  auto b = stage_blob(t, "b", *two, 64, 100);
  t.must_put("d", four);
  auto result = t.commit({{"a", a, {}},
                          {"c", three, {}},
                          {"b", b, {}},
                          {"d", std::monostate{}, {}}});
  for (auto& x : result)
    t.require_value(x, "committing staged blobs among others");
  t.expect_contents({{"a", one}, {"b", two}, {"c", three}},
                    "after committing staged blobs among others");
}

/// A blob that no engine has staged.
class foreign_blob : public staged_blob {
public:
  expected<void> append(bytes_view) override {
    return {};
  }

  expected<void> set_prefix(bytes_view) override {
    return {};
  }
};

/// Also fails what is in one group with it.
void expect_refused(trial& t, const std::string& key,
                    const std::shared_ptr<staged_blob>& staged,
                    const std::string& what) {
  t.expect_error(commit(t, key, staged), errc::invalid_argument,
                 "committing " + what);
  if (!t.store().caps().atomic_groups)
    return;
  auto result
    = t.commit({{"other", sample_blob(10), {}, 1}, {key, staged, {}, 1}});
  t.expect_error(result[0], errc::conflict, "a put beside " + what);
  t.expect_error(result[1], errc::invalid_argument,
                 "committing " + what + " in a group");
}

void misuse_is_refused(trial& t) {
  need_staging(t);
  constexpr size_t prefix_size = 64;
  auto old = sample_blob(10);
  auto blob = sample_blob(2000, 1);
  t.must_put("a", old);
  auto staged = start(t, "a", prefix_size);
  for (size_t size : {size_t{0}, prefix_size - 1, prefix_size + 1})
    t.expect_error(staged->set_prefix(bytes_view{*blob}.first(size)),
                   errc::invalid_argument,
                   "a prefix of " + std::to_string(size) + " bytes, not "
                     + std::to_string(prefix_size) + ",");
  t.require_value(staged->append(bytes_view{*blob}.subspan(prefix_size)),
                  "appending after a prefix was refused");
  expect_refused(t, "a", staged, "a staged blob without its prefix");
  expect_refused(t, "b", stage_blob(t, "a", *blob, prefix_size, 500),
                 "a blob that was staged for another key");
  expect_refused(t, "a", std::make_shared<foreign_blob>(),
                 "a blob that was not staged by the store");
  t.expect_contents({{"a", old}}, "after staged blobs were refused");
  staged = stage_blob(t, "a", *blob, prefix_size, 500);
  t.require_value(commit(t, "a", staged), "committing a staged blob");
  t.expect_error(staged->append(bytes_view{*blob}), errc::invalid_argument,
                 "appending to a committed blob");
  t.expect_error(staged->set_prefix(bytes_view{*blob}.first(prefix_size)),
                 errc::invalid_argument, "setting a committed blob's prefix");
  expect_refused(t, "a", staged, "a staged blob again");
  t.expect_contents({{"a", blob}}, "after a committed blob was refused");
}

constexpr compliance_check checks[] = {
  {"staging-is-declared-or-refused", declared_or_refused},
  {"staged-blobs-are-whole", staged_blobs_are_whole},
  {"discarded-staged-blobs-leave-nothing", discarding_leaves_nothing},
  {"staged-blobs-obey-preconditions", staged_preconditions},
  {"staged-blobs-survive-refusals", staged_blobs_survive},
  {"staged-blobs-commit-among-others", staged_among_others},
  {"misused-staged-blobs-are-refused", misuse_is_refused},
};

} // namespace

std::span<const compliance_check> staging_checks() {
  return checks;
}

} // namespace larder::detail
