// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/konserve/migration.hpp"
#include "larder/detail/konserve/store.hpp"
#include "larder/detail/konserve/window.hpp"
#include "larder/konserve/migration.hpp"

#include <algorithm>

namespace larder {

namespace detail::ksv {

namespace {

using konserve::migration_counts;

/// How many values are moved at once, between two reports.
constexpr size_t step_size = 128;

void count(const relocation& x, migration_counts& counts) {
  if (!x.outcome)
    counts.failed.emplace_back(x.from.relative(), x.outcome.error());
  else if (*x.outcome)
    ++counts.moved;
  else
    ++counts.removed;
}

/// Moves some files that stand in order.
void move_some(store_state& state, std::span<const file_id> files,
               migration_counts& counts) {
  std::vector<relocation> moves;
  for (auto& x : files) {
    ++counts.found;
    moves.emplace_back(x);
  }
  lock_and_move_all(state, moves);
  for (auto& x : moves)
    if (!x.outcome && x.outcome.error() == errc::unsupported
        && x.from.role == file_role::v1_binary)
      ++counts.unnamed;
    else
      count(x, counts);
}

} // namespace

expected<migration_counts>
migrate_all(store_state& state,
            const std::function<bool(const migration_counts&)>& progress) {
  migration_counts result;
  std::optional<file_id> after;
  for (auto last = false; !last;) {
    scan_counts seen;
    auto window
      = scan(*state.ops, state.config.dir, after, window_size, seen, true);
    if (!window)
      return fail(window.error());
    last = window->last;
    for (std::span<const file_id> rest{window->files}; !rest.empty();) {
      auto some = rest.first(std::min(rest.size(), step_size));
      rest = rest.subspan(some.size());
      after = some.back();
      move_some(state, some, result);
      if (progress && !progress(result))
        return result;
    }
  }
  // Only when they are empty.
  for (auto folder : {"data", "meta"})
    state.ops->remove_directory(state.path(folder));
  return result;
}

} // namespace detail::ksv

expected<konserve::migration_counts> konserve::migrate(
  uri where, const std::function<bool(const migration_counts&)>& progress) {
  using namespace detail::ksv;
  if (where.scheme != "konserve")
    return fail(errc::invalid_argument,
                "only konserve stores are migrated, not " + where.scheme + ":");
  for (auto name : {"serializer", "compressor"})
    where.take(name);
  auto config = parse_config(std::move(where));
  if (!config)
    return fail(config.error());
  auto state
    = open_state(std::move(*config), std::make_shared<detail::file_ops>());
  if (!state)
    return fail(state.error());
  return migrate_all(**state, progress);
}

} // namespace larder
