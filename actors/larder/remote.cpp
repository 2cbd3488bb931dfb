// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/remote.hpp"

#include "larder/detail/caf_net.hpp"
#include "larder/internal/certificates.hpp"
#include "larder/internal/connection.hpp"
#include "larder/internal/gate.hpp"
#include "larder/uri.hpp"

#include <arpa/inet.h>

#include <charconv>
#include <future>
#include <memory>
#include <utility>

namespace larder {

namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds heartbeat_interval = 1s;
constexpr std::chrono::milliseconds silence_limit = 5s;

/// Either all of the certificates, or plain text.
expected<void> check_complete(const transport_security& x) {
  auto any = !x.certificate.empty() || !x.key.empty() || !x.ca.empty();
  auto all = !x.certificate.empty() && !x.key.empty() && !x.ca.empty();
  if (x.plain_text && any)
    return fail(errc::invalid_argument,
                "plain text and certificates exclude each other");
  if (!x.plain_text && !any)
    return fail(errc::invalid_argument,
                "connections need a certificate, its key and the certificates "
                "of the authorities; without them, ask for plain text by name");
  if (!x.plain_text && !all)
    return fail(errc::invalid_argument,
                "certificate, key and ca are needed, one of them is missing");
  return {};
}

/// Whether the actor system was made for connections of this security.
expected<void> check_configured(const caf::actor_system& sys,
                                const transport_security& x) {
  if (!sys.has_middleman())
    return fail(errc::invalid_argument,
                "the actor system has no network: call configure_network "
                "before it is made");
  auto files = detail::get_certificates(sys.config());
  transport_security configured{files.certificate, files.key, files.ca,
                                !sys.has_openssl_manager()};
  if (x != configured)
    return fail(errc::invalid_argument,
                "the actor system was configured for other certificates, or "
                "for plain text: use those of configure_network");
  return {};
}

caf::io::middleman_actor network_of(caf::actor_system& sys) {
  return sys.has_openssl_manager() ? sys.openssl_manager().actor_handle()
                                   : sys.middleman().actor_handle();
}

bool is_loopback(const std::string& address) {
  in_addr v4{};
  if (inet_pton(AF_INET, address.c_str(), &v4) == 1)
    return ntohl(v4.s_addr) >> 24 == 127;
  in6_addr v6{};
  if (inet_pton(AF_INET6, address.c_str(), &v6) == 1)
    return IN6_IS_ADDR_LOOPBACK(&v6);
  return address == "localhost";
}

/// Splits `host:port` or `[address]:port`.
expected<void> parse_authority(std::string_view in, connect_options& out) {
  auto error = [] {
    return fail(errc::invalid_argument,
                "a served store is caf://host:port, with a port from 1 to "
                "65535 and an IPv6 address in brackets");
  };
  auto colon = in.rfind(':');
  if (colon == std::string_view::npos)
    return error();
  auto host = in.substr(0, colon);
  auto port = in.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']'))
    host = host.substr(1, host.size() - 2);
  else if (host.find_first_of("[]:@") != std::string_view::npos)
    return error();
  auto last = port.data() + port.size();
  auto [end, code] = std::from_chars(port.data(), last, out.port);
  if (host.empty() || code != std::errc{} || end != last || out.port == 0)
    return error();
  out.host = host;
  return {};
}

} // namespace

// -- configuration ------------------------------------------------------------

expected<void> configure_network(caf::actor_system_config& cfg,
                                 const transport_security& security) {
  if (auto res = check_complete(security); !res)
    return res;
  detail::certificate_files files{security.certificate, security.key,
                                  security.ca};
  if (!security.plain_text)
    if (auto res = internal::check_certificates(files); !res)
      return res;
  cfg.load<caf::io::middleman>();
  if (!security.plain_text) {
    // Only now does CAF 1.x know the options.
    cfg.load<caf::openssl::manager>();
    detail::set_certificates(cfg, files);
  }
  detail::set_heartbeat(cfg, heartbeat_interval, silence_limit);
  return {};
}

expected<connect_options> connect_options::parse(std::string_view str) {
  auto parsed = uri::parse(str);
  if (!parsed)
    return fail(std::move(parsed.error()));
  if (parsed->scheme != "caf")
    return fail(errc::invalid_argument,
                "a served store has the scheme caf, not " + parsed->scheme);
  if (!parsed->path.empty() && parsed->path != "/")
    return fail(errc::invalid_argument,
                "the URI of a served store has no path: " + parsed->path);
  connect_options result;
  if (auto res = parse_authority(parsed->authority, result); !res)
    return fail(std::move(res.error()));
  auto plain_text = parsed->take_flag("plain-text", false);
  if (!plain_text)
    return fail(std::move(plain_text.error()));
  result.security = {parsed->take("certificate"), parsed->take("key"),
                     parsed->take("ca"), *plain_text};
  if (auto res = parsed->check_all_taken(); !res)
    return fail(std::move(res.error()));
  if (auto res = check_complete(result.security); !res)
    return fail(std::move(res.error()));
  return result;
}

// -- serving ------------------------------------------------------------------

expected<served_store> serve(caf::actor_system& sys, caf::actor store,
                             const serve_options& options) {
  if (!store)
    return fail(errc::invalid_argument, "there is no store to serve");
  if (auto res = check_configured(sys, options.security); !res)
    return fail(std::move(res.error()));
  if (options.security.plain_text && !options.force_plain_text
      && !is_loopback(options.bind_address))
    return fail(errc::invalid_argument,
                "everybody who reaches " + options.bind_address
                  + " could read and write the store: use certificates, or "
                    "force plain text");
  internal::gate_limits limits{options.max_pending, options.max_pending_bytes,
                               options.max_message_size};
  auto gate = sys.spawn<internal::gate>(std::move(store), limits, options.log);
  auto address = options.bind_address.c_str();
  auto port = options.security.plain_text
                ? sys.middleman().publish(gate, options.port, address, true)
                : caf::openssl::publish(gate, options.port, address, true);
  if (!port) {
    internal::gate::end(gate);
    return fail(errc::unavailable,
                "cannot listen on port " + std::to_string(options.port) + " of "
                  + options.bind_address
                  + ": the port is taken or the address is not this machine's");
  }
  return served_store{*port, std::move(gate)};
}

void stop_serving(const served_store& served) {
  if (!served.gate)
    return;
  auto& middleman = served.gate.home_system().middleman();
  // Fails if the port is closed already.
  static_cast<void>(middleman.unpublish(served.gate, served.port));
  internal::gate::end(served.gate);
}

// -- connecting ---------------------------------------------------------------

expected<caf::actor> connect(caf::actor_system& sys,
                             const connect_options& options) {
  if (auto res = check_configured(sys, options.security); !res)
    return fail(std::move(res.error()));
  if (options.host.empty() || options.port == 0)
    return fail(errc::invalid_argument, "the host or port to connect to is "
                                        "missing");
  auto outcome = std::make_shared<std::promise<expected<void>>>();
  auto connected = outcome->get_future();
  auto hdl = sys.spawn<internal::connection>(options, network_of(sys),
                                             std::move(outcome));
  if (auto res = connected.get(); !res)
    return fail(std::move(res.error()));
  return hdl;
}

} // namespace larder
