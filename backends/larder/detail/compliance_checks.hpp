// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The checks of the compliance suite, by topic.

#pragma once

#include "larder/detail/compliance_trial.hpp"

#include <span>

namespace larder::detail {

struct compliance_check {
  std::string_view name;
  void (*run)(trial&);
};

std::span<const compliance_check> lifecycle_checks();
std::span<const compliance_check> opener_checks();
std::span<const compliance_check> content_checks();
std::span<const compliance_check> limit_checks();
std::span<const compliance_check> failure_checks();
std::span<const compliance_check> reading_checks();
std::span<const compliance_check> writing_checks();
std::span<const compliance_check> group_checks();
std::span<const compliance_check> key_checks();
std::span<const compliance_check> listing_checks();
std::span<const compliance_check> staging_checks();
std::span<const compliance_check> snapshot_checks();
std::span<const compliance_check> concurrency_checks();
std::span<const compliance_check> process_checks();

} // namespace larder::detail
