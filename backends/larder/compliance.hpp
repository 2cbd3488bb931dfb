// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Checks that an engine keeps the contract in backend.hpp and registry.hpp,
/// for authors of engines and without a test framework. Each capability is
/// checked both ways: what is declared works, what is not is refused.
///
/// Some checks need the author's help, and say so when they are skipped: a
/// program for other processes, a way to fill the medium, a description of it.
///
/// What the suite cannot see is the author's to test: that `durable` survives a
/// power cut, that `partial_reads` and pages are cheap, that `nonblocking`
/// never waits, and what becomes of damaged media.

#pragma once

#include "larder/bytes.hpp"
#include "larder/header.hpp"
#include "larder/registry.hpp"

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace larder {

struct compliance_options {
  /// The engine to check.
  engine subject;

  /// Returns where no store is yet, another place with each call. Every check
  /// begins there with a store of its own and destroys it in the end.
  std::function<uri()> fresh_uri;

  /// Describes all that is on the medium at a URI, such as the names and
  /// contents of all files. If set, the suite checks that opening, reading and
  /// listing change nothing.
  std::function<std::string(const uri&)> describe_medium;

  /// Fills the medium of the store at a URI, so that nothing that needs room
  /// can be written to it any more, or makes room again. It is called while the
  /// store is open, by the thread that runs the suite. If set, the suite checks
  /// that a write for which there is no room fails and leaves nothing, and that
  /// the store can be used when there is room again.
  std::function<void(const uri&, bool full)> fill_medium;

  /// A program and its first arguments that ends up in `compliance_child_main`;
  /// the suite appends what it should do. If set, the suite lets other
  /// processes open stores, races them against one another and kills them.
  std::vector<std::string> child_command;

  /// Names of checks that the engine is known not to pass, and why. They do not
  /// run, and the reason is reported.
  std::map<std::string, std::string> deviations;

  /// Greatest number of bytes to put into one blob.
  size_t max_blob_size = size_t{8} << 20;

  /// How often the checks with several threads repeat their race, at least 1.
  size_t rounds = 50;
};

/// What one check found out.
struct compliance_result {
  std::string check;

  /// What went against the contract; empty if nothing did. At most 20.
  std::vector<std::string> violations;

  /// Why the check did not run: a deviation, or a capability that is not there.
  std::string skipped;

  /// What the check has counted to show that it has tried hard: "conflicts" of
  /// writers that race, "kills" of writers, commits that were "acknowledged".
  std::map<std::string, uint64_t> figures;
};

/// Returns the names of all checks, in the order in which they run.
std::vector<std::string> compliance_checks();

/// Runs all checks, or the one named `only`. Blocks until done: seconds for an
/// engine that syncs, less for others. An engine that hangs hangs the suite.
/// @note a deviation or `only` that names no check is a violation
std::vector<compliance_result> run_compliance(const compliance_options& options,
                                              std::string_view only = {});

/// What the program of `child_command` does: takes the last three arguments as
/// the suite has appended them, opens a store by URI, works on it, and tells
/// the suite by the standard output (nothing else may be written there). May
/// never return, since the suite kills it.
/// @param engines knows the engine under test
/// @returns the exit code for the program
int compliance_child_main(const backend_registry& engines, int argc,
                          char** argv);

/// Returns one line per violation, `check: violation`; empty if there is none.
std::string describe_violations(const std::vector<compliance_result>& results);

/// Makes a blob as engines see it: a header of layout 2, metadata and value.
/// The checksums are zero because no engine looks at them.
bytes make_test_blob(const revision& rev, bytes_view metadata,
                     bytes_view value);

} // namespace larder
