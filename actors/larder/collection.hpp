// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Removing what nothing refers to any more, from code that is not an actor;
/// docs/collection.md has the rules. Actors send the requests of
/// messages/collection.hpp themselves.

#pragma once

#include "larder/blocking_client.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace larder {

// -- sweeps -------------------------------------------------------------------

/// Gives the next keys to keep, none at the end.
using key_source = std::function<expected<std::vector<value>>()>;

/// Gives out keys that are there already.
key_source make_key_source(std::vector<value> keys);

/// What to sweep; see begin_sweep_request for the fields of the same name. At
/// least one of `keep`, `references` and `predicate` must be there.
struct sweep_options {
  std::optional<int64_t> before;

  /// Called when the sweep has begun, from the caller's thread.
  key_source keep;

  /// Keeps what can be reached from `roots` by the named function `references`
  /// (see mark_request).
  std::vector<value> roots;
  std::string references;
  std::vector<value> reference_arguments;

  std::string predicate;
  std::vector<value> arguments;

  bool dry_run = false;

  /// Where to go on: `sweep_summary::next` of a sweep that was stopped or
  /// failed.
  std::string after;

  /// How many keys to examine per request.
  uint64_t page_size = 1000;
};

/// What a sweep has done so far.
struct sweep_summary {
  uint64_t examined = 0;
  uint64_t deleted = 0;
  uint64_t kept = 0;
  uint64_t young = 0;
  uint64_t undecided = 0;
  /// Keys reached by marking, and those of them that do not exist.
  uint64_t marked = 0;
  uint64_t missing = 0;
  /// What was written at this time or later was spared, ms since 1970.
  int64_t cutoff = 0;
  /// Where to go on; empty: it is done.
  std::string next;
};

/// Is told of each page, and of each step of marking with an empty page.
/// Returns whether to go on.
using sweep_observer
  = std::function<bool(const sweep_page_reply&, const sweep_summary&)>;

/// Makes a whole sweep. What an observer has been told of has happened, also if
/// the sweep fails later.
expected<sweep_summary> sweep(blocking_client& client,
                              const sweep_options& options,
                              const sweep_observer& observer = {});

// -- publications -------------------------------------------------------------

/// Protects what is written while it is open from sweeps, and renews its lease
/// by itself. One thread at a time.
class publication {
public:
  /// Opens a publication and waits until it is.
  /// @param store a store (store.hpp) or a connection to one (remote.hpp)
  /// @param lease see begin_publication_request
  static expected<publication> begin(caf::actor_system& sys, caf::actor store,
                                     std::chrono::milliseconds lease
                                     = std::chrono::seconds{30});

  publication(publication&&) noexcept;

  publication& operator=(publication&&) = delete;

  /// Gives it up if it has not ended.
  ~publication();

  /// No cutoff of a sweep passes this time, ms since 1970.
  int64_t stamp() const noexcept {
    return stamp_;
  }

  /// Whether it is known to be lost: it could not be renewed in time, and a
  /// sweep went past it. What was written must be written again.
  bool lost() const noexcept {
    return *lost_;
  }

  /// Ends it, after the pointer to what was written is durable.
  /// @returns `not_found` if it was lost: publish again
  expected<void> end();

private:
  publication(std::unique_ptr<blocking_client> client, caf::actor renewer,
              const begin_publication_reply& reply,
              std::shared_ptr<std::atomic<bool>> lost);

  std::unique_ptr<blocking_client> client_;
  caf::actor renewer_;
  uint64_t id_;
  int64_t stamp_;
  std::shared_ptr<std::atomic<bool>> lost_;
};

} // namespace larder
