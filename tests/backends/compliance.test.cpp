// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "backends/broken/commits.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <set>

using namespace broken;

namespace {

uri fresh_uri() {
  static std::atomic<int> counter = 0;
  return {"memory", {}, "compliance " + std::to_string(++counter), {}};
}

compliance_options options_for(engine subject) {
  compliance_options result;
  result.subject = std::move(subject);
  result.fresh_uri = fresh_uri;
  return result;
}

std::vector<std::string> violations(const compliance_options& options,
                                    const std::string& check) {
  auto result = run_compliance(options, check);
  REQUIRE(result.size() == 1);
  CHECK(result[0].check == check);
  CHECK(result[0].skipped.empty());
  return result[0].violations;
}

} // namespace

// -- sound engines ------------------------------------------------------------

TEST_CASE("the memory engine passes the compliance suite") {
  auto results = run_compliance(options_for(memory_engine()));
  CHECK(describe_violations(results) == "");
  CHECK(results.size() == compliance_checks().size());
  for (auto& x : results) {
    CAPTURE(x.check, x.skipped);
    // What the engine does not have, a limit or a medium, cannot be checked.
    CHECK(x.skipped.empty()
          == !(x.check.starts_with("oversized-")
               || x.check.starts_with("full-media-")
               || x.check == "killed-writers-lose-nothing"
               || x.check.ends_with("-processes")
               || x.check.starts_with("other-processes-")));
  }
}

TEST_CASE("the wrappers pass the compliance suite") {
  for (auto& subject :
       {wrapped<backend_wrapper>(), wrapped<fault_injecting_backend>(),
        wrapped<recording_backend>()}) {
    auto options = options_for(subject);
    options.max_blob_size = 1 << 20;
    options.rounds = 10;
    CHECK(describe_violations(run_compliance(options)) == "");
  }
}

// -- the suite itself ---------------------------------------------------------

TEST_CASE("the checks of the suite have names of their own") {
  auto names = compliance_checks();
  CHECK(names.size() > 60);
  CHECK(std::set<std::string>(names.begin(), names.end()).size()
        == names.size());
}

TEST_CASE("a deviation is reported instead of run") {
  auto options = options_for(wrapped<drops_preconditions>());
  options.deviations = {{"preconditions-hold", "there are none"}};
  auto results = run_compliance(options, "preconditions-hold");
  REQUIRE(results.size() == 1);
  CHECK(results[0].violations.empty());
  CHECK(results[0].skipped == "there are none");
}

TEST_CASE("names that no check has do not pass in silence") {
  auto options = options_for(memory_engine());
  CHECK(!run_compliance(options, "no-such-check")[0].violations.empty());
  options.deviations = {{"no-such-check", "misspelt"}};
  auto results = run_compliance(options, "put-replace-erase");
  REQUIRE(results.size() == 2);
  CHECK(describe_violations(results)
        == "no-such-check: a deviation from an unknown check\n");
}

TEST_CASE("a change of the medium is noticed where the author describes it") {
  auto options = options_for(memory_engine());
  options.describe_medium
    = [n = 0](const uri&) mutable { return std::to_string(++n); };
  CHECK(!violations(options, "opening-changes-nothing").empty());
  CHECK(!violations(options, "reading-never-creates").empty());
  options.describe_medium = [](const uri&) { return "the same"; };
  CHECK(violations(options, "opening-changes-nothing").empty());
}

TEST_CASE("test blobs are headers with metadata and value") {
  revision rev;
  rev.data.fill(std::byte{7});
  auto blob = make_test_blob(rev, bytes(3, std::byte{1}), bytes(5));
  auto hdr = header::decode(blob);
  REQUIRE(hdr);
  CHECK(hdr->rev == rev);
  CHECK(hdr->value_offset() == 67);
  CHECK(hdr->value_size == 5);
  CHECK(blob.size() == 72);
}
