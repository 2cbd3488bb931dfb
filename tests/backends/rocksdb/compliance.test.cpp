// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/compliance.hpp"

#include "backends/known_skip.hpp"
#include "backends/rocksdb/rocks_tools.hpp"

using namespace rocks_tools;

namespace {

void check_complies(const std::map<std::string, std::string>& query) {
  CAPTURE(query);
  temp_dir tmp;
  int counter = 0;
  compliance_options options;
  backend_registry registry;
  options.subject = **registry.find("rocksdb");
  options.fresh_uri = [&] {
    return uri{"rocksdb", {}, tmp / std::to_string(++counter), query};
  };
  options.describe_medium = [](const uri& x) { return describe(x.path); };
  options.max_blob_size = size_t{1} << 20;
  options.child_command = {LARDER_COMPLIANCE_CHILD};
  options.rounds = 20;
  auto results = run_compliance(options);
  CHECK(describe_violations(results) == "");
  CHECK(results.size() == compliance_checks().size());
  for (auto& x : results) {
    CAPTURE(x.check, x.skipped);
    CHECK(is_known_skip(x.skipped));
  }
  CHECK(std::filesystem::is_empty(tmp.path()));
}

} // namespace

TEST_CASE("the rocksdb engine passes the compliance suite with sync") {
  check_complies({});
}

TEST_CASE("the rocksdb engine passes the compliance suite without sync") {
  check_complies({{"sync", "off"}});
}

TEST_CASE("the rocksdb engine passes the compliance suite when it compresses") {
  check_complies({{"compression", "zstd"},
                  {"sync", "off"},
                  {"write-buffer", "1048576"},
                  {"cache", "1048576"},
                  {"max-open-files", "16"}});
}
