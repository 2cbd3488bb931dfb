// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "backends/file_tools.hpp"
#include "temp_dir.hpp"

#include "larder/compliance.hpp"

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

void check_complies(const std::string& sync, const std::string& shared) {
  CAPTURE(sync, shared);
  temp_dir tmp;
  int counter = 0;
  compliance_options options;
  backend_registry registry;
  options.subject = **registry.find("file");
  options.fresh_uri = [&] {
    uri result;
    result.scheme = "file";
    result.path = tmp / std::to_string(++counter);
    result.options = {{"sync", sync}, {"shared", shared}};
    return result;
  };
  options.describe_medium = describe;
  options.max_blob_size = size_t{1} << 20;
  options.rounds = sync == "on" ? 5 : 20;
  auto results = run_compliance(options);
  CHECK(describe_violations(results) == "");
  CHECK(results.size() == compliance_checks().size());
  std::set<std::string> skipped;
  for (auto& x : results)
    if (!x.skipped.empty())
      skipped.insert(x.check);
  CHECK(skipped
        == std::set<std::string>{"concurrent-commits-are-all-kept",
                                 "oversized-blobs-are-refused"});
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
