// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/konserve/log.hpp"
#include "larder/detail/konserve/log_change.hpp"
#include "larder/detail/konserve/names.hpp"

#include <algorithm>
#include <ranges>
#include <set>

namespace larder::detail::ksv {

namespace {

/// Adds the nodes from `start` on, up to one that is not there or that is in
/// `end`.
void follow(const store_state& state, const value& key,
            std::optional<uuid> start, const std::set<uuid>& end,
            std::vector<uuid>& found) {
  std::set<uuid> seen;
  while (start && !end.contains(*start) && seen.insert(*start).second) {
    auto node = read_node(state, key, *start);
    if (!node || !*node)
      return;
    found.push_back(*start);
    start = (*node)->content.next;
  }
}

expected<stored_log> current_log(const store_state& state,
                                 const stored_blob& holder) {
  return holder.decode_value(state).and_then(
    [&](const value& content) { return read_log(state, holder, content); });
}

/// Returns whether `next` can be had from `old` by appending and truncating.
bool continues(const stored_log& old, const stored_log& next) {
  if (old.id != next.id || next.begin < old.begin || next.begin > old.end()
      || next.end() < old.end())
    return false;
  auto kept = std::span{old.entries}.subspan(next.begin - old.begin);
  return std::ranges::equal(kept, std::span{next.entries}.first(kept.size()));
}

/// Makes the blobs of one log.
class planner {
public:
  planner(const store_state& state, const uuid& id, const value& key,
          const incoming_blob& x, const std::optional<stored_blob>& holder)
    : state_(state), id_(id), key_(key), incoming_(x), holder_(holder) {
    layout_.serializer_id = x.serializer_id;
    layout_.compressor_id = x.compressor_id;
  }

  expected<log_plan> run() {
    auto next = decode_value(state_, incoming_).and_then([](const value& x) {
      return stored_log::from_value(x);
    });
    if (!next)
      return fail(next.error());
    std::optional<stored_log> old;
    if (holder_ && holder_->is_log())
      if (auto log = current_log(state_, *holder_))
        old = std::move(*log);
    if (!old || !continues(*old, *next)) {
      plan_.unlinked = nodes_of(state_, holder_);
      return make(*next, 0, std::nullopt);
    }
    // Their first entries go, those in the middle stay, the last ones come.
    auto gone = static_cast<ptrdiff_t>(next->begin - old->begin);
    auto first_kept = old->nodes.begin() + gone;
    plan_.unlinked.assign(old->nodes.begin(), first_kept);
    next->nodes.assign(first_kept, old->nodes.end());
    follow(state_, key_, holder_->own.unlinked,
           {next->nodes.begin(), next->nodes.end()}, plan_.unlinked);
    auto last_kept = next->nodes.empty() ? std::nullopt
                                         : std::optional{next->nodes.back()};
    return make(*next, next->nodes.size(), last_kept);
  }

private:
  /// @param kept how many entries have their nodes
  expected<log_plan> make(stored_log& log, size_t kept,
                          const std::optional<uuid>& last_kept) {
    while (log.nodes.size() < log.entries.size())
      log.nodes.push_back(uuid::random());
    for (auto i = kept; i < log.nodes.size(); ++i)
      if (auto ok = add_node(log, i); !ok)
        return fail(ok.error());
    if (last_kept && kept < log.nodes.size())
      if (auto ok = add_link(*last_kept, log.nodes[kept]); !ok)
        return fail(ok.error());
    return make_head(log);
  }

  expected<void> add_node(const stored_log& log, size_t i) {
    log_node node;
    node.element = log.entries[i];
    if (i + 1 < log.nodes.size())
      node.next = log.nodes[i + 1];
    metadata meta;
    meta.key = key_;
    meta.type = content_type::append_log;
    meta.last_write = incoming_.meta.last_write;
    auto id = node_blob_id(log.nodes[i]);
    auto data = make_blob(state_, id, layout_, stored_metadata(meta, {}),
                          node.to_value());
    if (!data)
      return fail(data.error());
    plan_.nodes.push_back({id, std::move(*data)});
    return {};
  }

  expected<void> add_link(const uuid& from, const uuid& to) {
    auto node = read_node(state_, key_, from);
    if (!node)
      return fail(node.error());
    if (!*node)
      return fail(errc::corruption,
                  "the node " + to_string(from) + " is missing");
    (*node)->content.next = to;
    auto meta = (*node)->blob.meta;
    meta.key = key_;
    meta.rev = {};
    meta.last_write = incoming_.meta.last_write;
    auto id = node_blob_id(from);
    auto data = make_blob(state_, id, layout_, stored_metadata(meta, {}),
                          (*node)->content.to_value());
    if (!data)
      return fail(data.error());
    plan_.link = planned_blob{id, std::move(*data)};
    return {};
  }

  expected<log_plan> make_head(const stored_log& log) {
    log_ends ends;
    if (!log.nodes.empty())
      ends = {log.nodes.back(), log.nodes.front()};
    private_metadata own;
    own.log = log.id;
    own.log_begin = log.begin;
    if (!plan_.unlinked.empty())
      own.unlinked = plan_.unlinked.front();
    auto head = make_blob(state_, id_, layout_,
                          stored_metadata(incoming_.meta, own),
                          ends.to_value());
    if (!head)
      return fail(head.error());
    plan_.head = std::move(*head);
    return std::move(plan_);
  }

  const store_state& state_;
  const uuid& id_;
  const value& key_;
  const incoming_blob& incoming_;
  const std::optional<stored_blob>& holder_;
  blob_layout layout_;
  log_plan plan_;
};

} // namespace

expected<log_plan> plan_log(const store_state& state, const uuid& id,
                            const value& key, const incoming_blob& x,
                            const std::optional<stored_blob>& holder) {
  return planner{state, id, key, x, holder}.run();
}

std::vector<uuid> nodes_of(const store_state& state,
                           const std::optional<stored_blob>& holder) {
  std::vector<uuid> result;
  if (!holder)
    return result;
  auto& key = holder->meta.key;
  if (holder->is_log()) {
    auto ends = holder->decode_value(state).and_then(log_ends::from_value);
    if (ends)
      follow(state, key, ends->first, {}, result);
  }
  follow(state, key, holder->own.unlinked, {result.begin(), result.end()},
         result);
  return result;
}

void remove_nodes(const store_state& state, const std::vector<uuid>& nodes) {
  for (auto& x : std::views::reverse(nodes))
    state.ops->unlink(state.path(blob_name(node_blob_id(x))));
}

} // namespace larder::detail::ksv
