// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Opening engines by URI.

#pragma once

#include "larder/backend.hpp"
#include "larder/error.hpp"
#include "larder/uri.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace larder {

/// An engine as the registry sees it. All functions take a URI whose scheme is
/// the engine's and whose options are the engine's alone; unknown ones are
/// `invalid_argument`.
struct engine {
  std::string scheme;

  /// One line for people: what the engine is and which options it has.
  std::string description;

  /// Makes an empty store with a new identity and opens it.
  /// @returns `already_exists` if there is one
  std::function<expected<std::unique_ptr<backend>>(const uri&)> create;

  /// Opens a store. Changes nothing on the medium.
  /// @returns `not_found` if there is none, `locked`, `corruption`
  std::function<expected<std::unique_ptr<backend>>(const uri&)> open;

  /// Returns whether there is a store, without opening it.
  std::function<expected<bool>(const uri&)> exists;

  /// Removes a store and everything in it.
  /// @returns `not_found` if there is none, `locked` if it is open elsewhere
  std::function<expected<void>(const uri&)> destroy;

  /// Returns whether stores at the URI declare `capabilities::plain_blobs`.
  /// Then encryption is the engine's own and so are the options about it.
  std::function<expected<bool>(const uri&)> plain_blobs
    = [](const uri&) -> expected<bool> { return false; };
};

/// Finds an engine for engines around engines, such as `readonly:`; answers
/// like `backend_registry::find`.
using engine_finder = std::function<expected<engine>(const std::string&)>;

/// Finds engines by scheme. Immutable after set-up. It can be moved, but not be
/// copied, since engines around engines refer to their registry; one that was
/// moved from can only be destroyed.
class backend_registry {
public:
  /// Knows the engines that larder was built with.
  backend_registry();

  backend_registry(backend_registry&&) noexcept = default;
  backend_registry& operator=(backend_registry&&) noexcept = default;

  /// Adds an engine. Pointers that `find` returned become invalid.
  /// @returns `already_exists` if the scheme is taken, `invalid_argument` if it
  ///          is none or a function is missing
  expected<void> add(engine x);

  /// @returns `invalid_argument` that lists the known schemes
  expected<const engine*> find(const std::string& scheme) const;

  /// Returns what engines around engines open others with: all that are in the
  /// registry when they are looked for, also those added later. Does not keep
  /// the registry alive: when it is gone, the answer is `closed`.
  engine_finder finder() const;

  const std::vector<engine>& engines() const {
    return *engines_;
  }

private:
  std::shared_ptr<std::vector<engine>> engines_;
};

} // namespace larder
