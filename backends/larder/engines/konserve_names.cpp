// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/konserve/names.hpp"
#include "larder/key.hpp"
#include "larder/konserve/hasch.hpp"

namespace larder::detail::ksv {

namespace {

constexpr std::string_view blob_suffix = ".ksv";
constexpr std::string_view v1_binary_prefix = "B_";
constexpr size_t uuid_size = 36;

/// As konserve writes them: in lower case.
std::optional<uuid> parse_id(std::string_view str) {
  auto result = uuid::parse(str);
  if (result && to_string(*result) != str)
    return std::nullopt;
  return result;
}

/// Returns whether `str`, which stands behind a blob's name and a dot, ends the
/// name of one of larder's own staging files (see `staging_name`).
bool is_our_staging(std::string_view str) {
  constexpr std::string_view suffix = ".new";
  bytes id;
  return str.size() == 32 + suffix.size() && str.ends_with(suffix)
         && from_hex(str.substr(0, 32), id);
}

bool is_helper(std::string_view str) {
  return str == "backup" || str == "cas" || str == "dirty" || str == "new"
         || str.ends_with(".new");
}

file_role role_of_suffix(std::string_view str) {
  if (str == blob_suffix)
    return file_role::blob;
  if (!str.starts_with(blob_suffix) || str[blob_suffix.size()] != '.')
    return file_role::foreign;
  str.remove_prefix(blob_suffix.size() + 1);
  if (is_our_staging(str))
    return file_role::ours;
  return is_helper(str) ? file_role::helper : file_role::foreign;
}

} // namespace

std::string file_id::relative() const {
  switch (role) {
    case file_role::v1_value:
      return to_string(id);
    case file_role::v1_binary:
      return std::string{v1_binary_prefix} + to_string(id);
    case file_role::v2_value:
      return "meta/" + to_string(id);
    default:
      return blob_name(id);
  }
}

classified_name classify(std::string_view name, file_kind kind) {
  if (kind == file_kind::directory && (name == "meta" || name == "data"))
    return {file_role::folder, {}};
  if (kind != file_kind::regular)
    return {};
  auto role = file_role::v1_value;
  if (name.starts_with(v1_binary_prefix)) {
    role = file_role::v1_binary;
    name.remove_prefix(v1_binary_prefix.size());
  }
  auto id = parse_id(name.substr(0, uuid_size));
  if (!id)
    return {};
  if (name.size() == uuid_size)
    return {role, *id};
  if (role == file_role::v1_binary)
    return {};
  return {role_of_suffix(name.substr(uuid_size)), *id};
}

expected<uuid> blob_id(std::string_view encoded_key, value& key) {
  if (is_hidden_key(encoded_key))
    return fail(errc::unsupported, "konserve stores have no hidden keys");
  if (encoded_key.size() > max_key_size)
    return fail(errc::limit_exceeded,
                "a key of " + std::to_string(encoded_key.size())
                  + " bytes; a konserve store takes up to "
                  + std::to_string(max_key_size));
  auto decoded = decode_key(encoded_key);
  if (!decoded)
    return fail(errc::invalid_argument, decoded.error().message());
  key = std::move(*decoded);
  return konserve::hasch_uuid(key);
}

std::string blob_name(const uuid& id) {
  return to_string(id).append(blob_suffix);
}

std::string fence_name(const uuid& id) {
  return blob_name(id) + ".cas";
}

} // namespace larder::detail::ksv
