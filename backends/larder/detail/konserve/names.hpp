// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What the names in the directory of a konserve store mean.

#pragma once

#include "larder/detail/file/ops.hpp"
#include "larder/error.hpp"
#include "larder/uuid.hpp"
#include "larder/value.hpp"

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace larder::detail::ksv {

/// What a directory entry is, by its name. Of the files of one key, the newer
/// layout comes first.
enum class file_role : uint8_t {
  blob,      ///< "UUID.ksv"
  v2_value,  ///< "meta/UUID": metadata of konserve 0.5, its value in "data"
  v1_value,  ///< "UUID": a value of konserve before 0.5
  v1_binary, ///< "B_UUID": a binary of konserve before 0.5
  ours,      ///< "UUID.ksv.HEX.new": being written by larder
  helper,    ///< ".new", ".backup", ".cas" and ".dirty" files of konserve
  folder,    ///< "meta" and "data": the directories of konserve 0.5
  foreign,   ///< anything else
};

/// Whether this is a value in one of the layouts before `.ksv` files.
constexpr bool is_old(file_role x) noexcept {
  return x == file_role::v1_value || x == file_role::v1_binary
         || x == file_role::v2_value;
}

/// A file with a value.
struct file_id {
  file_role role = file_role::blob; ///< a blob, or an old one
  uuid id;

  /// The path in the store's directory.
  std::string relative() const;

  friend bool operator==(const file_id&, const file_id&) = default;

  /// The files of one key stand together, its blob first.
  friend auto operator<=>(const file_id& x, const file_id& y) {
    auto result = x.id <=> y.id;
    return result != 0 ? result : x.role <=> y.role;
  }
};

/// An entry of the store's own directory.
struct classified_name {
  file_role role = file_role::foreign;
  uuid id; ///< of the key, for `blob`, `v1_value` and `v1_binary`
};

classified_name classify(std::string_view name, file_kind kind);

/// Size of the largest encoded key.
constexpr size_t max_key_size = size_t{1} << 20;

/// Decodes a key and returns the id in the name of its file.
/// @returns as `konserve::hasch`, `unsupported` for hidden keys,
///          `limit_exceeded` over `max_key_size`
expected<uuid> blob_id(std::string_view encoded_key, value& key);

/// Returns "UUID.ksv", which is what konserve calls a store key.
std::string blob_name(const uuid& id);

/// Returns "UUID.ksv.cas", the file whose lock fences writers of the key.
std::string fence_name(const uuid& id);

} // namespace larder::detail::ksv
