// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include <tl/expected.hpp>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace larder {

/// What went wrong, ordered by what the caller should do about it. The numbers
/// travel between processes and are never reused.
enum class errc : uint8_t {
  /// The key, or what the path names inside its value, does not exist.
  not_found = 1,
  /// A condition of the request did not hold: the key exists, or its revision
  /// or value is another one. Read again, decide again.
  precondition_failed = 2,
  /// The store (or file) to create exists already. Open it instead.
  already_exists = 3,
  /// The request itself is wrong: fix the argument, a retry cannot help.
  invalid_argument = 4,
  /// Text or bytes given by the caller do not parse. Fix the input.
  parse_error = 5,
  /// A path steps into a scalar, past a vector's end, or is too deep to write.
  invalid_path = 6,
  /// The value has another type than the operation needs, for instance `get` of
  /// a binary or `inc` of a string.
  wrong_type = 7,
  /// The result does not fit: integer overflow, a range past the end.
  out_of_range = 8,
  /// No update function of that name is registered with the store.
  unknown_function = 9,
  /// An update function threw; the message is the exception's. Nothing changed.
  function_failed = 10,
  /// This store, engine or codec does not have that feature.
  unsupported = 11,
  /// A key, value, nesting depth or declared size is over the limit.
  limit_exceeded = 12,
  /// Too much is under way. Nothing was done; try again later (retryable).
  overloaded = 13,
  /// No answer in time. The request may still be carried out (retryable only if
  /// it is idempotent or conditional).
  timeout = 14,
  /// The store cannot be reached: its process is down or the connection broke.
  /// A write may or may not have happened (retryable as with `timeout`).
  unavailable = 15,
  /// The store is shutting down or was closed. Nothing was done.
  closed = 16,
  /// Another process, or another handle, holds the store exclusively.
  locked = 17,
  /// Other writers won every attempt. Nothing was done; try again (retryable).
  conflict = 18,
  /// The engine failed to read or write. With the data-loss mark the state on
  /// the medium is unknown: read again before trusting it.
  io_error = 19,
  /// Stored bytes are damaged: a checksum, size or structure is wrong.
  corruption = 20,
  /// An authentication tag does not match: the blob was changed, moved to
  /// another key or store, or sealed with another key of the same id.
  authentication_failed = 21,
  /// The blob is sealed with a key that the keyring does not have, or has
  /// retired. Supply the key.
  unknown_encryption_key = 22,
  /// The blob names a serializer, compressor or encryptor that is not
  /// registered. Register it.
  unknown_codec = 23,
  /// A bug in larder or in a plug-in. Report it.
  internal = 24,
  /// A validator refused the change; the message is the validator's. Nothing
  /// changed.
  refused = 25,
};

/// Returns the name of `code` as spelled in the enum.
std::string_view to_string(errc code) noexcept;

/// Returns whether repeating the request unchanged can succeed.
bool is_retryable(errc code) noexcept;

/// A failure: a code to act on and a message to show. The message names the key
/// and the engine where that helps, and never contains key material.
class error {
public:
  error(errc code, std::string message, bool data_loss = false)
    : message_(std::move(message)), code_(code), data_loss_(data_loss) {
    // nop
  }

  errc code() const noexcept {
    return code_;
  }

  const std::string& message() const noexcept {
    return message_;
  }

  /// Whether repeating the request unchanged can succeed.
  bool retryable() const noexcept {
    return is_retryable(code_);
  }

  /// Whether what the medium holds is unknown after this failure.
  bool data_loss() const noexcept {
    return data_loss_;
  }

  /// Returns this error with `prefix` and a colon before the message.
  error with_context(std::string_view prefix) const {
    return {code_, std::string{prefix} + ": " + message_, data_loss_};
  }

  friend bool operator==(const error& x, errc y) noexcept {
    return x.code_ == y;
  }

  friend bool operator==(const error&, const error&) = default;

private:
  std::string message_;
  errc code_;
  bool data_loss_;
};

/// Returns `"code_name: message"`.
std::string to_string(const error& err);

/// A result or the reason why there is none.
template <class T>
using expected = tl::expected<T, error>;

/// Makes the error alternative of any `expected`.
inline tl::unexpected<error> fail(errc code, std::string message,
                                  bool data_loss = false) {
  return tl::unexpected<error>{error{code, std::move(message), data_loss}};
}

/// Passes an error on as the error alternative of any other `expected`.
inline tl::unexpected<error> fail(error err) {
  return tl::unexpected<error>{std::move(err)};
}

} // namespace larder
