// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/stream_actor.hpp"

#include "larder/chunks.hpp"
#include "larder/detail/rebinding.hpp"
#include "larder/internal/apply.hpp"
#include "larder/internal/batch.hpp"
#include "larder/internal/promise.hpp"
#include "larder/internal/spawn_blocking.hpp"
#include "larder/key.hpp"

#include <optional>

namespace larder::internal {

namespace {

struct stream_state {
#if LARDER_CAF_1
  static inline const char* name = "larder.stream";
#else
  const char* name = "larder.stream";
#endif

  caf::event_based_actor* self = nullptr;
  context_ptr ctx;
  uint64_t id = 0;
  caf::actor store;
  caf::actor key_actor;

  open_stream_request request;
  std::optional<metadata> restored; ///< in place of what `request` says
  std::optional<open_stored_request> stored; ///< likewise, and of the content
  commit_stream commit;
  std::shared_ptr<chunk_encoder> encoder;
  std::shared_ptr<detail::rebinding> taken_over; ///< in place of the encoder
  uint64_t next_sequence = 0;
  uint64_t size = 0;
  bool committing = false;
  std::vector<promise<erase_reply>> abort_answers;

  /// Counts what has happened, to notice when nothing does.
  uint64_t activity = 0;
  uint64_t activity_at_tick = 0;

  void end() {
    for (auto& x : abort_answers)
      x.deliver(erase_reply{false});
    abort_answers.clear();
    detail::send(self, store, stream_ended{id});
    self->quit();
  }

  void schedule_tick() {
    detail::delayed_send(self, self, ctx->config().stream_timeout, tick{});
  }

  // -- opening ----------------------------------------------------------------

  caf::result<open_stream_reply> open(open_stream_request& req) {
    request = std::move(req);
    return look_at_key();
  }

  caf::result<open_stream_reply> open(open_restore_request& req) {
    restored = std::move(req.meta);
    request.key = std::move(req.key);
    request.condition = std::move(req.condition);
    return look_at_key();
  }

  caf::result<open_stream_reply> open(open_stored_request& req) {
    request.key = req.key;
    request.condition = req.condition;
    stored = std::move(req);
    return look_at_key();
  }

  /// Looks at what the key holds first: the metadata of the new content is
  /// fixed from here on.
  caf::result<open_stream_reply> look_at_key() {
    auto answer = std::make_shared<promise<open_stream_reply>>(self);
    auto result = answer->handle();
    detail::request(self, key_actor, metadata_request{request.key})
      .then(
        [this, answer](const metadata_reply& reply) {
          entry before;
          before.present = true;
          before.meta = reply.meta;
          answer->deliver(begin(before));
        },
        [this, answer](const caf::error& err) {
          auto cause = to_error(err);
          if (cause == errc::not_found) {
            answer->deliver(begin(entry{}));
          } else {
            answer->fail(cause);
            end();
          }
        });
    schedule_tick();
    return result;
  }

  expected<open_stream_reply> begin(const entry& before) {
    auto ok = prepare(before);
    if (!ok) {
      end();
      return fail(std::move(ok.error()));
    }
    return open_stream_reply{id};
  }

  expected<void> prepare(const entry& before) {
    auto now = ctx->now();
    if (auto ok = check(request.condition, before, now); !ok)
      return ok;
    if (stored)
      return prepare_stored(before);
    if (!restored)
      if (auto ok = check_replaceable(request.key, before, now); !ok)
        return ok;
    commit.key = request.key;
    commit.condition = request.condition;
    auto meta = restored ? restored_metadata(request.key, *restored,
                                             content_type::binary)
                         : new_metadata(before, now);
    if (!meta)
      return fail(std::move(meta.error()));
    commit.restores = restored.has_value();
    commit.meta = std::move(*meta);
    if (!restored || !keeps_revision(commit.meta, before))
      fill_random(commit.meta.rev.data);
    auto encoded = encode_key(request.key);
    if (!encoded)
      return fail(std::move(encoded.error()));
    encoder
      = std::make_shared<chunk_encoder>(ctx->blobs(), *encoded, commit.meta);
    auto prefix_size = encoder->prefix_size();
    if (!prefix_size)
      return fail(std::move(prefix_size.error()));
    return stage(*encoded, *prefix_size);
  }

  expected<void> stage(const std::string& encoded, uint64_t prefix_size) {
    auto staged = ctx->engine().stage(encoded, prefix_size);
    if (!staged)
      return fail(std::move(staged.error()));
    commit.content = std::move(*staged);
    return {};
  }

  expected<void> prepare_stored(const entry& before) {
    if (!stored->prefix || !stored->index)
      return fail(errc::invalid_argument, "the blob has no beginning, or end");
    auto encoded = encode_key(request.key);
    if (!encoded)
      return fail(std::move(encoded.error()));
    auto meta
      = check_stored(*ctx, *encoded, stored->from, *stored->prefix, before);
    if (!meta)
      return fail(std::move(meta.error()));
    if (meta->type != content_type::binary)
      return fail(errc::invalid_argument, "only binaries come in streams");
    commit.key = request.key;
    commit.condition = request.condition;
    commit.restores = true;
    commit.meta = std::move(*meta);
    taken_over = std::make_shared<detail::rebinding>(
      stored->from, ctx->blobs().store(), *encoded);
    if (auto ok = taken_over->begin(*stored->prefix, *stored->index); !ok)
      return ok;
    return stage(*encoded, stored->prefix->size());
  }

  expected<metadata> new_metadata(const entry& before, int64_t now) {
    auto extras_before = before.live(now) ? before.meta.extras : value::map();
    auto extras = merge_extras(extras_before, request.extras);
    if (!extras)
      return fail(std::move(extras.error()));
    auto expiry = make_expiry(request.ttl, std::nullopt, true, now);
    if (!expiry)
      return fail(std::move(expiry.error()));
    commit.extras_before = std::move(extras_before);
    metadata result;
    result.key = request.key;
    result.type = content_type::binary;
    result.extras = std::move(*extras);
    result.expiry = *expiry;
    result.last_write = now;
    return result;
  }

  // -- writing ----------------------------------------------------------------

  caf::result<append_stream_reply> append(const append_stream_request& req) {
    ++activity;
    auto result = add(req);
    if (!result && !committing)
      end();
    return to_result(std::move(result));
  }

  expected<append_stream_reply> add(const append_stream_request& req) {
    if (auto ok = check_open(); !ok)
      return fail(std::move(ok.error()));
    if (req.sequence != next_sequence)
      return fail(errc::invalid_argument,
                  "piece " + std::to_string(req.sequence) + " of stream "
                    + std::to_string(id) + " came instead of "
                    + std::to_string(next_sequence));
    if (!req.content)
      return fail(errc::invalid_argument, "a piece needs bytes");
    if (req.content->size() > ctx->config().max_message_size)
      return fail(errc::limit_exceeded, "the piece is too large");
    ++next_sequence;
    size += req.content->size();
    if (taken_over) {
      if (auto ok = taken_over->update(*req.content); !ok)
        return fail(std::move(ok.error()));
      return append(*req.content).map([&] {
        return append_stream_reply{size};
      });
    }
    bytes chunks;
    if (auto ok = encoder->update(*req.content, chunks); !ok)
      return fail(std::move(ok.error()));
    if (auto ok = append(chunks); !ok)
      return fail(std::move(ok.error()));
    ctx->shared_statistics().plain_written.add_shared(req.content->size());
    return append_stream_reply{size};
  }

  expected<void> append(const bytes& chunks) {
    ctx->shared_statistics().stored_written.add_shared(chunks.size());
    return commit.content->append(chunks);
  }

  expected<void> check_open() const {
    if ((encoder || taken_over) && !committing)
      return {};
    return fail(errc::invalid_argument,
                "stream " + std::to_string(id) + " is not open");
  }

  // -- ending -----------------------------------------------------------------

  expected<void> finish() {
    if (auto ok = check_open(); !ok)
      return ok;
    if (taken_over) {
      if (auto ok = taken_over->finish(); !ok)
        return ok;
      return append(taken_over->index());
    }
    bytes chunks;
    if (auto ok = encoder->finish(chunks); !ok)
      return ok;
    return append(chunks);
  }

  /// What makes header and metadata for a stamp.
  std::function<expected<bytes>(int64_t)> prefix_maker() const {
    if (!taken_over)
      return [enc = encoder](int64_t stamp) { return enc->prefix(stamp); };
    auto own = commit.meta.last_write;
    return [from = taken_over, own](int64_t stamp) -> expected<bytes> {
      if (stamp != own)
        return fail(errc::conflict, "the key was written later than the blob");
      return from->prefix();
    };
  }

  caf::result<put_reply> close() {
    ++activity;
    if (auto ok = finish(); !ok) {
      if (!committing)
        end();
      return to_caf(ok.error());
    }
    committing = true;
    commit.make_prefix = prefix_maker();
    auto answer = std::make_shared<promise<put_reply>>(self);
    auto result = answer->handle();
    answer->leave_in_doubt();
    detail::request(self, key_actor, std::move(commit))
      .then(
        [this, answer](const put_reply& reply) {
          answer->deliver(reply);
          end();
        },
        [this, answer](const caf::error& err) {
          answer->fail(to_error(err));
          end();
        });
    return result;
  }

  caf::result<erase_reply> abort() {
    if (committing) // too late: answer when the commit is done
      return abort_answers.emplace_back(self).handle();
    commit.content.reset();
    end();
    return erase_reply{true};
  }

  void check_idle() {
    if (!committing && activity == activity_at_tick) {
      end();
      return;
    }
    activity_at_tick = activity;
    schedule_tick();
  }
};

caf::behavior stream(caf::stateful_actor<stream_state>* self, context_ptr ctx,
                     uint64_t id, caf::actor store, caf::actor key_actor) {
  auto& st = detail::state_of(self);
  st.self = self;
  st.ctx = std::move(ctx);
  st.id = id;
  st.store = std::move(store);
  st.key_actor = std::move(key_actor);
  st.activity = 1;
  return {
    [&st](open_stream_request& req) { return st.open(req); },
    [&st](open_restore_request& req) { return st.open(req); },
    [&st](open_stored_request& req) { return st.open(req); },
    [&st](const append_stream_request& req) { return st.append(req); },
    [](const restore_entries_request&) -> caf::result<append_stream_reply> {
      return to_caf(error{errc::invalid_argument,
                          "a binary takes bytes, a log takes entries"});
    },
    [&st](const close_stream_request&) { return st.close(); },
    [&st](const abort_stream_request&) { return st.abort(); },
    [&st](tick) { st.check_idle(); },
  };
}

} // namespace

caf::actor spawn_stream(caf::actor_system& sys, context_ptr ctx, uint64_t id,
                        caf::actor store, caf::actor key_actor) {
  auto& context = *ctx;
  return spawn_blocking(sys, context, stream, std::move(ctx), id,
                        std::move(store), std::move(key_actor));
}

} // namespace larder::internal
