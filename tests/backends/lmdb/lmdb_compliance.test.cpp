// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "backends/file_tools.hpp"
#include "temp_dir.hpp"

#include "larder/compliance.hpp"
#include "larder/registry.hpp"

#include <set>

using namespace file_tools;

namespace {

/// Names of all files below a store's directory and the content of the data.
/// LMDB's lock file is left alone: closing it would end LMDB's locks, and every
/// opener writes into it.
std::string describe(const uri& x) {
  std::string result;
  if (!std::filesystem::exists(x.path))
    return "nothing";
  for (auto& name : files_below(x.path)) {
    result += name + "\n";
    if (name == "larder.mdb")
      result += slurp(x.path + "/" + name) + "\n";
  }
  return result;
}

void check_complies(const std::string& sync) {
  CAPTURE(sync);
  temp_dir tmp;
  int counter = 0;
  compliance_options options;
  backend_registry registry;
  options.subject = **registry.find("lmdb");
  options.fresh_uri = [&] {
    uri result;
    result.scheme = "lmdb";
    result.path = tmp / std::to_string(++counter);
    result.options = {{"sync", sync}};
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
  CHECK(skipped == std::set<std::string>{"oversized-blobs-are-refused"});
  CHECK(files_below(tmp.path().string()).empty());
}

} // namespace

TEST_CASE("the LMDB engine passes the compliance suite with sync") {
  check_complies("on");
}

TEST_CASE("the LMDB engine passes the compliance suite without sync") {
  check_complies("off");
}
