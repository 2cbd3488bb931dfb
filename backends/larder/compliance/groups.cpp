// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/compliance_checks.hpp"

namespace larder::detail {

namespace {

void need_groups(trial& t) {
  if (!t.store().caps().atomic_groups)
    t.skip("atomic_groups is not declared");
}

/// Expects success and the exact `existed`.
void expect_done(trial& t, const commit_outcome& x, bool existed,
                 const std::string& what) {
  t.require_value(x, what);
  t.expect(x->existed == existed, what + " says that the key "
                                    + (x->existed ? "existed" : "was missing"));
}

// -- declared or refused ------------------------------------------------------

void groups_work(trial& t) {
  auto old = sample_blob(10, 1);
  auto one = sample_blob(2000, 2);
  auto two = sample_blob(20, 3);
  t.must_put_all({{"a", old}, {"b", old}, {"c", old}});
  auto rev = precondition::matches(revision_of(*old));
  auto result = t.commit({
    {"a", one, rev, 1},
    {"new", two, precondition::absent(), 1},
    {"b", std::monostate{}, rev, 1},
    {"never", std::monostate{}, {}, 1},
    {"c", keep{}, rev, 1},
  });
  expect_done(t, result[0], true, "replacing in a group");
  expect_done(t, result[1], false, "creating in a group");
  expect_done(t, result[2], true, "erasing in a group");
  expect_done(t, result[3], false, "erasing a missing key in a group");
  expect_done(t, result[4], true, "keeping in a group");
  std::map<std::string, blob_ptr> after{{"a", one}, {"c", old}, {"new", two}};
  t.expect_contents(after, "after a group");
  t.reopen();
  t.expect_contents(after, "after a group and reopening");
  // The largest number is a group as good as any other.
  auto last = std::numeric_limits<uint64_t>::max();
  for (auto& x : t.commit({{"a", std::monostate{}, {}, last},
                           {"new", std::monostate{}, {}, last},
                           {"c", std::monostate{}, {}, 5}}))
    expect_done(t, x, true, "erasing in groups");
  t.expect_contents({}, "after erasing all in groups");
}

void declared_or_refused(trial& t) {
  if (t.store().caps().atomic_groups)
    return groups_work(t);
  auto blob = sample_blob(10);
  auto result
    = t.commit({{"a", blob, {}, 1}, {"b", blob, {}}, {"c", blob, {}, 1}});
  for (size_t i : {0, 2})
    t.expect_error(result[i], errc::unsupported,
                   "a mutation with a group, which is not declared,");
  t.require_value(result[1], "a mutation beside a group that is refused");
  t.expect_contents({{"b", blob}}, "after a group was refused");
}

// -- failures -----------------------------------------------------------------

void one_fails_all(trial& t) {
  need_groups(t);
  auto old = sample_blob(10, 1);
  auto blob = sample_blob(20, 2);
  std::map<std::string, blob_ptr> contents;
  for (auto key : {"b", "d", "f", "h"})
    contents[key] = old;
  t.must_put_all(contents);
  auto right = precondition::matches(revision_of(*old));
  auto wrong = precondition::matches(fresh_revision());
  auto result = t.commit({
    {"a", blob, {}, 1},
    {"b", blob, precondition::absent(), 1}, // fails
    {"c", blob, {}},
    {"d", std::monostate{}, right, 1},
    {"e", blob, precondition::absent(), 2},
    {"f", std::monostate{}, right, 2},
    {"g", std::monostate{}, wrong}, // fails, on its own
    {"h", keep{}, wrong, 3},        // fails
    {"i", blob, {}, 3},
    {"j", std::monostate{}, wrong, 3}, // fails
  });
  for (size_t i : {1, 6, 7, 9})
    t.expect_error(result[i], errc::precondition_failed,
                   "mutation " + std::to_string(i) + ", the culprit,");
  for (size_t i : {0, 3, 8})
    t.expect_error(result[i], errc::conflict,
                   "mutation " + std::to_string(i) + " of a group that failed");
  t.require_value(result[2], "a put beside groups that failed");
  expect_done(t, result[4], false, "a put of another group");
  expect_done(t, result[5], true, "an erase of another group");
  contents["c"] = contents["e"] = blob;
  contents.erase("f");
  t.expect_contents(contents, "after some of several groups failed");
  t.reopen();
  t.expect_contents(contents, "after groups that failed and reopening");
}

void other_failures(trial& t) {
  need_groups(t);
  auto old = sample_blob(10, 1);
  t.must_put("a", old);
  auto max = t.store().caps().max_key_size;
  if (max > uint64_t{1} << 20)
    t.skip("no key is too long for this engine");
  auto result = t.commit({{"a", std::monostate{}, {}, 1},
                          {std::string(max + 1, 'k'), old, {}, 1},
                          {"b", old, {}}});
  t.expect_error(result[0], errc::conflict,
                 "an erase in a group with a key that is too long");
  t.expect_error(result[1], errc::limit_exceeded, "a key that is too long");
  t.require_value(result[2], "a put beside a group that failed");
  t.expect_contents({{"a", old}, {"b", old}}, "after a group was refused");
}

// -- keep ---------------------------------------------------------------------

void keep_changes_nothing(trial& t) {
  auto blob = sample_blob(100, 1);
  t.must_put("a", blob);
  auto commit = [&](const std::string& key, precondition condition) {
    return t.commit({{key, keep{}, condition}})[0];
  };
  auto right = precondition::matches(revision_of(*blob));
  auto wrong = precondition::matches(fresh_revision());
  expect_done(t, commit("a", {}), true, "keeping without precondition");
  expect_done(t, commit("a", right), true, "keeping the right revision");
  expect_done(t, commit("b", {}), false, "keeping a missing key");
  expect_done(t, commit("b", precondition::absent()), false,
              "keeping a missing key that must be absent");
  t.expect_error(commit("a", wrong), errc::precondition_failed,
                 "keeping another revision");
  t.expect_error(commit("a", precondition::absent()), errc::precondition_failed,
                 "keeping a key that must be absent");
  t.expect_error(commit("b", right), errc::precondition_failed,
                 "keeping a missing key that must have a revision");
  t.expect_contents({{"a", blob}}, "after keeping keys as they are");
}

constexpr compliance_check checks[] = {
  {"groups-are-declared-or-refused", declared_or_refused},
  {"one-failure-fails-its-group-only", one_fails_all},
  {"oversized-keys-fail-their-group", other_failures},
  {"keep-checks-and-changes-nothing", keep_changes_nothing},
};

} // namespace

std::span<const compliance_check> group_checks() {
  return checks;
}

} // namespace larder::detail
