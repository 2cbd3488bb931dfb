// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/connection.hpp"

#include "larder/internal/batch.hpp"

#include <algorithm>
#include <exception>
#include <set>
#include <string>
#include <utility>

namespace larder::internal {

namespace {

/// What a request under way takes up besides its content.
constexpr size_t overhead = 256;

std::string address_of(const connect_options& options) {
  return options.host + ":" + std::to_string(options.port);
}

/// Why CAF could not connect, in words that help.
error connect_error(const connect_options& options, const caf::error& why) {
  auto text = "cannot connect to " + address_of(options) + ": ";
  if (why == caf::sec::disconnect_during_handshake)
    text += "the peer hung up: either it refuses the certificate of this side, "
            "or its own is refused, or only one side uses certificates";
  else if (why == caf::sec::cannot_connect_to_node)
    text += "nobody listens there, or the host is unknown";
  else
    text += to_error(why).message();
  return {errc::unavailable, std::move(text)};
}

template <class Reply>
void deliver_reply(caf::response_promise& promise, const wire_message& msg) {
  Reply reply;
  if (decode_content(msg.content, reply))
    promise.deliver(std::move(reply));
  else
    promise.deliver(to_caf({errc::internal,
                            "the server's answer cannot be read: it may be of "
                            "another version of larder"}));
}

} // namespace

// -- requests under way -------------------------------------------------------

remote_call::remote_call(caf::response_promise promise, deliver_fn deliver,
                         size_t size)
  : promise_(std::move(promise)), deliver_(deliver), size_(size) {
  // nop
}

remote_call::~remote_call() {
  if (promise_.pending())
    fail({errc::unavailable, "the connection ended; a write may or may not "
                             "have happened"});
}

void remote_call::answer(const wire_message& msg) {
  if (msg.kind == error_kind)
    fail(read_error_answer(msg));
  else
    deliver_(promise_, msg);
}

void remote_call::fail(const error& err) {
  promise_.deliver(to_caf(err));
}

// -- an actor like a store ----------------------------------------------------

connection::connection(caf::actor_config& cfg, connect_options options,
                       caf::io::middleman_actor network, first_outcome outcome)
  : caf::event_based_actor(cfg),
    options_(std::move(options)),
    network_(std::move(network)),
    outcome_(std::move(outcome)),
    pause_(options_.first_pause) {
  // nop
}

caf::behavior connection::make_behavior() {
  auto out_of_time = [this] {
    if (outcome_)
      end({errc::unavailable,
           "no larder server answers at " + address_of(options_) + " in time"});
  };
  detail::delayed_send(this, this, options_.timeout, post{out_of_time});
  connect();
  auto make = [this]<class... Ts>(std::type_identity<std::tuple<Ts...>>) {
    return caf::behavior{
      [this](const Ts& request) { return forward(request); }...,
      [](const local_update_request&) -> caf::result<update_reply> {
        return to_caf({errc::unsupported,
                       "a function of this process cannot run in another one: "
                       "register it by name with the store, then use "
                       "update_request"});
      },
      [this](const routes_request&) -> caf::result<routes_reply> {
        return routes_reply{{caf::actor_cast<caf::actor>(this)}};
      },
      [this](const close_request&) -> caf::result<close_reply> {
        end({errc::unavailable, "the connection was closed; a write may or may "
                                "not have happened"});
        return close_reply{};
      },
      [this](const wire_message& msg) { take(msg); },
      [](const post& msg) { msg.run(); },
    };
  };
  return make(std::type_identity<remote_requests>{});
}

void connection::on_exit() {
  end({errc::unavailable, "the connection ended; a write may or may not have "
                          "happened"});
  gate_ = nullptr;
  network_ = nullptr;
}

// -- phases -------------------------------------------------------------------

template <class F>
void connection::after(std::chrono::milliseconds delay, F f) {
  auto run = [this, f, attempt = attempt_] {
    if (attempt == attempt_)
      f();
  };
  detail::delayed_send(this, this, delay, post{run});
}

void connection::connect() {
  phase_ = phase::connecting;
  auto attempt = ++attempt_;
  detail::request(this, network_, caf::connect_atom_v, options_.host,
                  options_.port)
    .then(
      [this, attempt](const caf::node_id&, const caf::strong_actor_ptr& peer,
                      const std::set<std::string>&) {
        if (attempt == attempt_)
          greet(peer);
      },
      [this, attempt](const caf::error& why) {
        if (attempt != attempt_)
          return;
        // CAF looks at its connections once per heartbeat and takes one that
        // was just begun for one that was silent for too long.
        if (why == caf::sec::connection_timeout && outcome_)
          connect();
        else
          lost(connect_error(options_, why));
      });
}

void connection::greet(const caf::strong_actor_ptr& peer) {
  if (!peer)
    return lost(
      {errc::unavailable, "nothing is served at " + address_of(options_)});
  phase_ = phase::greeting;
  gate_ = caf::actor_cast<caf::actor>(peer);
  if (auto addr = gate_.address(); watched_ != addr) {
    watched_ = addr;
    peer->get()->attach_functor([this, addr, weak = address()] {
      if (auto self = caf::actor_cast<caf::actor>(weak))
        detail::anon_send(self, post{[this, addr] { peer_ended(addr); }});
    });
  }
  detail::send(this, gate_,
               wire_message{0, greeting_kind, *encode_content(greeting{})});
  after(options_.timeout, [this] {
    lost({errc::unavailable,
          "no larder server answers at " + address_of(options_) + " in time"});
  });
}

void connection::greeted(const wire_message& msg) {
  greeting reply;
  if (!decode_content(msg.content, reply) || reply.version != protocol_version)
    return lost(
      {errc::unavailable, "the server at " + address_of(options_)
                            + " speaks another version of larder's protocol"});
  ++attempt_;
  phase_ = phase::up;
  max_message_size_ = reply.max_message_size;
  pause_ = options_.first_pause;
  if (auto outcome = std::exchange(outcome_, nullptr))
    outcome->set_value({});
}

void connection::peer_ended(const caf::actor_addr& peer) {
  if (watched_ == peer)
    watched_ = nullptr;
  if (!gate_ || gate_.address() != peer)
    return;
  if (outcome_) {
    // Before the first greeting nothing can have been asked for, and the
    // server's CAF may end a connection that was just begun, as ours does.
    gate_ = nullptr;
    connect();
    return;
  }
  lost({errc::unavailable, "the server at " + address_of(options_)
                             + " has gone; a write may or may not have "
                               "happened"});
}

void connection::lost(const error& why) {
  if (outcome_)
    return end(why);
  ++attempt_;
  phase_ = phase::pausing;
  gate_ = nullptr;
  fail_all(why);
  after(pause_, [this] { connect(); });
  pause_ = std::min(pause_ * 2, options_.last_pause);
}

void connection::end(const error& why) {
  if (phase_ == phase::ended)
    return;
  ++attempt_;
  phase_ = phase::ended;
  fail_all(why);
  if (auto outcome = std::exchange(outcome_, nullptr))
    outcome->set_value(larder::fail(why));
  quit();
}

void connection::fail_all(const error& why) {
  auto calls = std::exchange(pending_, {});
  pending_bytes_ = 0;
  for (auto& [id, call] : calls)
    call.fail(why);
}

// -- requests and answers -----------------------------------------------------

template <class Request>
caf::delegated<typename Request::reply_type>
connection::forward(const Request& request) {
  auto promise = make_response_promise();
  auto refuse = [&](error err) { promise.deliver(to_caf(err)); };
  try {
    auto started = start(request, promise);
    if (!started)
      refuse(started.error());
  } catch (const std::exception& e) {
    refuse(
      {errc::internal, std::string{"cannot send the request: "} + e.what()});
  }
  return {};
}

template <class Request>
expected<void> connection::start(const Request& request,
                                 const caf::response_promise& promise) {
  if (phase_ != phase::up)
    return larder::fail(errc::unavailable,
                        "not connected to " + address_of(options_)
                          + ": nothing was sent; connecting again");
  auto content = encode_content(request);
  if (!content)
    return larder::fail(content.error().with_context("the request"));
  if (content->size() > max_message_size_)
    return larder::fail(errc::limit_exceeded,
                        "the request has " + std::to_string(content->size())
                          + " bytes, the server takes at most "
                          + std::to_string(max_message_size_)
                          + ": stream binaries, use paths into values");
  auto size = content->size() + overhead;
  if (pending_.size() >= options_.max_pending
      || pending_bytes_ + size > options_.max_pending_bytes)
    return larder::fail(errc::overloaded,
                        "too many requests are under way on the connection; "
                        "try again later");
  auto id = ++last_id_;
  pending_.emplace(
    id,
    remote_call{promise, deliver_reply<typename Request::reply_type>, size});
  pending_bytes_ += size;
  detail::send(this, gate_,
               wire_message{id, kind_of<Request>(), std::move(*content)});
  return {};
}

void connection::take(const wire_message& msg) {
  if (!gate_
      || current_sender() != caf::actor_cast<caf::strong_actor_ptr>(gate_))
    return;
  if (phase_ == phase::greeting && msg.kind == greeting_kind)
    return greeted(msg);
  auto i = pending_.find(msg.id);
  if (i == pending_.end())
    return;
  auto call = std::move(i->second);
  pending_.erase(i);
  pending_bytes_ -= call.size();
  call.answer(msg);
}

} // namespace larder::internal
