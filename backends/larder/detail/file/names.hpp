// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// How keys are named on disk; docs/file-engine.md is the specification.

#pragma once

#include "larder/bytes.hpp"
#include "larder/error.hpp"
#include "larder/uuid.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace larder::detail {

/// Number of directories that the blobs are spread over.
constexpr size_t fan_out = 256;

/// Size of the largest key.
constexpr size_t max_key_size = size_t{1} << 20;

/// Returns `limit_exceeded` for keys over `max_key_size`.
expected<void> check_key(std::string_view key);

/// Where the blob of a key is.
struct file_name {
  unsigned dir = 0; ///< below `fan_out`
  std::string name;
  /// The name holds only the start of the key and its SHA-256; the key stands
  /// behind the blob, see `make_trailer`.
  bool is_long = false;

  /// Returns "ab/name".
  std::string relative() const;
};

/// Returns where the blob of `key` is.
file_name name_of(std::string_view key);

/// Returns the two hexadecimal digits that name a directory.
std::string dir_name(unsigned dir);

/// The inverse of `dir_name`.
std::optional<unsigned> parse_dir_name(std::string_view name);

/// What a file's name tells of its key.
struct parsed_name {
  bool is_long = false;
  std::string key; ///< of a long name, only the start of the key
};

/// Reads the name of a blob's file in directory `dir`; nothing if `name_of`
/// does not make such names: then the file is foreign.
std::optional<parsed_name> parse_name(unsigned dir, std::string_view name);

/// Returns the name of a new file that will be renamed to `name`.
std::string staging_name(std::string_view name, const uuid& unique);

/// Returns whether `staging_name` makes such names.
bool is_staging_name(std::string_view name);

/// What stands behind a blob whose name is long: the key, its size (4 bytes,
/// big endian), and 8 bytes of magic. The SHA-256 in the name is its checksum.
bytes make_trailer(std::string_view key);

/// Size of `make_trailer` of a key.
constexpr size_t trailer_size(size_t key_size) {
  return key_size + 12;
}

/// Size of the part of a trailer that does not depend on the key.
constexpr size_t trailer_tail_size = 12;

/// Reads the last bytes of a trailer.
/// @returns the size of the key, nothing if this is no trailer
std::optional<uint32_t> parse_trailer_tail(bytes_view tail);

} // namespace larder::detail
