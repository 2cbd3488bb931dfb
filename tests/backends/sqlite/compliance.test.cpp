// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/compliance.hpp"

#include "backends/sqlite/sqlite_tools.hpp"

#include <set>

using namespace sqlite_tools;

namespace {

/// Names of all files of a store and what is in them; not the index of the log,
/// which is only for those who have the store open.
std::string describe(const uri& x) {
  std::string result;
  for (auto suffix : {"", "-wal", "-shm", "-journal", "-stages"}) {
    auto path = x.path + suffix;
    if (!std::filesystem::exists(path))
      continue;
    result += path + "\n";
    // Not read, as closing it would end SQLite's locks, but any write shows.
    if (suffix == std::string_view{})
      result += std::to_string(
        std::filesystem::last_write_time(path).time_since_epoch().count());
    if (suffix == std::string_view{"-wal"})
      result += slurp(path) + "\n";
  }
  return result;
}

void check_complies(const std::string& sync) {
  temp_dir tmp;
  int counter = 0;
  compliance_options options;
  backend_registry registry;
  options.subject = **registry.find("sqlite");
  options.fresh_uri = [&] {
    auto result = uri_of(tmp / std::to_string(++counter));
    result.options = {{"sync", sync}};
    return result;
  };
  options.describe_medium = describe;
  options.max_blob_size = size_t{2} << 20;
  options.rounds = sync == "on" ? 5 : 20;
  auto results = run_compliance(options);
  CHECK(describe_violations(results) == "");
  CHECK(results.size() == compliance_checks().size());
  std::set<std::string> skipped;
  for (auto& x : results)
    if (!x.skipped.empty())
      skipped.insert(x.check);
  CHECK(skipped == std::set<std::string>{"oversized-blobs-are-refused"});
  CHECK(std::filesystem::is_empty(tmp.path()));
}

} // namespace

TEST_CASE("the SQLite engine passes the compliance suite with sync") {
  check_complies("on");
}

TEST_CASE("the SQLite engine passes the compliance suite without sync") {
  check_complies("off");
}
