// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/file/identity.hpp"
#include "larder/detail/konserve/keys.hpp"
#include "larder/detail/konserve/read.hpp"
#include "larder/detail/konserve/show.hpp"
#include "larder/key.hpp"

namespace larder::detail::ksv {

namespace {

read_outcome try_read(const store_state& state, const uuid& id,
                      const value& key, const read_request& request) {
  auto blob = open_blob(state, id);
  if (!blob)
    return fail(blob.error());
  if (!*blob) {
    if (auto ok = check_not_old(state, id); !ok)
      return fail(ok.error());
    return std::nullopt;
  }
  if (!names_same_key((*blob)->meta.key, key, (*blob)->layout.serializer_id))
    return std::nullopt; // is another key's, or a node of a log
  auto result = show(state, **blob, key, request.key, request);
  if (result || result.error() != errc::corruption || !(*blob)->is_log())
    return result;
  // Nodes vanish when a log is truncated or erased meanwhile.
  auto now = open_blob(state, id);
  if (now && *now && (*now)->meta.rev == (*blob)->meta.rev)
    return result;
  return fail(errc::conflict, "the log was changed while it was read");
}

} // namespace

read_outcome read_key(const store_state& state, const read_request& request) {
  if (is_hidden_key(request.key))
    return std::nullopt;
  value key;
  auto id = blob_id(request.key, key);
  if (!id)
    return fail(id.error());
  if (request.pinned)
    return try_read(state, *id, key, request);
  return undisturbed([&] { return try_read(state, *id, key, request); });
}

// -- old layouts --------------------------------------------------------------

expected<std::optional<file_id>> find_old(const store_state& state,
                                          const uuid& id) {
  for (auto role :
       {file_role::v1_value, file_role::v1_binary, file_role::v2_value}) {
    file_id result{role, id};
    auto there = path_exists(*state.ops, state.path(result.relative()));
    if (!there)
      return fail(there.error());
    if (*there)
      return result;
  }
  return std::nullopt;
}

error needs_migration(const file_id& file) {
  return {errc::unsupported,
          file.relative()
            + " is a value in an old layout of konserve's: open the store with "
              "migrate=yes"};
}

expected<void> check_not_old(const store_state& state, const uuid& id) {
  auto old = find_old(state, id);
  if (!old)
    return fail(old.error());
  if (*old)
    return fail(needs_migration(**old));
  return {};
}

} // namespace larder::detail::ksv
