// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The store that a command works on.

#pragma once

#include "command.hpp"

#include "larder/blocking_client.hpp"
#include "larder/remote.hpp"
#include "larder/store.hpp"

#include <functional>
#include <memory>

namespace larder::cli {

/// An open store, of this process or of another one, and a client for it.
class session {
public:
  /// Opens the store that the command line names. A served store exists or
  /// not, whatever the mode.
  /// @param network loads CAF's network modules, to serve a local store
  /// @param adjust changes the configuration of a local store
  static result<session> open(const invocation& args, open_mode mode,
                              const transport_security* network = nullptr,
                              const std::function<void(store_config&)>& adjust
                              = {});

  session(session&&) noexcept;

  ~session();

  caf::actor_system& system();

  const caf::actor& store();

  blocking_client& client();

  /// The keyring that the store was opened with; null if there is none, and for
  /// a store that another process serves.
  const std::shared_ptr<const keyring>& keys() const;

  /// Closes the store, or the connection to the process that serves it.
  result<void> close();

private:
  struct state;

  explicit session(std::unique_ptr<state> ptr);

  std::unique_ptr<state> state_;
};

/// Opens the store, does the work of a command, and closes the store.
outcome with_store(const invocation& args, open_mode mode,
                   const std::function<outcome(blocking_client&)>& work);

/// As above, with the session itself.
outcome with_session(const invocation& args, open_mode mode,
                     const std::function<outcome(session&)>& work);

/// Turns the error of a command on `key` into a failure; of a key that holds
/// something else than the command is for, the message says what to use.
failure key_failure(blocking_client& client, const value& key,
                    const error& err);

/// Returns whether `uri` names a store that another process serves.
bool is_remote(const std::string& uri);

/// Returns the URI of the store for messages, without secrets.
std::string describe_store(const invocation& args);

/// Turns the reason why a store cannot be opened, created or destroyed into a
/// failure. A missing store is no missing key.
failure store_failure(const invocation& args, const error& err);

} // namespace larder::cli
