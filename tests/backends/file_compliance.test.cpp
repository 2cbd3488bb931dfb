// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "backends/file_tools.hpp"
#include "backends/small_disk.hpp"
#include "temp_dir.hpp"

#include "larder/compliance.hpp"

#include <functional>
#include <set>

using namespace file_tools;

namespace {

/// Names and contents of all files below a store's directory.
std::string describe(const uri& x) {
  std::string result;
  if (!std::filesystem::exists(x.path))
    return "nothing";
  for (auto& name : files_below(x.path))
    result += name + ": " + slurp(x.path + "/" + name) + "\n";
  return result;
}

compliance_options options_in(std::function<std::string(std::string)> path,
                              const std::string& sync,
                              const std::string& shared) {
  compliance_options result;
  result.subject = **backend_registry{}.find("file");
  result.fresh_uri = [=, n = 0]() mutable {
    return uri{"file",
               {},
               path(std::to_string(++n)),
               {{"sync", sync}, {"shared", shared}}};
  };
  result.describe_medium = describe;
  result.max_blob_size = size_t{1} << 20;
  result.rounds = sync == "on" ? 5 : 20;
  result.child_command = {LARDER_COMPLIANCE_CHILD};
  return result;
}

void check_complies(const std::string& sync, const std::string& shared) {
  CAPTURE(sync, shared);
  temp_dir tmp;
  auto path = [&](const std::string& name) { return tmp / name; };
  auto results = run_compliance(options_in(path, sync, shared));
  CHECK(describe_violations(results) == "");
  CHECK(results.size() == compliance_checks().size());
  // The engine has no such limit, or the check has a test of its own below.
  std::set<std::string> may_skip{"oversized-blobs-fail-their-group",
                                 "oversized-blobs-are-refused",
                                 "oversized-staged-blobs-are-refused",
                                 "full-media-are-told",
                                 "full-media-recover",
                                 "snapshots-see-one-moment",
                                 "snapshots-see-no-staged-blobs",
                                 "snapshots-see-groups-whole",
                                 "concurrent-commits-are-all-kept"};
  if (sync == "off")
    may_skip.insert("killed-writers-lose-nothing");
  if (shared == "no")
    may_skip.merge(
      std::set<std::string>{"counter-is-exact-across-processes",
                            "groups-are-seen-whole-across-processes"});
  if (sync == "off" && shared == "no")
    may_skip.insert("other-processes-are-locked-out-or-fenced");
  std::set<std::string> skipped;
  for (auto& x : results)
    if (!x.skipped.empty())
      skipped.insert(x.check);
  CHECK(skipped == may_skip);
  CHECK(files_below(tmp.path().string()).empty());
}

} // namespace

TEST_CASE("the file engine passes the compliance suite with sync") {
  check_complies("on", "yes");
  check_complies("on", "no");
}

TEST_CASE("the file engine passes the compliance suite without sync") {
  check_complies("off", "yes");
  check_complies("off", "no");
}

TEST_CASE("the file engine survives a full disk") {
  small_disk disk;
  auto path = [&](const std::string& name) { return disk / name; };
  auto options = options_in(path, "on", "yes");
  options.fill_medium = [&](const uri&, bool full) { disk.fill(full); };
  for (auto check : {"full-media-are-told", "full-media-recover"}) {
    auto results = run_compliance(options, check);
    CHECK(describe_violations(results) == "");
    CHECK(results[0].skipped == "");
    CHECK(results[0].figures["refused writes"] > 3);
  }
}
