// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// A blob of konserve's as it is stored.

#pragma once

#include "larder/chain.hpp"
#include "larder/detail/file/handle.hpp"
#include "larder/detail/konserve/layout.hpp"
#include "larder/detail/konserve/private_metadata.hpp"
#include "larder/detail/konserve/state.hpp"
#include "larder/metadata.hpp"
#include "larder/uuid.hpp"
#include "larder/value.hpp"

#include <sys/stat.h>

#include <optional>

namespace larder::detail::ksv {

/// A file with a blob that is open for reading, and what it says without its
/// value. The file keeps its content if another takes its name; only konserve
/// in its in-place mode changes it.
struct stored_blob {
  file_handle file;
  struct stat status {};
  uuid id; ///< in the file's name
  blob_layout layout;

  /// The metadata segment, not encrypted, but compressed.
  bytes clear_metadata;
  /// Without what is private. The key is as it was decoded, see `true_key`.
  metadata meta;
  private_metadata own;
  /// Whether `clear_metadata` has something private.
  bool has_private = false;

  uint64_t file_size() const noexcept {
    return static_cast<uint64_t>(status.st_size);
  }

  uint64_t value_size() const noexcept {
    return file_size() - layout.value_offset();
  }

  bool is_log() const noexcept {
    return meta.type == content_type::append_log;
  }

  /// Reads the value, decrypts, decompresses and decodes it.
  /// @pre it is not binary
  expected<value> decode_value(const store_state& state) const;

  /// Reads the value segment and decrypts it.
  expected<bytes> clear_value(const store_state& state) const;

  /// Returns whether the file was changed since it was opened.
  expected<bool> changed() const;
};

/// Opens a file for reading, but nothing else that may have its name: whoever
/// opens a FIFO waits for its writer, and links lead out of the directory.
/// @returns whether there is such a file; `io_error` for anything but a regular
///          file, too
expected<bool> open_regular(file_ops& ops, const std::string& path,
                            file_handle& file, struct stat& status);

/// Opens the blob with this id and reads its metadata.
/// @returns nothing if there is no such file; `corruption` and what the codecs
///          and the encryption answer for one that cannot be read
expected<std::optional<stored_blob>> open_blob(const store_state& state,
                                               const uuid& id);

/// Undoes compression and serialization.
/// @returns `unknown_codec`, `corruption`, `limit_exceeded`
expected<value> decode_segment(const store_state& state,
                               const blob_layout& layout, bytes_view clear,
                               size_t max_size);

} // namespace larder::detail::ksv
