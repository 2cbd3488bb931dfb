// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What the tests of remote stores share.

#pragma once

#include "temp_dir.hpp"

#include "larder/remote.hpp"

#include <sys/types.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace larder::remote_test {

// -- actor systems ------------------------------------------------------------

inline const transport_security plain_text{{}, {}, {}, true};

/// An actor system with network: a peer of others in the same process.
class peer {
public:
  /// @param silence how long the other side may say nothing: on a machine that
  ///                is busy with other tests it may be longer than larder's
  explicit peer(const transport_security& security = plain_text,
                caf::timespan silence = std::chrono::minutes{1});

  ~peer();

  caf::actor_system& system() {
    return *sys_;
  }

  /// Serves `store` until the peer ends, by default on any free port.
  served_store serve(const caf::actor& store, serve_options options = {});

  /// Options to connect to a port of this machine.
  connect_options to(uint16_t port) const;

  /// Connects; the connection ends with the peer.
  caf::actor connect(uint16_t port);

  /// Has an actor ended with the peer.
  caf::actor own(caf::actor hdl);

private:
  transport_security security_;
  caf::actor_system_config cfg_;
  std::unique_ptr<caf::actor_system> sys_;
  std::vector<served_store> served_;
  std::vector<caf::actor> owned_;
};

/// A request that has been sent.
template <class Request>
class asked {
public:
  using reply = typename Request::reply_type;

  asked(caf::actor_system& sys, const caf::actor& dst, Request req)
    : self_(std::make_unique<caf::scoped_actor>(sys)) {
    auto& self = *self_;
#if LARDER_CAF_1
    id_.emplace(self->mail(std::move(req)).request(dst, patience));
#else
    id_.emplace(self->request(dst, patience, std::move(req)));
#endif
  }

  expected<reply> get() {
    expected<reply> result = fail(errc::internal, "no answer");
    std::move(*id_).receive(
      [&](const reply& x) { result = x; },
      [&](const caf::error& x) { result = fail(to_error(x)); });
    return result;
  }

private:
  static constexpr std::chrono::minutes patience{1};

#if LARDER_CAF_1
  using handle
    = decltype(std::declval<caf::scoped_actor&>()
                 ->mail(std::declval<Request>())
                 .request(std::declval<const caf::actor&>(), patience));
#else
  using handle = decltype(std::declval<caf::scoped_actor&>()->request(
    std::declval<const caf::actor&>(), patience, std::declval<Request>()));
#endif

  std::unique_ptr<caf::scoped_actor> self_;
  std::optional<handle> id_;
};

/// Sends a request and waits for the answer; one that does not come within a
/// minute fails the test as `timeout`.
template <class Request>
expected<typename Request::reply_type> ask(caf::actor_system& sys,
                                           const caf::actor& dst, Request req) {
  return asked<Request>{sys, dst, std::move(req)}.get();
}

// -- a store that does as it is told ------------------------------------------

/// Keeps what is put. A get of "hang" is never answered, one of "fail" is an
/// error with the data-loss mark, one of "odd" a value that cannot be sent.
caf::actor spawn_fake_store(caf::actor_system& sys);

put_request put_of(value key, value content);

get_request get_of(value key);

// -- certificates and processes -----------------------------------------------

/// Two authorities, with certificates for servers and clients, made by
/// the commands of docs/remote.md.
class certificates {
public:
  certificates();

  transport_security server() const;

  transport_security client() const;

  /// A client of another authority, which trusts only that one.
  transport_security stranger() const;

  const temp_dir& folder() const {
    return folder_;
  }

private:
  temp_dir folder_;
};

/// Another process that serves a fake store without encryption.
class server_process {
public:
  explicit server_process(uint16_t port = 0);

  ~server_process();

  uint16_t port() const noexcept {
    return port_;
  }

  void signal(int number) const;

  /// Kills it and waits until it is gone.
  void kill();

private:
  pid_t pid_ = -1;
  int input_ = -1;
  uint16_t port_ = 0;
};

} // namespace larder::remote_test
