// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "backends/file_tools.hpp"
#include "backends/known_skip.hpp"
#include "backends/small_disk.hpp"
#include "temp_dir.hpp"

#include "larder/compliance.hpp"
#include "larder/registry.hpp"

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

template <class Path>
compliance_options options_in(Path path, const std::string& sync) {
  compliance_options result;
  result.subject = **backend_registry{}.find("lmdb");
  result.fresh_uri = [=, n = 0]() mutable {
    return uri{"lmdb", {}, path(std::to_string(++n)), {{"sync", sync}}};
  };
  result.describe_medium = describe;
  result.max_blob_size = size_t{1} << 20;
  result.child_command = {LARDER_COMPLIANCE_CHILD};
  result.rounds = sync == "on" ? 5 : 20;
  return result;
}

void check_complies(const std::string& sync) {
  CAPTURE(sync);
  temp_dir tmp;
  auto path = [&](const std::string& name) { return tmp / name; };
  auto results = run_compliance(options_in(path, sync));
  CHECK(describe_violations(results) == "");
  CHECK(results.size() == compliance_checks().size());
  for (auto& x : results) {
    CAPTURE(x.check, x.skipped);
    CHECK(is_known_skip(x.skipped));
  }
  CHECK(files_below(tmp.path().string()).empty());
}

} // namespace

TEST_CASE("the LMDB engine passes the compliance suite with sync") {
  check_complies("on");
}

TEST_CASE("the LMDB engine passes the compliance suite without sync") {
  check_complies("off");
}

TEST_CASE("the LMDB engine survives a full disk") {
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
