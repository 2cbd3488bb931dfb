// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/actor_types.hpp"

#include "larder/detail/caf_net.hpp"
#include "larder/internal/batch.hpp"

namespace larder {

// -- errors -------------------------------------------------------------------

namespace {

constexpr auto last_code = static_cast<uint8_t>(errc::refused);

/// What CAF's own errors mean to a caller of larder.
errc translate(caf::sec code) {
  switch (code) {
    case caf::sec::request_receiver_down:
    case caf::sec::remote_linking_failed:
    case caf::sec::cannot_connect_to_node:
    case caf::sec::no_route_to_receiving_node:
    case caf::sec::disconnect_during_handshake:
      return errc::unavailable;
    case caf::sec::request_timeout:
      return errc::timeout;
    case caf::sec::unexpected_message:
      return errc::unsupported;
    case caf::sec::invalid_argument:
      return errc::invalid_argument;
    default:
      return errc::internal;
  }
}

/// Whether `err` holds a code of the same enum as `x`.
template <class Enum>
bool same_category(const caf::error& err, Enum x) {
  return err.category() == caf::make_error(x).category();
}

} // namespace

bool from_string(std::string_view in, errc& out) {
  for (uint8_t i = 1; i <= last_code; ++i)
    if (to_string(static_cast<errc>(i)) == in) {
      out = static_cast<errc>(i);
      return true;
    }
  return false;
}

bool from_integer(uint8_t in, errc& out) {
  if (in == 0 || in > last_code)
    return false;
  out = static_cast<errc>(in);
  return true;
}

caf::error to_caf(const error& err) {
  return caf::make_error(err.code(), err.message(), err.data_loss());
}

error to_error(const caf::error& err) {
  auto code = errc::internal;
  if (same_category(err, errc::internal)
      && from_integer(static_cast<uint8_t>(err.code()), code)) {
    auto context = err.context();
    if (context.match_elements<std::string, bool>())
      return {code, context.get_as<std::string>(0), context.get_as<bool>(1)};
    return {code, std::string{to_string(code)}};
  }
  if (same_category(err, caf::sec::runtime_error)) {
    auto sec = static_cast<caf::sec>(err.code());
    return {translate(sec), "actor framework: " + caf::to_string(sec)};
  }
  if (same_category(err, caf::exit_reason::kill))
    return {errc::unavailable, "the store's actor has ended"};
  return {errc::internal, "unknown error " + std::to_string(err.code())};
}

// -- start-up -----------------------------------------------------------------

void init_actor_types() {
#if LARDER_CAF_1
  caf::init_global_meta_objects<caf::id_block::larder>();
  caf::init_global_meta_objects<caf::id_block::larder_local>();
  caf::init_global_meta_objects<caf::id_block::larder_internal>();
  detail::init_network_types();
  caf::core::init_global_meta_objects();
#endif
}

void add_actor_types(caf::actor_system_config& cfg) {
#if LARDER_CAF_1
  auto policy = std::string{"caf.scheduler.policy"};
  if (get_or(cfg, policy, std::string{"stealing"}) == "stealing")
    cfg.set(policy, "sharing");
#else
  cfg.add_message_types<caf::id_block::larder>();
  // Not the template overload: that one does not compile in 0.17.6.
  cfg.add_error_category(
    caf::detail::error_factory<errc>::category,
    [](uint8_t code, caf::atom_value, const caf::message& context) {
      auto err = to_error(
        caf::error{code, caf::detail::error_factory<errc>::category, context});
      return to_string(err);
    });
  auto policy = std::string{"scheduler.policy"};
  if (get_or(cfg, policy, caf::atom("stealing")) == caf::atom("stealing"))
    cfg.set(policy, caf::atom("sharing"));
#endif
}

} // namespace larder
