// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/compliance.hpp"

#include "backends/file_tools.hpp"
#include "backends/known_skip.hpp"
#include "backends/konserve/disguise.hpp"
#include "temp_dir.hpp"

using namespace larder;

namespace {

/// Names and contents of all files below a store's directory.
std::string describe(const uri& x) {
  std::string result;
  if (!std::filesystem::exists(x.path))
    return "nothing";
  for (auto& name : file_tools::files_below(x.path))
    result += name + ": " + file_tools::slurp(x.path + "/" + name) + "\n";
  return result;
}

void check_complies(std::map<std::string, std::string> uri_options) {
  temp_dir tmp;
  compliance_options options;
  options.subject = test::disguised_konserve();
  options.fresh_uri = [&, n = 0]() mutable {
    return uri{
      "disguised-konserve", {}, tmp / std::to_string(++n), uri_options};
  };
  options.describe_medium = describe;
  options.max_blob_size = size_t{256} << 10;
  options.rounds = 3;
  options.child_command = {LARDER_COMPLIANCE_CHILD};
  auto results = run_compliance(options);
  CHECK(describe_violations(results) == "");
  CHECK(results.size() == compliance_checks().size());
  for (auto& x : results) {
    INFO(x.check << ": " << x.skipped);
    CHECK((is_known_skip(x.skipped)
           || x.skipped.find("not declared") != std::string::npos));
  }
  CHECK(file_tools::files_below(tmp.path().string()).empty());
}

} // namespace

TEST_CASE("the engine konserve passes the compliance suite") {
  check_complies({{"sync", "on"}});
}

TEST_CASE("the engine konserve passes the compliance suite when it encrypts") {
  check_complies({{"sync", "off"}, {"key", std::string(64, '1')}});
}
