// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/gate.hpp"

#include "larder/internal/batch.hpp"
#include "larder/internal/when_over.hpp"

#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace larder::internal {

namespace {

/// What a request under way takes up besides its content.
constexpr size_t overhead = 256;

error too_large(std::string_view what, size_t size, size_t limit) {
  return {errc::limit_exceeded,
          std::string{what} + " has " + std::to_string(size)
            + " bytes, the server passes on at most " + std::to_string(limit)
            + ": stream binaries, use paths into values, list fewer keys"};
}

} // namespace

// -- an actor that lets in little ---------------------------------------------

gate::gate(caf::actor_config& cfg, caf::actor store, gate_limits limits,
           std::shared_ptr<log_sink> log)
  : choosy_actor(cfg),
    store_(std::move(store)),
    limits_(limits),
    log_(std::move(log)) {
  // nop
}

caf::behavior gate::make_behavior() {
  // A store that ends without answering must not leave clients waiting.
  when_over(this, caf::actor_cast<caf::abstract_actor*>(store_), [this] {
    fail_all({errc::unavailable, "the store has ended; a write may or may "
                                 "not have happened"});
  });
  return {
    [this](const wire_message& msg) {
      if (auto client = caf::actor_cast<caf::actor>(current_sender()))
        take(msg, client);
    },
    [](const post& msg) { msg.run(); },
  };
}

void gate::on_exit() {
  watches_.clear();
  store_ = nullptr;
  pending_.clear();
}

void gate::end(const caf::actor& hdl) {
  auto self = static_cast<gate*>(caf::actor_cast<caf::abstract_actor*>(hdl));
  detail::anon_send(hdl, post{[self] {
                      self->fail_all({errc::unavailable,
                                      "the server ends; a write may or may "
                                      "not have happened"});
                      self->quit();
                    }});
}

bool gate::accepts(const caf::mailbox_element& what) const {
  auto& content = what.content();
  if (what.mid.is_async())
    return content.match_elements<wire_message>()
           || content.match_elements<post>();
  return is_local_response(what);
}

caf::error gate::refusal() const {
  return to_caf(
    {errc::unsupported, "a served store takes messages from connections only"});
}

// -- requests -----------------------------------------------------------------

void gate::take(const wire_message& msg, const caf::actor& client) {
  auto refuse = [&](const error& err) {
    detail::send(this, client, make_error_answer(msg.id, err));
  };
  if (msg.kind == greeting_kind)
    return greet(msg, client);
  if (msg.content.size() > limits_.max_message_size)
    return refuse(
      too_large("the request", msg.content.size(), limits_.max_message_size));
  if (pending_.size() >= limits_.max_pending
      || pending_bytes_ + msg.content.size() + overhead
           > limits_.max_pending_bytes)
    return refuse({errc::overloaded, "too many requests are under way at the "
                                     "server; try again later"});
  try {
    auto known = with_request_of_kind(
      msg.kind, [&]<class Request>(Request) { forward<Request>(msg, client); });
    if (!known)
      refuse({errc::unsupported, "the server does not know requests of kind "
                                   + std::to_string(msg.kind)
                                   + ": it is older than the client"});
  } catch (const std::exception& e) {
    refuse(
      {errc::internal, std::string{"cannot read the request: "} + e.what()});
  }
}

void gate::greet(const wire_message& msg, const caf::actor& client) {
  if (log_ != nullptr)
    log_client(client);
  greeting reply;
  reply.max_message_size = limits_.max_message_size;
  detail::send(this, client,
               wire_message{msg.id, greeting_kind, *encode_content(reply)});
}

void gate::log_client(const caf::actor& client) {
  auto addr = client.address();
  if (!clients_.insert(addr).second)
    return;
  auto tell
    = [log = log_, node = to_string(client.node())](std::string_view what) {
        log_field field{"node", node};
        log->write({log_level::info, what, std::span{&field, 1}});
      };
  tell("client-connected");
  // Runs when the connection breaks, too.
  auto hdl = caf::actor_cast<caf::strong_actor_ptr>(client);
  hdl->get()->attach_functor([this, tell, addr, weak = address()] {
    tell("client-gone");
    if (auto self = caf::actor_cast<caf::actor>(weak))
      detail::anon_send(self, post{[this, addr] { clients_.erase(addr); }});
  });
}

template <class Request>
void gate::forward(const wire_message& msg, const caf::actor& client) {
  Request request;
  if (!decode_content(msg.content, request)) {
    error err{errc::invalid_argument,
              "the request cannot be read: the client is of another version "
              "of larder, or sends values nested too deeply"};
    detail::send(this, client, make_error_answer(msg.id, err));
    return;
  }
  if constexpr (std::is_same_v<Request, unwatch_request>)
    if (auto i = watches_.find(client.address()); i != watches_.end())
      std::erase(i->second, request.watch);
  auto ticket = ++last_ticket_;
  auto size = msg.content.size() + overhead;
  pending_.emplace(ticket, entry{client, msg.id, msg.kind, size});
  pending_bytes_ += size;
  detail::request(this, store_, std::move(request))
    .then(
      [this, ticket](const typename Request::reply_type& reply) {
        succeed(ticket, reply);
      },
      [this, ticket](const caf::error& err) { fail(ticket, to_error(err)); });
}

// -- answers ------------------------------------------------------------------

template <class Reply>
void gate::succeed(uint64_t ticket, const Reply& reply) {
  try {
    auto content = encode_content(reply);
    if (!content)
      return fail(ticket, content.error().with_context("the answer"));
    if (content->size() > limits_.max_message_size)
      return fail(ticket, too_large("the answer", content->size(),
                                    limits_.max_message_size));
    if (auto to = remove(ticket); to.client) {
      if constexpr (std::is_same_v<Reply, watch_reply>)
        note(to.client, reply);
      detail::send(this, to.client,
                   wire_message{to.id, to.kind, std::move(*content)});
    }
  } catch (const std::exception& e) {
    fail(ticket,
         {errc::internal, std::string{"cannot send the answer: "} + e.what()});
  }
}

/// Sees to it that a watch ends with the connection of its client; one that has
/// ended before is ended again, which does no harm.
void gate::note(const caf::actor& client, const watch_reply& reply) {
  auto addr = client.address();
  auto [i, is_new] = watches_.try_emplace(addr);
  i->second.push_back(reply.watch);
  if (!is_new)
    return;
  when_over(this, caf::actor_cast<caf::abstract_actor*>(client), [this, addr] {
    if (auto node = watches_.extract(addr))
      for (auto id : node.mapped())
        detail::anon_send(store_, unwatch_request{id});
  });
}

void gate::fail(uint64_t ticket, const error& err) {
  if (auto to = remove(ticket); to.client)
    detail::send(this, to.client, make_error_answer(to.id, err));
}

void gate::fail_all(const error& err) {
  while (!pending_.empty())
    fail(pending_.begin()->first, err);
}

gate::entry gate::remove(uint64_t ticket) {
  auto i = pending_.find(ticket);
  if (i == pending_.end())
    return {};
  auto result = std::move(i->second);
  pending_.erase(i);
  pending_bytes_ -= result.size;
  return result;
}

} // namespace larder::internal
