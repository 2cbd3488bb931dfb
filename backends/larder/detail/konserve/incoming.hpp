// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Blobs of layout 2 on their way into konserve's form.

#pragma once

#include "larder/detail/konserve/layout.hpp"
#include "larder/detail/konserve/private_metadata.hpp"
#include "larder/detail/konserve/state.hpp"
#include "larder/metadata.hpp"

#include <string_view>

namespace larder::detail::ksv {

/// A blob that was given to the engine, checked and with its metadata decoded.
struct incoming_blob {
  metadata meta;
  uint8_t serializer_id = 0;
  uint8_t compressor_id = 0;
  /// The value has not passed through the compressor.
  bool raw_value = false;
  /// Starts at the value segment; views what was given.
  bytes_view value_segment;
  uint64_t value_size = 0; ///< as the header says

  bool is_binary() const noexcept {
    return meta.type == content_type::binary;
  }

  bool is_log() const noexcept {
    return meta.type == content_type::append_log;
  }
};

/// Takes a blob apart.
/// @param key the encoded key under which the blob is to be stored
/// @param blob header and metadata at least
/// @returns `unsupported` for what konserve has no form for, `unknown_codec`,
///          `corruption`, `invalid_argument`
expected<incoming_blob> take_apart(const store_state& state,
                                   std::string_view key, bytes_view blob);

/// Returns the value of an append log or an EDN value.
expected<value> decode_value(const store_state& state, const incoming_blob& x);

// -- konserve's form ----------------------------------------------------------

/// Makes header and metadata of the blob with an id.
/// @param layout serializer and compressor count
/// @param clear_size if not 0, filling is added to the metadata until they have
///        this many bytes before encryption; only without compressor
/// @returns `limit_exceeded` if they have more
expected<bytes> make_prefix(const store_state& state, const uuid& id,
                            blob_layout layout, const value& metadata_map,
                            size_t clear_size = 0);

/// Makes a blob of a value that is not encoded yet.
/// @param layout serializer and compressor count
expected<bytes> make_blob(const store_state& state, const uuid& id,
                          const blob_layout& layout, const value& metadata_map,
                          const value& content);

/// Makes the blob of an incoming one that is no log.
expected<bytes> make_blob(const store_state& state, const uuid& id,
                          const incoming_blob& x, const private_metadata& own);

/// Returns a size for `make_prefix` that is enough for whatever is added to
/// metadata of `shown_size` bytes.
size_t reserved_metadata_size(size_t shown_size);

} // namespace larder::detail::ksv
