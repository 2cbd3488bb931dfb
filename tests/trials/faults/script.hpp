// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The fixed script of operations during which system calls fail.

#pragma once

#include "trials/faults/injector.hpp"
#include "trials/oracle.hpp"

#include "larder/backend.hpp"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace trials {

/// Creates a store, writes in all ways there are, reads, lists, closes, reopens
/// and goes on; keeps account of what each key may hold and judges each answer.
class fault_script {
public:
  /// @param dir an empty directory that will have nothing but the store
  fault_script(std::string uri, std::string dir,
               std::optional<fault_plan> plan);

  /// Runs the script with faults, then looks at the store without any.
  violations run();

private:
  /// Mutations that belong together, and what they are to do.
  struct operation {
    std::vector<larder::mutation> mutations;
    std::vector<change> changes;
    uint64_t number = 0;
    /// Whether its condition does not hold.
    bool must_be_refused = false;
  };

  // -- phases -----------------------------------------------------------------

  void create();
  void reopen();
  void close();
  void write_first();
  void write_more();
  void write_again();
  void examine_all();

  // -- operations; none does anything without an open store -------------------

  void put(const std::string& key, size_t size);
  void put_if_same(const std::string& key, size_t size);
  void put_if_other(const std::string& key);
  void erase(const std::string& key);
  void put_group(const std::vector<std::string>& puts,
                 const std::string& erased);
  void put_batch(const std::vector<std::string>& keys);
  void put_staged(const std::string& key, size_t size);
  void read_all();
  void list_all();

  // -- judging ----------------------------------------------------------------

  void begin(std::string what);
  operation make_put(const std::string& key, size_t size);
  std::optional<version> read_version(const std::string& key);
  larder::expected<std::shared_ptr<larder::staged_blob>>
  stage(const std::string& key, larder::bytes_view blob, size_t prefix_size);
  void commit(std::vector<operation> operations);
  void judge(const operation& x,
             std::span<const larder::commit_outcome> outcomes);
  void judge_found(const contents& found);
  void judge_failure(const larder::error& err, bool may_fail);
  bool is_failing_now() const;
  bool has_failed_since_opening() const;
  bool cannot_read() const;
  void complain(std::string kind, const std::string& what);

  std::string uri_;
  std::string dir_;
  std::optional<fault_plan> plan_;
  oracle oracle_;
  violations violations_;
  std::unique_ptr<larder::backend> store_;
  /// Whether the store must exist.
  bool created_ = false;
  version last_version_ = 0;
  uint64_t last_operation_ = 0;
  /// The current operation, for messages.
  std::string doing_;
  /// How many calls had failed when it began, and when the store was opened.
  uint64_t fired_before_ = 0;
  uint64_t fired_at_opening_ = 0;
};

} // namespace trials
