// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/compliance.hpp"

#include "backends/known_skip.hpp"
#include "backends/small_disk.hpp"
#include "backends/sqlite/sqlite_tools.hpp"

#include <functional>

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

compliance_options options_in(std::function<std::string(std::string)> path,
                              const std::string& sync) {
  compliance_options result;
  result.subject = sqlite();
  result.fresh_uri = [=, n = 0]() mutable {
    return uri_of(path(std::to_string(++n)), {{"sync", sync}});
  };
  result.describe_medium = describe;
  result.max_blob_size = size_t{2} << 20;
  result.child_command = {LARDER_COMPLIANCE_CHILD};
  result.rounds = sync == "on" ? 5 : 20;
  return result;
}

void check_complies(const std::string& sync) {
  temp_dir tmp;
  auto path = [&](const std::string& name) { return tmp / name; };
  auto results = run_compliance(options_in(path, sync));
  CHECK(describe_violations(results) == "");
  CHECK(results.size() == compliance_checks().size());
  for (auto& x : results) {
    CAPTURE(x.check, x.skipped);
    CHECK(is_known_skip(x.skipped));
  }
  CHECK(std::filesystem::is_empty(tmp.path()));
}

} // namespace

TEST_CASE("the SQLite engine passes the compliance suite with sync") {
  check_complies("on");
}

TEST_CASE("the SQLite engine passes the compliance suite without sync") {
  check_complies("off");
}

TEST_CASE("the SQLite engine survives a full disk") {
  small_disk disk;
  auto path = [&](const std::string& name) { return disk / name; };
  auto options = options_in(path, "on");
  options.fill_medium = [&](const uri&, bool full) { disk.fill(full); };
  for (auto check : {"full-media-are-told", "full-media-recover"}) {
    auto results = run_compliance(options, check);
    CHECK(describe_violations(results) == "");
    CHECK(results[0].skipped == "");
    CHECK(results[0].figures["refused writes"] > 3);
  }
}
