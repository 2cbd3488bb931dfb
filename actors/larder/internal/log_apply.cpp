// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/log_apply.hpp"

#include "larder/internal/apply.hpp"
#include "larder/internal/context.hpp"
#include "larder/text.hpp"

#include <algorithm>
#include <utility>

namespace larder::internal {

namespace {

/// As many segments go in the commit that makes them garbage; of more it writes
/// a record, so that no commit is too large.
constexpr uint64_t max_erased_at_once = 256;

/// A null `blob` erases.
void set_side(entry& state, std::string key,
              std::shared_ptr<const bytes> blob) {
  auto i = std::find_if(state.side.begin(), state.side.end(),
                        [&](const side_mutation& x) { return x.key == key; });
  if (i != state.side.end())
    i->blob = std::move(blob);
  else
    state.side.push_back({std::move(key), std::move(blob), {}});
}

/// Has a hidden blob written with the next commit.
expected<void> put_side(entry& state, std::string key, const metadata& log,
                        const value& content, const apply_context& ctx) {
  metadata meta;
  meta.key = log.key;
  meta.type = content_type::append_log;
  meta.last_write = log.last_write;
  meta.rev = log.rev;
  auto blob = encode_hidden(ctx.store.blobs(), key, meta, content);
  if (!blob)
    return fail(std::move(blob.error()));
  if (auto ok = check_blob_size(**blob, ctx.store); !ok)
    return ok;
  set_side(state, std::move(key), std::move(*blob));
  return {};
}

/// Has segments removed with the next commit, or after it.
expected<void> discard(entry& state, const log_garbage& what,
                       const metadata& log, const apply_context& ctx) {
  if (what.next - what.first > max_erased_at_once)
    return put_side(state, garbage_key(what), log, {}, ctx);
  for (auto i = what.first; i < what.next; ++i)
    set_side(state, segment_key(what.id, i), nullptr);
  return {};
}

/// Makes a head the content of a key.
void fill(entry& state, metadata meta, const log_head& head) {
  state.present = true;
  state.meta = std::move(meta);
  state.content = head.to_value();
  state.has_content = true;
}

expected<void> check_size(const append_request& req, size_t limit) {
  if (req.entries.empty())
    return fail(errc::invalid_argument, "there is nothing to append");
  size_t size = 0;
  for (auto& x : req.entries)
    size += x.footprint();
  if (size > limit)
    return fail(errc::limit_exceeded,
                "entries of " + std::to_string(size) + " bytes, at most "
                  + std::to_string(limit) + " are appended at once");
  return {};
}

} // namespace

expected<std::shared_ptr<const bytes>> encode_hidden(const chain& blobs,
                                                     const std::string& key,
                                                     const metadata& meta,
                                                     const value& content) {
  auto blob = blobs.encode(key, meta, content);
  if (!blob)
    return fail(std::move(blob.error()));
  return std::make_shared<const bytes>(std::move(*blob));
}

expected<void> check_takes_logs(const store_context& store) {
  if (store.caps().atomic_groups || store.caps().plain_blobs)
    return {};
  return fail(errc::unsupported,
              store.name()
                + " cannot commit several blobs as one, which append logs "
                  "need");
}

expected<void> check_blob_size(const bytes& blob, const store_context& store) {
  if (blob.size() <= store.caps().max_blob_size)
    return {};
  return fail(errc::limit_exceeded, "entries of " + std::to_string(blob.size())
                                      + " bytes are too large for "
                                      + store.name());
}

expected<log_head> open_log(const value& key, const entry& state, int64_t now) {
  if (!state.live(now))
    return fail(errc::not_found, "no such key: " + to_edn(key));
  if (!state.is_log())
    return fail(errc::wrong_type, to_edn(key) + " holds a "
                                    + (state.is_binary() ? "binary" : "value")
                                    + ", not an append log");
  auto result = log_head::from_value(state.content);
  if (!result)
    return fail(result.error().with_context(to_edn(key)));
  return result;
}

// -- appending ----------------------------------------------------------------

expected<append_reply> apply(const append_request& req, entry& state,
                             const apply_context& ctx, bool& changed) {
  auto& store = ctx.store;
  if (auto ok = check_takes_logs(store); !ok)
    return fail(std::move(ok.error()));
  if (auto ok = check_size(req, store.config().max_message_size); !ok)
    return fail(std::move(ok.error()));
  if (auto ok = check(req.condition, state, ctx.now); !ok)
    return fail(std::move(ok.error()));
  log_head head;
  auto after = state;
  if (state.live(ctx.now)) {
    auto opened = open_log(req.key, state, ctx.now);
    if (!opened)
      return fail(std::move(opened.error()));
    head = std::move(*opened);
  } else {
    head.id = uuid::random();
    if (auto ok = clear(after, ctx); !ok)
      return fail(std::move(ok.error()));
  }
  auto meta = next_metadata(req.key, state, content_type::append_log,
                            req.extras, req.ttl, false, ctx);
  if (!meta)
    return fail(std::move(meta.error()));
  append_reply reply{head.end, req.entries.size(), meta->rev};
  for (auto& x : add_entries(head, req.entries, !store.caps().plain_blobs))
    if (auto ok = put_side(after, segment_key(head.id, x.number), *meta,
                           x.content.to_value(), ctx);
        !ok)
      return fail(ok.error().with_context(to_edn(req.key)));
  fill(after, std::move(*meta), head);
  state = std::move(after);
  changed = true;
  return reply;
}

// -- restoring ----------------------------------------------------------------

expected<put_reply> apply(const commit_log& req, entry& state,
                          const apply_context& ctx, bool& changed) {
  if (auto ok = check(req.condition, state, ctx.now); !ok)
    return fail(std::move(ok.error()));
  auto meta = req.meta;
  if (!req.copied || !keeps_revision(meta, state))
    meta.rev = ctx.revisions.mint();
  if (state.present)
    meta.last_write = std::max(meta.last_write, state.meta.last_write);
  put_reply reply{meta.rev};
  auto after = state;
  if (auto ok = clear(after, ctx); !ok)
    return fail(std::move(ok.error()));
  if (req.lease)
    after.side.push_back({garbage_key(req.lease->first), nullptr,
                          precondition::matches(req.lease->second)});
  fill(after, std::move(meta), req.head);
  state = std::move(after);
  changed = true;
  return reply;
}

// -- removing -----------------------------------------------------------------

expected<std::optional<truncate_log_reply>>
apply(const truncate_log_request& req, const std::optional<segment_of_log>& at,
      entry& state, const apply_context& ctx, bool& changed) {
  if (auto ok = check(req.condition, state, ctx.now); !ok)
    return fail(std::move(ok.error()));
  auto head = open_log(req.key, state, ctx.now);
  if (!head)
    return fail(std::move(head.error()));
  if (req.position > head->end)
    return fail(errc::out_of_range, to_edn(req.key) + " ends at "
                                      + std::to_string(head->end)
                                      + ", it cannot be truncated at "
                                      + std::to_string(req.position));
  if (req.position <= head->begin)
    return truncate_log_reply{0, state.meta.rev};
  auto in_segment = req.position < head->tail_begin();
  if (in_segment
      && (!at || at->log != head->id || at->segment.number < head->first))
    return std::nullopt;
  auto meta = next_metadata(req.key, state, content_type::append_log, value{},
                            std::nullopt, false, ctx);
  if (!meta)
    return fail(std::move(meta.error()));
  truncate_log_reply reply{req.position - head->begin, meta->rev};
  auto after = state;
  log_garbage garbage{head->id, head->first, 0};
  auto shorter
    = remove_before(*head, req.position, in_segment ? &at->segment : nullptr);
  garbage.next = head->first;
  if (auto ok = discard(after, garbage, *meta, ctx); !ok)
    return fail(std::move(ok.error()));
  if (shorter)
    if (auto ok = put_side(after, segment_key(head->id, shorter->number), *meta,
                           shorter->content.to_value(), ctx);
        !ok)
      return fail(std::move(ok.error()));
  fill(after, std::move(*meta), *head);
  state = std::move(after);
  changed = true;
  return reply;
}

expected<void> clear(entry& state, const apply_context& ctx) {
  entry after;
  after.side = state.side;
  if (state.present && state.is_log())
    // A head that is damaged, or another program's, leads nowhere.
    if (auto head = log_head::from_value(state.content))
      if (auto ok = discard(after, {head->id, head->first, head->next},
                            state.meta, ctx);
          !ok)
        return ok;
  state = std::move(after);
  return {};
}

std::vector<log_garbage> garbage_of(const entry& state) {
  std::vector<log_garbage> result;
  for (auto& x : state.side)
    if (auto garbage = parse_garbage_key(x.key); garbage && x.blob)
      result.push_back(*garbage);
  return result;
}

} // namespace larder::internal
