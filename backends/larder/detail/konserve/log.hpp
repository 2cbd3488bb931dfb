// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Append logs as konserve keeps them: a chain of nodes, one per entry, each in
/// a blob under a random UUID, and a head `[:append-log last first]` under the
/// log's key.
///
/// The head says what is in the log: a node behind its last one was not
/// appended to the end, or is being appended. An empty log, which konserve does
/// not make but understands, has a head with two nils.

#pragma once

#include "larder/detail/konserve/blob.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace larder::detail::ksv {

/// What a head refers to.
struct log_ends {
  std::optional<uuid> last;
  std::optional<uuid> first;

  value to_value() const;

  /// @returns `corruption` if it is no head
  static expected<log_ends> from_value(const value& x);
};

/// What a node holds.
struct log_node {
  std::optional<uuid> next;
  value element;

  value to_value() const;

  /// @returns `corruption` if it is no node
  static expected<log_node> from_value(const value& x);
};

/// A log with all its entries.
struct stored_log {
  uuid id;                    ///< names the log for as long as it lives
  uint64_t begin = 0;         ///< the position of the first entry
  std::vector<uuid> nodes;    ///< their ids, in order
  std::vector<value> entries; ///< as many

  uint64_t end() const noexcept {
    return begin + entries.size();
  }

  /// The head of a log as the layers above know it (docs/format.md), with all
  /// entries in its tail.
  value to_value() const;

  /// The inverse, without nodes.
  /// @returns `unsupported` for a log of which there is more than the head,
  ///          `corruption` if it is no log
  static expected<stored_log> from_value(const value& x);
};

/// Checks that a blob is where it belongs: in the file of a key that its
/// metadata can mean, or, if it is the node of a log, anywhere.
/// @returns `corruption`
expected<void> check_file_name(const store_state& state, const stored_blob& x);

/// Returns the id in the name of a node's file.
uuid node_blob_id(const uuid& node);

/// Reads the nodes of a log.
/// @param content the value of `head`
/// @returns `corruption` for heads and nodes that make no log, and for nodes
///          that are missing or another log's
expected<stored_log> read_log(const store_state& state, const stored_blob& head,
                              const value& content);

/// A node as it is stored.
struct found_node {
  stored_blob blob;
  log_node content;
};

/// Reads a node of the log with a key.
/// @returns nothing if it is missing, `corruption` if it is another log's
expected<std::optional<found_node>> read_node(const store_state& state,
                                              const value& key, const uuid& id);

} // namespace larder::detail::ksv
