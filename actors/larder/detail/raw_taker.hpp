// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/codec.hpp"
#include "larder/detail/pipeline.hpp"
#include "larder/detail/record_input.hpp"
#include "larder/header.hpp"
#include "larder/messages/backup.hpp"

#include <functional>
#include <optional>

namespace larder::detail {

/// What the blobs are like that a store takes over from another one as they
/// are.
struct raw_form {
  uint8_t serializer_id = 0;
  uint8_t compressor_id = 0;
  bool plain_binaries = false;

  /// Finds out what a store takes over.
  /// @returns nothing if it encrypts, or encodes by codecs that are not known
  static expected<std::optional<raw_form>> of(blocking_client& store,
                                              const codec_registry& codecs);

  bool matches(const header& h) const noexcept {
    return h.layout == 2 && h.encryptor_id == 0 && !h.has(header::flag_log)
           && h.serializer_id == serializer_id
           && h.compressor_id == compressor_id
           && (!h.has(header::flag_binary)
               || h.has(header::flag_plain) == plain_binaries);
  }
};

/// Has a store take over blobs of another one as they are.
class raw_taker {
public:
  /// A blob on its way.
  struct mark {
    value key;
    std::string encoded;
    uint64_t size = 0;
    bool binary = false;
    shared_bytes blob; ///< null if it came as a stream
  };

  /// Told what has become of a blob.
  using done_fn = std::function<void(const mark&, expected<void>)>;

  /// @param from the identity of the store that the blobs are of
  raw_taker(blocking_client& to, const uuid& from, raw_form form, done_fn done);

  /// Hands a blob over if the store may take it as it is.
  /// @returns false if it must be decoded, or the errors of `blob` and of a
  ///          stream that has begun
  expected<bool> take(const value& key, record_input& blob,
                      const write_condition& condition);

  /// Waits for everything under way.
  void finish() {
    puts_.finish();
  }

  /// Whether the answer to a blob is that it must be decoded after all: the key
  /// was written later.
  static bool must_decode(const expected<void>& outcome) {
    return !outcome
           && (outcome.error() == errc::conflict
               || outcome.error() == errc::unsupported);
  }

private:
  expected<bool> take_stream(mark what, const header& hdr, record_input& blob,
                             const write_condition& condition);

  blocking_client& client_;
  uuid from_;
  raw_form form_;
  done_fn done_;
  pipeline<put_stored_request, mark> puts_;
};

} // namespace larder::detail
