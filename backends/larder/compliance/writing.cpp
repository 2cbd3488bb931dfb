// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/compliance_checks.hpp"

#include <algorithm>

namespace larder::detail {

namespace {

void expect_existed(trial& t, const commit_outcome& x, bool expected,
                    const std::string& what) {
  t.require_value(x, what);
  t.expect(x->existed == expected,
           what + " says that the key "
             + (x->existed ? "existed" : "did not exist"));
}

void put_replace_erase(trial& t) {
  auto blob = sample_blob(1000, 1, 10);
  t.require_value(t.put("a", blob), "putting"); // `existed` may say anything
  t.expect_content("a", blob, "after a put");
  blob = sample_blob(10, 2);
  expect_existed(t, t.put("a", blob), true, "replacing");
  t.expect_content("a", blob, "after replacing it by a shorter blob");
  blob = sample_blob(5000, 3);
  expect_existed(t, t.put("a", blob), true, "replacing again");
  t.expect_content("a", blob, "after replacing it by a longer blob");
  expect_existed(t, t.erase("a"), true, "erasing");
  t.expect_content("a", nullptr, "after an erase");
  expect_existed(t, t.erase("a"), false, "erasing what is erased");
  expect_existed(t, t.erase("never"), false, "erasing what never was");
  t.expect_contents({}, "after erasing everything");
  t.require_value(t.put("a", blob), "putting after an erase");
  t.expect_contents({{"a", blob}}, "after another put");
}

void preconditions(trial& t) {
  auto blob = sample_blob(10, 1);
  auto other = sample_blob(20, 2);
  auto stale = fresh_revision();
  auto refused = [&](const commit_outcome& x, const blob_ptr& content,
                     const std::string& what) {
    t.expect_error(x, errc::precondition_failed, what);
    t.expect_content("a", content, "after refusing: " + what);
  };
  refused(t.put("a", blob, precondition::matches(stale)), nullptr,
          "putting a missing key that must have a revision");
  refused(t.put("a", blob, precondition::matches({})), nullptr,
          "putting a missing key that must have the revision of zeros");
  refused(t.erase("a", precondition::matches(stale)), nullptr,
          "erasing a missing key that must have a revision");
  expect_existed(t, t.erase("a", precondition::absent()), false,
                 "erasing a missing key that must be absent");
  expect_existed(t, t.put("a", blob, precondition::absent()), false,
                 "putting a key that must be absent");
  t.expect_content("a", blob, "after putting it because it was absent");
  refused(t.put("a", other, precondition::absent()), blob,
          "putting a key that exists and must be absent");
  refused(t.put("a", other, precondition::matches(stale)), blob,
          "putting a key that has another revision");
  refused(t.put("a", other, precondition::matches({})), blob,
          "putting a key that does not have the revision of zeros");
  refused(t.erase("a", precondition::absent()), blob,
          "erasing a key that exists and must be absent");
  refused(t.erase("a", precondition::matches(stale)), blob,
          "erasing a key that has another revision");
  auto rev = precondition::matches(revision_of(*blob));
  expect_existed(t, t.put("a", other, rev), true,
                 "putting a key that has the revision");
  t.expect_content("a", other, "after replacing its revision");
  refused(t.put("a", blob, rev), other,
          "putting a key that had the revision before");
  refused(t.erase("a", rev), other,
          "erasing a key that had the revision before");
  rev = precondition::matches(revision_of(*other));
  expect_existed(t, t.erase("a", rev), true,
                 "erasing a key that has the revision");
  refused(t.put("a", blob, rev), nullptr,
          "putting a key whose revision was erased");
  refused(t.erase("a", rev), nullptr,
          "erasing a key whose revision was erased");
  t.require_value(t.put("a", blob, precondition::absent()),
                  "putting an erased key that must be absent");
  t.reopen();
  refused(t.put("a", other, precondition::matches(stale)), blob,
          "putting a key that has another revision after reopening");
  t.require_value(t.put("a", other, precondition::matches(revision_of(*blob))),
                  "putting a key that has the revision after reopening");
}

void outcome_per_mutation(trial& t) {
  std::map<std::string, blob_ptr> before{{"b", sample_blob(10)},
                                         {"d", sample_blob(20)},
                                         {"e", sample_blob(30)},
                                         {"f", sample_blob(40)}};
  t.must_put_all(before);
  auto blob = sample_blob(50, 7);
  auto right = precondition::matches(revision_of(*before["f"]));
  auto wrong = precondition::matches(fresh_revision());
  auto result = t.commit({
    {"a", blob, {}},
    {"b", blob, precondition::absent()}, // fails
    {"c", std::monostate{}, {}},
    {"d", blob, wrong}, // fails
    {"e", std::monostate{}, {}},
    {"f", blob, right},
    {"g", std::monostate{}, wrong}, // fails
    {"h", blob, precondition::absent()},
  });
  for (auto i : {1, 3, 6})
    t.expect_error(result[size_t(i)], errc::precondition_failed,
                   "mutation " + std::to_string(i) + " of a batch");
  t.require_value(result[0], "the first put of a batch");
  expect_existed(t, result[2], false, "erasing a missing key in a batch");
  expect_existed(t, result[4], true, "erasing in a batch");
  expect_existed(t, result[5], true, "putting the right revision in a batch");
  expect_existed(t, result[7], false, "putting an absent key in a batch");
  auto after = before;
  after["a"] = after["f"] = after["h"] = blob;
  after.erase("e");
  t.expect_contents(after, "after a batch of which some mutations failed");
}

void large_batches(trial& t) {
  t.expect(t.commit({}).empty(), "an empty batch has outcomes");
  std::map<std::string, blob_ptr> blobs;
  for (int i = 0; i < 200; i += 2)
    blobs["key " + std::to_string(i)] = sample_blob(size_t(i));
  t.must_put_all(blobs);
  std::vector<mutation> batch;
  for (int i = 0; i < 200; ++i)
    batch.push_back({"key " + std::to_string(i), std::monostate{}, {}});
  auto result = t.commit(batch);
  for (size_t i = 0; i < batch.size(); ++i)
    expect_existed(t, result[i], i % 2 == 0,
                   "erasing " + batch[i].key + " in a batch of 200");
  t.expect_contents({}, "after erasing all in one batch");
  t.expect(t.commit({}).empty(), "an empty batch has outcomes");
}

void all_sizes(trial& t) {
  std::map<std::string, blob_ptr> blobs;
  auto max = greatest_blob_size(t);
  for (size_t size :
       {size_t{0}, size_t{1}, size_t{2}, size_t{63}, size_t{64}, size_t{65},
        size_t{255}, size_t{256}, size_t{4095}, size_t{4096}, size_t{4097},
        size_t{65'535}, size_t{65'536}, size_t{1} << 20, size_t{8} << 20})
    if (size + header::size_v2 <= max)
      blobs[std::to_string(size)] = sample_blob(size, 1);
  blobs["greatest"] = sample_blob(max - header::size_v2, 2);
  header hdr;
  hdr.layout = 1;
  bytes bare;
  hdr.encode(bare);
  blobs["bare header of layout 1"]
    = std::make_shared<const bytes>(std::move(bare));
  t.must_put_all(blobs);
  t.expect_contents(blobs, "after the put");
  t.reopen();
  t.expect_contents(blobs, "after reopening");
}

void oversized_blobs(trial& t) {
  auto max = t.store().caps().max_blob_size;
  if (max > t.options().max_blob_size)
    t.skip("the engine takes larger blobs than the suite makes");
  auto old = sample_blob(10);
  auto blob = sample_blob(max - header::size_v2 + 1);
  t.expect_error(t.put("new", blob), errc::limit_exceeded,
                 "putting one byte more than max_blob_size");
  t.must_put("old", old);
  t.expect_error(t.put("old", blob), errc::limit_exceeded,
                 "replacing by one byte more than max_blob_size");
  t.expect_contents({{"old", old}}, "after refusing a blob that is too large");
}

constexpr compliance_check checks[] = {
  {"put-replace-erase", put_replace_erase},
  {"preconditions-hold", preconditions},
  {"each-mutation-has-its-outcome", outcome_per_mutation},
  {"large-batches-are-answered-in-order", large_batches},
  {"blobs-of-all-sizes", all_sizes},
  {"oversized-blobs-are-refused", oversized_blobs},
};

} // namespace

std::span<const compliance_check> writing_checks() {
  return checks;
}

} // namespace larder::detail
