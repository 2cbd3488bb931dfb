// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The actors of the tour that use the store. Each runs by itself, keeps many
/// requests under way, checks every answer, and reports when it is done.

#pragma once

#include "tables.hpp"

#include "larder/actor_types.hpp"

#include <cstdint>
#include <future>
#include <map>
#include <string>
#include <vector>

namespace tour {

/// What an actor has done and seen.
struct report {
  /// Requests that were answered.
  size_t requests = 0;

  /// Whatever was not as it must be, in words.
  std::vector<std::string> problems;

  /// Of a visitor: the numbers that it was given, by key.
  std::map<larder::value, std::vector<int64_t>> visits;

  /// Of an auditor: the size of all blobs as they are stored.
  uint64_t stored_bytes = 0;
};

/// Writes all records, as new ones.
std::future<report> spawn_importer(caf::actor_system& sys, caf::actor store,
                                   const std::vector<record>& records);

/// Visits records at random, some of them very often: reads the name by path,
/// then counts the visit inside the record.
std::future<report> spawn_visitor(caf::actor_system& sys, caf::actor store,
                                  const std::vector<record>& records,
                                  size_t visits, unsigned seed);

/// Reads every record and checks it against what it must be, then has the store
/// check every byte of what is stored for it.
std::future<report>
spawn_auditor(caf::actor_system& sys, caf::actor store,
              const std::map<larder::value, larder::value>& wanted);

} // namespace tour
