// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "session.hpp"

#include "output.hpp"

#include "larder/uri.hpp"

#include <optional>

namespace larder::cli {

namespace {

using namespace std::chrono_literals;

/// A store of this process always answers. Another process may hang; yet to
/// check or write a large binary takes its time.
constexpr auto remote_deadline = 10min;

} // namespace

// -- messages -----------------------------------------------------------------

bool is_remote(const std::string& str) {
  auto parsed = uri::parse(str);
  return parsed && parsed->scheme == "caf";
}

std::string describe_store(const invocation& args) {
  auto parsed = uri::parse(args.store);
  return parsed ? redacted(*parsed) : "the store";
}

failure store_failure(const invocation& args, const error& err) {
  if (err == errc::not_found) {
    auto exists = store_exists(args.store);
    if (exists && !*exists)
      return {exit_code::failed, "there is no store at " + describe_store(args)
                                   + ": larder create makes one"};
  }
  auto is_usage = err == errc::invalid_argument || err == errc::unknown_codec;
  return {is_usage ? exit_code::usage : exit_code::failed,
          describe_store(args) + ": " + err.message()};
}

failure key_failure(blocking_client& client, const value& key,
                    const error& err) {
  auto res = to_failure(key, err);
  if (err != errc::wrong_type)
    return res;
  auto meta = client.meta(key);
  if (!meta)
    return res;
  auto holds = [&](const char* what) {
    res.message = describe(key) + ": holds a " + what;
    return res;
  };
  switch (meta->type) {
    case content_type::binary:
      return holds("binary: use larder read");
    case content_type::append_log:
      return holds("log: use larder log");
    default:
      return holds("value: use larder get");
  }
}

// -- sessions -----------------------------------------------------------------

struct session::state {
  caf::actor_system_config config;
  std::optional<caf::actor_system> system;
  caf::actor store;
  std::optional<blocking_client> client;
  std::shared_ptr<const keyring> keys;

  expected<void> start(const transport_security* network) {
    add_actor_types(config);
    if (network != nullptr)
      if (auto res = configure_network(config, *network); !res)
        return res;
    system.emplace(config);
    return {};
  }

  expected<void> open_remote(const std::string& uri) {
    auto options = connect_options::parse(uri);
    if (!options)
      return fail(std::move(options.error()));
    if (auto res = start(&options->security); !res)
      return res;
    auto connected = connect(*system, *options);
    if (!connected)
      return fail(std::move(connected.error()));
    use(std::move(*connected), remote_deadline);
    return {};
  }

  expected<void> open_local(const std::string& uri, open_mode mode,
                            const transport_security* network,
                            const std::function<void(store_config&)>& adjust) {
    if (auto res = start(network); !res)
      return res;
    auto opened = open_store(uri, mode);
    if (!opened)
      return fail(std::move(opened.error()));
    if (adjust)
      adjust(*opened);
    keys = opened->chain.keys;
    use(spawn_store(*system, std::move(*opened)), 0ms);
    return {};
  }

  void use(caf::actor x, std::chrono::milliseconds deadline) {
    store = std::move(x);
    client_options options;
    options.deadline = deadline;
    client.emplace(*system, store, options);
  }

  /// Ends the store, or the connection to it. The actor system waits for that.
  expected<void> close() {
    if (!client)
      return {};
    auto res = client->close_store();
    client.reset();
    store = nullptr;
    return res;
  }

  ~state() {
    static_cast<void>(close());
  }
};

session::session(std::unique_ptr<state> ptr) : state_(std::move(ptr)) {
  // nop
}

session::session(session&&) noexcept = default;

session::~session() = default;

result<session>
session::open(const invocation& args, open_mode mode,
              const transport_security* network,
              const std::function<void(store_config&)>& adjust) {
  init_actor_types();
  auto ptr = std::make_unique<state>();
  auto res = is_remote(args.store)
               ? ptr->open_remote(args.store)
               : ptr->open_local(args.store, mode, network, adjust);
  if (!res)
    return fail(store_failure(args, res.error()));
  return session{std::move(ptr)};
}

caf::actor_system& session::system() {
  return *state_->system;
}

const caf::actor& session::store() {
  return state_->store;
}

blocking_client& session::client() {
  return *state_->client;
}

const std::shared_ptr<const keyring>& session::keys() const {
  return state_->keys;
}

result<void> session::close() {
  if (auto res = state_->close(); !res)
    return fail(to_failure(res.error()));
  return {};
}

outcome with_store(const invocation& args, open_mode mode,
                   const std::function<outcome(blocking_client&)>& work) {
  return with_session(args, mode, [&](session& x) { return work(x.client()); });
}

outcome with_session(const invocation& args, open_mode mode,
                     const std::function<outcome(session&)>& work) {
  auto opened = session::open(args, mode);
  if (!opened)
    return fail(std::move(opened.error()));
  auto res = work(*opened);
  auto closed = opened->close();
  if (res && !closed)
    return fail(std::move(closed.error()));
  return res;
}

} // namespace larder::cli
