// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/konserve/keys.hpp"
#include "larder/detail/konserve/log.hpp"
#include "larder/detail/konserve/migration.hpp"
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
    auto old = find_old(state, id);
    if (!old)
      return fail(old.error());
    if (*old)
      return fail(needs_migration(**old));
    // Another process may have moved it between the two looks.
    auto again = open_blob(state, id);
    if (!again)
      return fail(again.error());
    if (*again)
      return fail(errc::conflict, "the key appeared while it was read");
    if (auto ok = state.lock.check_place(); !ok)
      return fail(ok.error());
    return std::nullopt;
  }
  if (!names_same_key((*blob)->meta.key, key, (*blob)->layout.serializer_id)) {
    if (auto ok = check_file_name(state, **blob); !ok)
      return fail(ok.error());
    return std::nullopt; // is another key's, or a node of a log
  }
  auto result = show(state, **blob, key, request.key, request);
  if (result || result.error() != errc::corruption || !(*blob)->is_log())
    return result;
  // Nodes vanish when a log is truncated or erased meanwhile.
  auto now = open_blob(state, id);
  if (now && *now && (*now)->meta.rev == (*blob)->meta.rev)
    return result;
  return fail(errc::conflict, "the log was changed while it was read");
}

read_outcome read_as_it_is(const store_state& state,
                           const read_request& request, const uuid& id,
                           const value& key) {
  if (request.pinned)
    return try_read(state, id, key, request);
  return undisturbed([&] { return try_read(state, id, key, request); });
}

} // namespace

read_outcome read_key(store_state& state, const read_request& request) {
  if (is_hidden_key(request.key))
    return std::nullopt;
  value key;
  auto id = blob_id(request.key, key);
  if (!id)
    return fail(id.error());
  auto result = read_as_it_is(state, request, *id, key);
  if (result || result.error() != errc::unsupported || !state.config.migrate)
    return result;
  auto old = find_old(state, *id);
  if (!old)
    return fail(old.error());
  if (*old) {
    relocation x{**old, key};
    lock_and_move_all(state, {&x, 1});
    if (!x.outcome)
      return fail(x.outcome.error());
  }
  return read_as_it_is(state, request, *id, key);
}

} // namespace larder::detail::ksv
