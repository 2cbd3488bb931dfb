// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The part of CAF that reaches other processes; next to caf.hpp the only
/// header that includes CAF.

#pragma once

#include "caf/io/middleman.hpp"
#include "caf/io/middleman_actor.hpp"
#include "caf/mailbox_element.hpp"
#include "caf/openssl/manager.hpp"
#include "caf/openssl/publish.hpp"

#include "larder/detail/caf.hpp"

#include <chrono>
#include <string>
#include <utility>

namespace larder::detail {

// -- configuration ------------------------------------------------------------

/// Makes CAF's own network messages known. To be called before the first
/// configuration is made.
inline void init_network_types() {
#if LARDER_CAF_1
  caf::io::middleman::init_global_meta_objects();
  caf::openssl::manager::init_global_meta_objects();
#endif
}

/// A peer that says nothing for `timeout` is disconnected, at the next beat.
inline void set_heartbeat(caf::actor_system_config& cfg, caf::timespan interval,
                          caf::timespan timeout) {
#if LARDER_CAF_1
  cfg.set("caf.middleman.heartbeat-interval", interval);
  cfg.set("caf.middleman.connection-timeout", timeout);
#else
  cfg.set("middleman.heartbeat-interval", interval);
  cfg.set("middleman.connection-timeout", timeout);
#endif
}

/// The files that CAF's OpenSSL module is told to use.
struct certificate_files {
  std::string certificate;
  std::string key;
  std::string ca;

  friend bool operator==(const certificate_files&, const certificate_files&)
    = default;
};

inline void set_certificates(caf::actor_system_config& cfg,
                             const certificate_files& files) {
#if LARDER_CAF_1
  cfg.set("caf.openssl.certificate", files.certificate);
  cfg.set("caf.openssl.key", files.key);
  cfg.set("caf.openssl.cafile", files.ca);
#else
  cfg.openssl_certificate = files.certificate;
  cfg.openssl_key = files.key;
  cfg.openssl_cafile = files.ca;
#endif
}

inline certificate_files get_certificates(const caf::actor_system_config& cfg) {
#if LARDER_CAF_1
  return {get_or(cfg, "caf.openssl.certificate", std::string{}),
          get_or(cfg, "caf.openssl.key", std::string{}),
          get_or(cfg, "caf.openssl.cafile", std::string{})};
#else
  return {cfg.openssl_certificate, cfg.openssl_key, cfg.openssl_cafile};
#endif
}

// -- actors that are choosy ---------------------------------------------------

/// An actor that decides what enters its mailbox. Exit messages end an actor
/// (one with the reason `kill` whatever its handlers say), and any peer can
/// send them to an actor whose handle it has: a published actor must never get
/// to see them.
class choosy_actor : public caf::event_based_actor {
public:
  using caf::event_based_actor::event_based_actor;

#if LARDER_CAF_1
  bool enqueue(caf::mailbox_element_ptr what, caf::scheduler* ctx) final {
    if (accepts(*what))
      return caf::event_based_actor::enqueue(std::move(what), ctx);
    refuse(*what, ctx);
    return true;
  }
#else
  void enqueue(caf::mailbox_element_ptr what, caf::execution_unit* ctx) final {
    if (accepts(*what))
      caf::event_based_actor::enqueue(std::move(what), ctx);
    else
      refuse(*what, ctx);
  }
#endif

protected:
  /// Called by any thread.
  virtual bool accepts(const caf::mailbox_element& what) const = 0;

  /// The answer to requests that are not accepted.
  virtual caf::error refusal() const = 0;

  /// Whether a response comes from an actor of this process (or from CAF
  /// itself, when there is nobody who could answer).
  bool is_local_response(const caf::mailbox_element& what) const {
    return what.mid.is_response()
           && (!what.sender || what.sender->node() == node());
  }

private:
  caf::mailbox_element_ptr make_answer(const caf::mailbox_element& what,
                                       caf::message content) {
    auto self = caf::actor_cast<caf::strong_actor_ptr>(this);
    auto id = what.mid.response_id();
#if LARDER_CAF_1
    return caf::make_mailbox_element(self, id, std::move(content));
#else
    return caf::make_mailbox_element(self, id, {}, std::move(content));
#endif
  }

  template <class Context>
  void refuse(const caf::mailbox_element& what, Context* ctx) {
    if (what.sender && what.mid.is_request())
      what.sender->enqueue(make_answer(what, caf::make_message(refusal())),
                           ctx);
  }
};

} // namespace larder::detail
