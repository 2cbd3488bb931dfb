// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/compliance.hpp"

#include "larder/detail/compliance_checks.hpp"

#include <algorithm>

namespace larder {

namespace {

std::vector<detail::compliance_check> all_checks() {
  std::vector<detail::compliance_check> result;
  for (auto group : {
         detail::lifecycle_checks(),
         detail::opener_checks(),
         detail::reading_checks(),
         detail::writing_checks(),
         detail::group_checks(),
         detail::content_checks(),
         detail::key_checks(),
         detail::limit_checks(),
         detail::failure_checks(),
         detail::listing_checks(),
         detail::staging_checks(),
         detail::snapshot_checks(),
         detail::concurrency_checks(),
         detail::process_checks(),
       })
    result.insert(result.end(), group.begin(), group.end());
  return result;
}

compliance_result run(const detail::compliance_check& check,
                      const compliance_options& options) {
  compliance_result result;
  result.check = check.name;
  if (auto i = options.deviations.find(result.check);
      i != options.deviations.end()) {
    result.skipped = i->second;
    return result;
  }
  detail::trial trial{options};
  detail::guarded(trial, [&] { check.run(trial); });
  result.violations = trial.take_violations();
  result.skipped = trial.skipped();
  result.figures = trial.take_figures();
  return result;
}

} // namespace

std::vector<std::string> compliance_checks() {
  std::vector<std::string> result;
  for (auto& x : all_checks())
    result.emplace_back(x.name);
  return result;
}

std::vector<compliance_result> run_compliance(const compliance_options& options,
                                              std::string_view only) {
  std::vector<compliance_result> result;
  auto checks = all_checks();
  auto is_known = [&](std::string_view name) {
    return std::any_of(checks.begin(), checks.end(),
                       [&](auto& x) { return x.name == name; });
  };
  for (auto& [name, reason] : options.deviations)
    if (!is_known(name))
      result.push_back({name, {"a deviation from an unknown check"}, {}, {}});
  if (!only.empty() && !is_known(only))
    result.push_back({std::string{only}, {"there is no such check"}, {}, {}});
  for (auto& x : checks)
    if (only.empty() || x.name == only)
      result.push_back(run(x, options));
  return result;
}

std::string describe_violations(const std::vector<compliance_result>& results) {
  std::string result;
  for (auto& x : results)
    for (auto& violation : x.violations)
      result += x.check + ": " + violation + "\n";
  return result;
}

bytes make_test_blob(const revision& rev, bytes_view metadata,
                     bytes_view value) {
  header hdr;
  hdr.rev = rev;
  hdr.metadata_size = static_cast<uint32_t>(metadata.size());
  hdr.value_size = value.size();
  bytes result;
  result.reserve(header::size_v2 + metadata.size() + value.size());
  hdr.encode(result);
  append(result, metadata);
  append(result, value);
  return result;
}

} // namespace larder
