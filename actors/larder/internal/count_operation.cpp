// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/count_operation.hpp"

#include <vector>

namespace larder::internal {

namespace {

void log_slow(const journal& log, op_kind what, uint64_t microseconds,
              const value* key, size_t keys) {
  std::vector<log_field> fields{{"operation", to_string(what)}};
  if (key != nullptr)
    fields.push_back(log.key(*key));
  else if (keys > 0)
    fields.push_back({"keys", keys});
  fields.push_back({"milliseconds", static_cast<double>(microseconds) / 1000});
  log.write(log_level::warning, "slow", fields);
}

} // namespace

void count_operation(store_context& ctx, actor_statistics& stats, op_kind what,
                     bool failed, uint64_t microseconds, const value* key,
                     size_t keys) {
  stats.operations[static_cast<size_t>(what)].add(failed, microseconds);
  auto limit = ctx.slow_after();
  if (limit == 0 || microseconds < limit)
    return;
  stats.slow.add();
  if (auto& log = ctx.log(); log.on())
    log_slow(log, what, microseconds, key, keys);
}

} // namespace larder::internal
