// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Encryption keys and where they come from.

#pragma once

#include "larder/bytes.hpp"
#include "larder/error.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace larder {

/// A secret of 32 bytes with an id. The bytes are wiped when the last copy of
/// the key goes; copies share them.
class encryption_key {
public:
  static constexpr size_t secret_size = 32;

  /// @pre `secret.size() == secret_size`, `id != 0`
  encryption_key(uint32_t id, bytes_view secret);

  /// Makes a key with a random secret and a random id.
  static encryption_key random();

  uint32_t id() const noexcept;

  bytes_view secret() const noexcept;

  /// The subkey K1 of CMAC under this secret (NIST SP 800-38B §6.1), 16 bytes.
  /// XAES-256-GCM needs it for each message, so it is computed once.
  bytes_view cmac_subkey() const noexcept;

private:
  struct state;
  std::shared_ptr<const state> state_;
};

/// A set of keys: one primary that writes, all that are not retired read.
/// Immutable while a store uses it.
class keyring {
public:
  struct entry {
    encryption_key key;
    bool retired = false;
  };

  /// Adds a key; the first one becomes the primary.
  /// @returns `already_exists` if the id is taken
  expected<void> add(encryption_key key);

  /// Makes the key with this id the one that writes.
  /// @returns `unknown_encryption_key` if it is missing or retired
  expected<void> set_primary(uint32_t id);

  /// Forbids any use of a key; it stays listed.
  /// @returns `invalid_argument` for the primary, `unknown_encryption_key`
  expected<void> retire(uint32_t id);

  /// The key that writes.
  /// @returns `unknown_encryption_key` for an empty ring
  expected<encryption_key> primary() const;

  uint32_t primary_id() const noexcept {
    return primary_;
  }

  /// The key with this id.
  /// @returns `unknown_encryption_key` if it is missing or retired
  expected<encryption_key> find(uint32_t id) const;

  const std::vector<entry>& entries() const noexcept {
    return entries_;
  }

  /// What the operator should know about where this ring was loaded from: that
  /// others may read the file. Empty if there is nothing to say.
  const std::string& warning() const noexcept {
    return warning_;
  }

  /// Reads a keyring file (docs/format.md).
  /// @param passphrase needed if the file is sealed with one
  /// @returns `not_found`, `io_error`, `corruption`; for a sealed file
  ///          `invalid_argument` without passphrase and
  ///          `authentication_failed` with a wrong one
  static expected<keyring> load(const std::string& file,
                                std::optional<std::string_view> passphrase
                                = std::nullopt);

  /// Reads the content of a keyring file, or the 64 hexadecimal digits of one
  /// secret, whose id is then derived from it, from an environment variable.
  /// @returns `not_found` if the variable is not set, else as `load`
  static expected<keyring>
  from_environment(const std::string& name,
                   std::optional<std::string_view> passphrase = std::nullopt);

  /// Writes a keyring file: atomically, durably, readable by its owner only.
  /// @param passphrase seals the file with a key derived by scrypt (RFC 7914)
  /// @returns `invalid_argument` for an empty passphrase, `io_error`
  expected<void> save(const std::string& file,
                      std::optional<std::string_view> passphrase
                      = std::nullopt) const;

private:
  std::vector<entry> entries_;
  uint32_t primary_ = 0;
  std::string warning_;
};

} // namespace larder
