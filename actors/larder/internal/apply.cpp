// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/apply.hpp"

#include "larder/chunks.hpp"
#include "larder/internal/call_function.hpp"
#include "larder/internal/context.hpp"
#include "larder/internal/log_apply.hpp"
#include "larder/text.hpp"

#include <algorithm>
#include <limits>

namespace larder::internal {

namespace {

tl::unexpected<error> missing(const value& key) {
  return fail(errc::not_found, "no such key: " + to_edn(key));
}

tl::unexpected<error> is_log(const value& key) {
  return fail(errc::wrong_type, to_edn(key)
                                  + " is an append log: use append, read_log, "
                                    "reduce_log and truncate_log, or erase it "
                                    "first");
}

/// Refuses what needs a value.
/// @param of_binary what to do about a binary instead
tl::unexpected<error> no_value(const value& key, const entry& state,
                               std::string_view of_binary) {
  if (state.is_log())
    return is_log(key);
  return fail(errc::wrong_type,
              to_edn(key) + " is a binary: " + std::string{of_binary});
}

/// When the key was last written, if it was.
int64_t last_write_of(const entry& state, int64_t otherwise) {
  return state.present ? state.meta.last_write : otherwise;
}

/// Puts a value where the old state was.
expected<void> replace(entry& state, metadata meta, value content,
                       const apply_context& ctx) {
  if (auto ok = clear(state, ctx); !ok)
    return ok;
  state.present = true;
  state.meta = std::move(meta);
  state.content = std::move(content);
  state.has_content = true;
  return {};
}

/// Puts a binary where the old state was.
expected<put_reply> replace(entry& state, metadata meta,
                            const shared_bytes& content,
                            const apply_context& ctx) {
  if (!content)
    return fail(errc::invalid_argument, "a write needs bytes");
  chunk_encoder enc{ctx.store.blobs(), ctx.encoded_key, meta};
  bytes chunks;
  if (auto ok = enc.update(*content, chunks); !ok)
    return fail(std::move(ok.error()));
  if (auto ok = enc.finish(chunks); !ok)
    return fail(std::move(ok.error()));
  auto blob = enc.prefix(meta.last_write);
  if (!blob)
    return fail(std::move(blob.error()));
  append(*blob, chunks);
  put_reply reply{meta.rev};
  if (auto ok = clear(state, ctx); !ok)
    return fail(std::move(ok.error()));
  state.present = true;
  state.meta = std::move(meta);
  state.new_blob = std::make_shared<const bytes>(std::move(*blob));
  return reply;
}

/// Removes a key, so that its revision and time of removal are known.
expected<void> remove(const value& key, entry& state,
                      const apply_context& ctx) {
  metadata last;
  last.key = key;
  last.rev = ctx.revisions.mint();
  last.last_write = std::max(ctx.store.stamp(), state.meta.last_write);
  if (auto ok = clear(state, ctx); !ok)
    return ok;
  state.meta = std::move(last);
  return {};
}

/// Changes the value of a key through a function of the whole path.
template <class Request>
expected<update_reply> update(const Request& req, entry& state,
                              const apply_context& ctx, bool& changed,
                              const update_fn& f) {
  if (auto ok = check(req.condition, state, ctx.now); !ok)
    return fail(std::move(ok.error()));
  auto live = state.live(ctx.now);
  if (live && !state.is_value())
    return no_value(req.key, state, "it can only be replaced as a whole");
  update_fn guarded = [&f](const value* old) { return call_function(f, old); };
  // A missing key is no value at all, not even nil.
  auto res = expected<update_result>{};
  if (live || !req.steps.empty()) {
    res = update_in(live ? state.content : value{}, req.steps, guarded);
  } else {
    auto after = guarded(nullptr);
    if (!after)
      return fail(std::move(after.error()));
    res->root = *after;
    res->after = std::move(*after);
  }
  if (!res)
    return fail(std::move(res.error()));
  auto meta = next_metadata(req.key, state, content_type::edn, value{}, req.ttl,
                            false, ctx);
  if (!meta)
    return fail(std::move(meta.error()));
  update_reply reply{std::move(res->before), std::move(res->after), meta->rev};
  if (auto ok = replace(state, std::move(*meta), std::move(res->root), ctx);
      !ok)
    return fail(std::move(ok.error()));
  changed = true;
  return reply;
}

} // namespace

// -- conditions and metadata --------------------------------------------------

expected<metadata> next_metadata(const value& key, const entry& state,
                                 content_type type, const value& extras,
                                 const time_to_live& ttl, bool whole,
                                 const apply_context& ctx) {
  auto live = state.live(ctx.now);
  metadata result;
  result.key = key;
  result.type = type;
  auto merged = merge_extras(live ? state.meta.extras : value::map(), extras);
  if (!merged)
    return fail(std::move(merged.error()));
  result.extras = std::move(*merged);
  auto expiry
    = make_expiry(ttl, live ? state.meta.expiry : std::nullopt, whole, ctx.now);
  if (!expiry)
    return fail(std::move(expiry.error()));
  result.expiry = *expiry;
  auto stamp = ctx.store.stamp();
  result.last_write = state.present ? std::max(stamp, state.meta.last_write)
                                    : stamp;
  result.rev = ctx.revisions.mint();
  return result;
}

expected<void> check_replaceable(const value& key, const entry& state,
                                 int64_t now) {
  if (state.live(now) && state.is_log())
    return is_log(key);
  return {};
}

expected<void> check(const write_condition& condition, const entry& state,
                     int64_t now) {
  auto live = state.live(now);
  if (condition.must_be_absent && live)
    return fail(errc::precondition_failed, to_edn(state.meta.key)
                                             + " exists, with revision "
                                             + to_string(state.meta.rev));
  if (!condition.must_match)
    return {};
  if (!live)
    return fail(errc::precondition_failed,
                "the key does not exist, so it has no revision "
                  + to_string(*condition.must_match));
  if (state.meta.rev != *condition.must_match)
    return fail(errc::precondition_failed,
                to_edn(state.meta.key) + " has revision "
                  + to_string(state.meta.rev) + ", not "
                  + to_string(*condition.must_match));
  return {};
}

expected<std::optional<int64_t>> make_expiry(const time_to_live& ttl,
                                             std::optional<int64_t> before,
                                             bool whole, int64_t now) {
  if (!ttl)
    return whole ? std::nullopt : before;
  auto ms = ttl->count();
  if (ms == 0)
    return std::nullopt;
  if (ms < 0
      || ms > std::numeric_limits<int64_t>::max() - std::max<int64_t>(now, 0))
    return fail(errc::invalid_argument,
                "a time to live must be positive and end before the end of "
                "time, got "
                  + std::to_string(ms) + " ms");
  return now + ms;
}

expected<value> merge_extras(const value& before, const value& extras) {
  if (extras.is_nil())
    return before;
  if (auto ok = metadata::check_extras(extras); !ok)
    return fail(std::move(ok.error()));
  auto result = before;
  for (auto& [key, val] : extras.entries())
    result = std::move(result).with(key, val);
  return result;
}

// -- reading ------------------------------------------------------------------

expected<get_reply> whole_value(const value& key, const entry& state) {
  if (!state.is_value())
    return no_value(key, state, "use read");
  return get_reply{state.content, state.meta.rev};
}

expected<get_reply> apply(const get_request& req, const entry& state,
                          int64_t now) {
  if (!state.live(now)) {
    if (req.fallback)
      return get_reply{*req.fallback, {}};
    return missing(req.key);
  }
  if (req.steps.empty() || !state.is_value())
    return whole_value(req.key, state);
  auto res = get_in(state.content, req.steps);
  if (res)
    return get_reply{std::move(*res), state.meta.rev};
  if (req.fallback && res.error() == errc::not_found)
    return get_reply{*req.fallback, state.meta.rev};
  return fail(res.error().with_context(to_edn(req.key)));
}

expected<exists_reply> apply(const exists_request& req, const entry& state,
                             int64_t now) {
  if (!state.live(now))
    return exists_reply{false};
  if (req.steps.empty())
    return exists_reply{true};
  if (!state.is_value())
    return no_value(req.key, state, "there are no paths into it");
  return exists_reply{get_in(state.content, req.steps).has_value()};
}

expected<metadata_reply> apply(const metadata_request& req, const entry& state,
                               int64_t now) {
  if (!state.live(now))
    return missing(req.key);
  return metadata_reply{state.meta};
}

// -- changing values ----------------------------------------------------------

expected<put_reply> apply(const put_request& req, entry& state,
                          const apply_context& ctx, bool& changed) {
  if (auto ok = check(req.condition, state, ctx.now); !ok)
    return fail(std::move(ok.error()));
  if (auto ok = check_replaceable(req.key, state, ctx.now); !ok)
    return fail(std::move(ok.error()));
  auto whole = req.steps.empty();
  auto content = req.content;
  if (!whole) {
    auto live = state.live(ctx.now);
    if (live && !state.is_value())
      return no_value(req.key, state, "it can only be replaced as a whole");
    auto res = assoc_in(live ? state.content : value{}, req.steps, content);
    if (!res)
      return fail(res.error().with_context(to_edn(req.key)));
    content = std::move(*res);
  }
  auto meta = next_metadata(req.key, state, content_type::edn, req.extras,
                            req.ttl, whole, ctx);
  if (!meta)
    return fail(std::move(meta.error()));
  put_reply reply{meta->rev};
  if (auto ok = replace(state, std::move(*meta), std::move(content), ctx); !ok)
    return fail(std::move(ok.error()));
  changed = true;
  return reply;
}

expected<update_reply> apply(const update_request& req, entry& state,
                             const apply_context& ctx, bool& changed) {
  auto f = ctx.store.config().functions.find(req.function);
  if (!f)
    return fail(std::move(f.error()));
  return update(req, state, ctx, changed,
                [&](const value* old) { return (**f)(old, req.arguments); });
}

expected<update_reply> apply(const local_update_request& req, entry& state,
                             const apply_context& ctx, bool& changed) {
  return update(req, state, ctx, changed, req.function);
}

expected<erase_reply> apply(const erase_request& req, entry& state,
                            const apply_context& ctx, bool& changed) {
  if (auto ok = check(req.condition, state, ctx.now); !ok)
    return fail(std::move(ok.error()));
  if (!state.live(ctx.now))
    return erase_reply{false};
  if (req.steps.empty()) {
    if (auto ok = remove(req.key, state, ctx); !ok)
      return fail(std::move(ok.error()));
    changed = true;
    return erase_reply{true};
  }
  if (!state.is_value())
    return no_value(req.key, state, "there are no paths into it");
  auto res = dissoc_in(state.content, req.steps);
  if (!res) {
    if (res.error() == errc::not_found)
      return erase_reply{false};
    return fail(res.error().with_context(to_edn(req.key)));
  }
  auto meta = next_metadata(req.key, state, content_type::edn, value{},
                            std::nullopt, false, ctx);
  if (!meta)
    return fail(std::move(meta.error()));
  if (auto ok = replace(state, std::move(*meta), std::move(*res), ctx); !ok)
    return fail(std::move(ok.error()));
  changed = true;
  return erase_reply{true};
}

// -- changing binaries --------------------------------------------------------

expected<put_reply> apply(const write_request& req, entry& state,
                          const apply_context& ctx, bool& changed) {
  if (auto ok = check(req.condition, state, ctx.now); !ok)
    return fail(std::move(ok.error()));
  if (auto ok = check_replaceable(req.key, state, ctx.now); !ok)
    return fail(std::move(ok.error()));
  auto meta = next_metadata(req.key, state, content_type::binary, req.extras,
                            req.ttl, true, ctx);
  if (!meta)
    return fail(std::move(meta.error()));
  auto reply = replace(state, std::move(*meta), req.content, ctx);
  changed = reply.has_value();
  return reply;
}

expected<put_reply> apply(const commit_stream& req, entry& state,
                          const apply_context& ctx, bool& changed) {
  if (auto ok = check(req.condition, state, ctx.now); !ok)
    return fail(std::move(ok.error()));
  if (!req.restores)
    if (auto ok = check_replaceable(req.key, state, ctx.now); !ok)
      return fail(std::move(ok.error()));
  auto extras_now = state.live(ctx.now) ? state.meta.extras : value::map();
  if (!req.restores && extras_now != req.extras_before)
    return fail(errc::conflict, "the metadata of " + to_edn(req.key)
                                  + " changed while the stream was open");
  auto meta = req.meta;
  auto stamp = req.restores ? meta.last_write : ctx.store.stamp();
  meta.last_write = std::max(stamp, last_write_of(state, stamp));
  put_reply reply{meta.rev};
  if (auto ok = clear(state, ctx); !ok)
    return fail(std::move(ok.error()));
  state.present = true;
  state.meta = std::move(meta);
  state.new_stream = std::make_shared<const staged_content>(
    staged_content{req.content, req.make_prefix});
  changed = true;
  return reply;
}

// -- restoring ----------------------------------------------------------------

expected<metadata> restored_metadata(const value& key, metadata meta,
                                     content_type type) {
  if (meta.type != type)
    return fail(errc::invalid_argument,
                "the metadata of " + to_edn(key) + " says "
                  + std::string{to_string(meta.type)} + ", the content is "
                  + std::string{to_string(type)});
  if (auto ok = metadata::check_extras(meta.extras); !ok)
    return fail(std::move(ok.error()));
  if (meta.expiry && *meta.expiry <= 0)
    return fail(errc::invalid_argument, "a key cannot expire before 1970");
  meta.key = key;
  return meta;
}

bool keeps_revision(const metadata& meta, const entry& before) {
  return meta.rev.valid()
         && meta.last_write >= last_write_of(before, meta.last_write);
}

expected<put_reply> apply(const restore_request& req, entry& state,
                          const apply_context& ctx, bool& changed) {
  if (auto ok = check(req.condition, state, ctx.now); !ok)
    return fail(std::move(ok.error()));
  auto binary = std::get_if<shared_bytes>(&req.content);
  auto meta = restored_metadata(req.key, req.meta,
                                binary != nullptr ? content_type::binary
                                                  : content_type::edn);
  if (!meta)
    return fail(std::move(meta.error()));
  if (!keeps_revision(*meta, state))
    meta->rev = ctx.revisions.mint();
  meta->last_write
    = std::max(meta->last_write, last_write_of(state, meta->last_write));
  if (binary != nullptr) {
    auto reply = replace(state, std::move(*meta), *binary, ctx);
    changed = reply.has_value();
    return reply;
  }
  put_reply reply{meta->rev};
  auto ok = replace(state, std::move(*meta), std::get<value>(req.content), ctx);
  if (!ok)
    return fail(std::move(ok.error()));
  changed = true;
  return reply;
}

// -- expiry -------------------------------------------------------------------

bool erase_expired(const value& key, entry& state, const apply_context& ctx) {
  if (!state.present || !state.meta.expired(ctx.now))
    return false;
  // If it cannot be done now, the next scan finds the key again.
  return remove(key, state, ctx).has_value();
}

} // namespace larder::internal
