// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The requests of messages.hpp as operations on their keys.

#pragma once

#include "larder/internal/apply.hpp"
#include "larder/internal/count_operation.hpp"
#include "larder/internal/log_apply.hpp"
#include "larder/internal/operation.hpp"
#include "larder/internal/promise.hpp"
#include "larder/internal/validators.hpp"
#include "larder/text.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

namespace larder::internal {

// -- kinds of requests --------------------------------------------------------

/// How requests are counted, what they need, and what they keep in memory.
template <class Request>
struct traits;

template <op_kind Kind>
struct read_traits {
  static constexpr op_kind kind = Kind;
  static constexpr bool is_mutation = false;
  static constexpr auto change = change_kind::put; // never made
};

template <op_kind Kind, change_kind Change>
struct change_traits {
  static constexpr op_kind kind = Kind;
  static constexpr bool is_mutation = true;
  static constexpr auto change = Change;
};

template <>
struct traits<get_request> : read_traits<op_kind::get> {
  static knowledge needs(const get_request&) {
    return knowledge::content;
  }
};

template <>
struct traits<exists_request> : read_traits<op_kind::exists> {
  static knowledge needs(const exists_request& req) {
    return req.steps.empty() ? knowledge::existence : knowledge::content;
  }
};

template <>
struct traits<metadata_request> : read_traits<op_kind::metadata> {
  static knowledge needs(const metadata_request&) {
    return knowledge::metadata;
  }
};

template <>
struct traits<put_request> : change_traits<op_kind::put, change_kind::put> {
  static knowledge needs(const put_request& req) {
    return req.steps.empty() ? knowledge::metadata : knowledge::content;
  }
};

template <>
struct traits<update_request>
  : change_traits<op_kind::update, change_kind::update> {
  static knowledge needs(const update_request&) {
    return knowledge::content;
  }
};

template <>
struct traits<local_update_request>
  : change_traits<op_kind::update, change_kind::update> {
  static knowledge needs(const local_update_request&) {
    return knowledge::content;
  }
};

template <>
struct traits<erase_request>
  : change_traits<op_kind::erase, change_kind::erase> {
  static knowledge needs(const erase_request& req) {
    return req.steps.empty() ? knowledge::existence : knowledge::content;
  }
};

template <>
struct traits<append_request>
  : change_traits<op_kind::append, change_kind::append> {
  static knowledge needs(const append_request&) {
    return knowledge::content;
  }
};

template <>
struct traits<write_request>
  : change_traits<op_kind::write, change_kind::write> {
  static knowledge needs(const write_request&) {
    return knowledge::metadata;
  }
};

template <>
struct traits<commit_stream>
  : change_traits<op_kind::write, change_kind::write> {
  static knowledge needs(const commit_stream&) {
    return knowledge::metadata;
  }
};

template <>
struct traits<restore_request> : change_traits<op_kind::put, change_kind::put> {
  static knowledge needs(const restore_request&) {
    return knowledge::metadata;
  }
};

template <>
struct traits<put_stored_request>
  : change_traits<op_kind::put, change_kind::put> {
  static knowledge needs(const put_stored_request&) {
    return knowledge::metadata;
  }
};

template <>
struct traits<commit_log> : change_traits<op_kind::put, change_kind::put> {
  static knowledge needs(const commit_log&) {
    return knowledge::metadata;
  }
};

inline size_t cost_of(const put_request& req) {
  return req.content.footprint();
}

inline size_t cost_of(std::span<const value> values) {
  size_t result = 0;
  for (auto& x : values)
    result += x.footprint();
  return result;
}

inline size_t cost_of(const update_request& req) {
  return cost_of(req.arguments);
}

inline size_t cost_of(const append_request& req) {
  return cost_of(req.entries);
}

inline size_t cost_of(const commit_log& req) {
  return cost_of(req.head.tail);
}

inline size_t cost_of(const write_request& req) {
  return req.content ? req.content->size() : 0;
}

inline size_t cost_of(const restore_request& req) {
  if (auto content = std::get_if<value>(&req.content))
    return content->footprint();
  auto& binary = std::get<shared_bytes>(req.content);
  return binary ? binary->size() : 0;
}

inline size_t cost_of(const put_stored_request& req) {
  return req.blob ? req.blob->size() : 0;
}

template <class Request>
size_t cost_of(const Request&) {
  return 0;
}

/// Applies a change unless a validator refuses it.
template <class Request>
expected<typename Request::reply_type>
apply_validated(const Request& req, entry& state, const apply_context& ctx,
                bool& changed) {
  auto before = state;
  auto result = apply(req, state, ctx, changed);
  if (!changed)
    return result;
  std::optional<value> entries;
  if constexpr (requires { value::vector(req.entries); })
    entries = value::vector(req.entries);
  auto ok = validate(ctx.store, req.key, traits<Request>::change, before, state,
                     ctx.now, entries ? &*entries : nullptr);
  if (!ok) {
    state = std::move(before);
    changed = false;
    return fail(std::move(ok.error()));
  }
  return result;
}

/// Calls the `apply` of a request, whichever form it has, and the validators of
/// its key. An exception, of a user's function for instance, is an error and
/// changes nothing.
template <class Request>
expected<typename Request::reply_type>
apply_any(const Request& req, entry& state, const apply_context& ctx,
          bool& changed) {
  try {
    if constexpr (traits<Request>::is_mutation)
      return is_validated(ctx.store, req.key)
               ? apply_validated(req, state, ctx, changed)
               : apply(req, state, ctx, changed);
    else
      return apply(req, std::as_const(state), ctx.now);
  } catch (const std::exception& ex) {
    changed = false;
    return fail(errc::internal, ex.what());
  }
}

/// A request that waits for its answer.
template <class Request>
class pending_request : public operation {
public:
  using reply_type = typename Request::reply_type;

  pending_request(Request req, promise<reply_type> answer, store_context& ctx,
                  actor_statistics& stats)
    : request_(std::move(req)),
      promise_(std::move(answer)),
      ctx_(ctx),
      stats_(stats),
      cost_(sizeof(*this) + request_.key.size() + cost_of(request_)) {
    // nop
  }

  const value& key() const noexcept override {
    return request_.key;
  }

  knowledge needs() const noexcept override {
    return traits<Request>::needs(request_);
  }

  size_t cost() const noexcept override {
    return cost_;
  }

  change_kind kind() const noexcept override {
    return traits<Request>::change;
  }

  bool may_change() const noexcept override {
    return traits<Request>::is_mutation;
  }

  bool apply(entry& state, const apply_context& ctx) override {
    auto changed = false;
    result_ = apply_any(request_, state, ctx, changed);
    return changed;
  }

  void answer() override {
    count(!*result_);
    promise_.deliver(std::move(*result_));
  }

  void fail(const error& err) override {
    count(true);
    promise_.fail(err);
  }

private:
  void count(bool failed) {
    count_operation(ctx_, stats_, traits<Request>::kind, failed,
                    age().microseconds(), &request_.key);
  }

  Request request_;
  promise<reply_type> promise_;
  store_context& ctx_;
  actor_statistics& stats_;
  size_t cost_;
  std::optional<expected<reply_type>> result_;
};

/// Erases a key that has expired.
class collection : public operation {
public:
  /// @param token goes when the operation has ended, however it does
  collection(value key, actor_statistics& stats,
             std::shared_ptr<const void> token)
    : key_(std::move(key)), stats_(stats), token_(std::move(token)) {
    // nop
  }

  const value& key() const noexcept override {
    return key_;
  }

  knowledge needs() const noexcept override {
    // Not the header alone, whose expiry nothing has verified.
    return knowledge::metadata;
  }

  size_t cost() const noexcept override {
    return sizeof(*this);
  }

  change_kind kind() const noexcept override {
    return change_kind::expire;
  }

  bool apply(entry& state, const apply_context& ctx) override {
    changed_ = erase_expired(key_, state, ctx);
    return changed_;
  }

  void answer() override {
    if (changed_)
      stats_.expired.add();
  }

  void fail(const error&) override {
    // The next scan finds the key again.
  }

private:
  value key_;
  actor_statistics& stats_;
  std::shared_ptr<const void> token_;
  bool changed_ = false;
};

/// Encodes a key again, with the primary key.
class rekeying : public operation {
public:
  rekeying(rekey_key what, promise<rekey_key_reply> answer)
    : what_(std::move(what)), promise_(std::move(answer)) {
    // nop
  }

  const value& key() const noexcept override {
    return what_.key;
  }

  knowledge needs() const noexcept override {
    return knowledge::content;
  }

  size_t cost() const noexcept override {
    return sizeof(*this) + (what_.blob ? what_.blob->size() : 0);
  }

  change_kind kind() const noexcept override {
    return change_kind::put;
  }

  /// No validator is asked: what the key holds does not change.
  bool apply(entry& state, const apply_context& ctx) override {
    auto binary = what_.blob || what_.stream;
    changed_ = state.present && state.meta.rev == what_.rev
               && state.is_binary() == binary;
    if (!changed_)
      return false;
    state.meta.rev = binary ? what_.new_rev : ctx.revisions.mint();
    state.new_blob = what_.blob;
    state.new_stream = what_.stream;
    return true;
  }

  void answer() override {
    promise_.deliver(rekey_key_reply{changed_});
  }

  void fail(const error& err) override {
    promise_.fail(err);
  }

private:
  rekey_key what_;
  promise<rekey_key_reply> promise_;
  bool changed_ = false;
};

/// A range of a binary: waits for its turn, then asks a reader.
class ranged_read : public operation {
public:
  using forward_fn
    = std::function<void(read_range_request, promise<read_reply>)>;

  ranged_read(read_range_request req, promise<read_reply> answer,
              actor_statistics& stats, forward_fn forward)
    : request_(std::move(req)),
      promise_(std::move(answer)),
      stats_(stats.operations[static_cast<size_t>(op_kind::read)]),
      forward_(std::move(forward)) {
    // nop
  }

  const value& key() const noexcept override {
    return request_.key;
  }

  knowledge needs() const noexcept override {
    return knowledge::existence;
  }

  size_t cost() const noexcept override {
    return sizeof(*this);
  }

  change_kind kind() const noexcept override {
    return change_kind::write; // never made
  }

  bool may_change() const noexcept override {
    return false;
  }

  bool apply(entry& state, const apply_context& ctx) override {
    exists_ = state.live(ctx.now);
    return false;
  }

  /// Everything before it on the key is durable now: a reader will see it.
  void answer() override {
    stats_.count.add();
    if (!exists_) {
      stats_.errors.add();
      promise_.fail(
        error{errc::not_found, "no such key: " + to_edn(request_.key)});
      return;
    }
    forward_(std::move(request_), std::move(promise_));
  }

  void fail(const error& err) override {
    stats_.count.add();
    stats_.errors.add();
    promise_.fail(err);
  }

private:
  read_range_request request_;
  promise<read_reply> promise_;
  actor_statistics::operation& stats_;
  forward_fn forward_;
  bool exists_ = false;
};

} // namespace larder::internal
