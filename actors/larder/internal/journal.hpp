// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// How a store writes to its log.

#pragma once

#include "larder/logging.hpp"

#include <array>
#include <memory>
#include <string_view>
#include <vector>

namespace larder::internal {

/// Sees to it that keys do not get into the log unless that is asked for. Any
/// thread may use the same journal. Callers ask `on` before they collect what
/// there is to tell: when there is no log, that is all it costs.
class journal {
public:
  journal(std::shared_ptr<log_sink> sink, bool show_keys);

  bool on() const noexcept {
    return sink_ != nullptr;
  }

  /// @pre `on()`
  void write(log_level level, std::string_view name,
             const std::vector<log_field>& fields) const;

  /// A key, or in its place a short hash: as long as the journal lives the same
  /// for the same key.
  log_field key(const value& x) const;

  /// What is known of an error. Its message may name keys: without them only
  /// the reason that the system gave is told.
  std::vector<log_field> with_error(std::vector<log_field> fields,
                                    const error& err) const;

private:
  std::shared_ptr<log_sink> sink_;
  bool show_keys_;
  std::array<std::byte, 16> salt_;
};

} // namespace larder::internal
