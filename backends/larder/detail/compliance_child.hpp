// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The other process of the compliance suite and what both sides know of its
/// work.

#pragma once

#include "larder/detail/compliance_trial.hpp"

#include <sys/types.h>

namespace larder::detail {

// -- the process --------------------------------------------------------------

/// A child of this process, connected by its standard input and output. It is
/// killed in the end at the latest.
class child_process {
public:
  /// @returns `io_error` if there can be no such process
  static expected<std::unique_ptr<child_process>>
  start(const std::vector<std::string>& argv);

  ~child_process();

  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;

  /// Returns the next line without its end; nothing if the child has ended or
  /// is silent for a minute.
  std::optional<std::string> read_line();

  /// Sends a line; a child that is gone misses it.
  void write_line(std::string_view line);

  /// Sends SIGKILL and waits until the process is gone. What it has written
  /// before can still be read.
  void kill();

private:
  child_process(pid_t pid, int fd) : pid_(pid), fd_(fd) {
    // nop
  }

  pid_t pid_;
  int fd_;
  bool dead_ = false;
  std::string buffer_;
};

/// Starts the author's program with one of the scripts below on the store of a
/// check; skips the check if there is none.
std::unique_ptr<child_process> start_child(trial& t, std::string_view script,
                                           uint64_t number);

// -- scripts ------------------------------------------------------------------

/// Opens the store, says "open" or the error, and waits for the end of input.
constexpr std::string_view hold_script = "hold";

/// Carries out the batches of a `workload` and says the number of each that was
/// acknowledged, until it is killed.
constexpr std::string_view write_script = "write";

/// Reads the counter, says "ready", waits for a line, and then counts up so
/// many times. Says "conflicts N" in the end.
constexpr std::string_view count_script = "count";

/// Replaces the numbered group, from 1 on, until it is killed.
constexpr std::string_view groups_script = "groups";

// -- what writers write -------------------------------------------------------

/// Batches that follow from a seed: puts, erases, groups and staged blobs as
/// far as the engine takes them.
class workload {
public:
  workload(const capabilities& caps, uint64_t seed) : caps_(caps), seed_(seed) {
    // nop
  }

  /// Returns batch number `n`, with whole blobs in place of staged ones.
  std::vector<mutation> batch(uint64_t n) const;

  /// Carries out batch number `n`.
  expected<void> commit(backend& store, uint64_t n) const;

private:
  bool is_staged(uint64_t n) const;

  capabilities caps_;
  uint64_t seed_;
};

using contents = std::map<std::string, blob_ptr>;

/// Does to `to` what a mutation does to a store.
void carry_out(const mutation& x, contents& to);

/// A group that replaces eight keys by blobs with the number `x`.
std::vector<mutation> numbered_group(uint64_t x);

/// Reads the numbered group in several ways and expects that it is whole and
/// never goes back. @returns its number
uint64_t read_numbered_group(trial& t);

/// A blob that holds a number, with a revision of its own.
blob_ptr counter_blob(uint64_t x);

/// Returns the number, or nothing for any other blob.
std::optional<uint64_t> counter_of(bytes_view blob);

} // namespace larder::detail
