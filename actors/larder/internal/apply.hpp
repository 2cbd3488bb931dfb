// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What each request does to the state of its key.

#pragma once

#include "larder/internal/batch.hpp"
#include "larder/internal/operation.hpp"
#include "larder/messages.hpp"

namespace larder::internal {

/// Answers a get of the whole value of a key that is present.
expected<get_reply> whole_value(const value& key, const entry& state);

/// Each function answers the request as of `state` and changes `state` (setting
/// `changed`) if it is a change. On an error nothing has changed.
/// @pre `state` is known as far as the request needs
expected<get_reply> apply(const get_request& req, const entry& state,
                          int64_t now);
expected<exists_reply> apply(const exists_request& req, const entry& state,
                             int64_t now);
expected<metadata_reply> apply(const metadata_request& req, const entry& state,
                               int64_t now);
expected<put_reply> apply(const put_request& req, entry& state,
                          const apply_context& ctx, bool& changed);
expected<update_reply> apply(const update_request& req, entry& state,
                             const apply_context& ctx, bool& changed);
expected<update_reply> apply(const local_update_request& req, entry& state,
                             const apply_context& ctx, bool& changed);
expected<erase_reply> apply(const erase_request& req, entry& state,
                            const apply_context& ctx, bool& changed);
expected<put_reply> apply(const write_request& req, entry& state,
                          const apply_context& ctx, bool& changed);
expected<put_reply> apply(const commit_stream& req, entry& state,
                          const apply_context& ctx, bool& changed);

expected<put_reply> apply(const restore_request& req, entry& state,
                          const apply_context& ctx, bool& changed);
expected<put_reply> apply(const put_stored_request& req, entry& state,
                          const apply_context& ctx, bool& changed);

/// Erases a key if it has expired.
/// @returns whether it had
bool erase_expired(const value& key, entry& state, const apply_context& ctx);

/// Computes when a key expires.
/// @param before the expiry that it has
/// @param whole whether the whole value is replaced
/// @returns `invalid_argument` for a negative or absurd time to live
expected<std::optional<int64_t>> make_expiry(const time_to_live& ttl,
                                             std::optional<int64_t> before,
                                             bool whole, int64_t now);

/// Adds the user's metadata entries to those that are there.
/// @returns `invalid_argument` for entries that are larder's own
expected<value> merge_extras(const value& before, const value& extras);

/// Checks and completes the metadata of a key that is put back.
/// @param type what its content is
/// @returns `invalid_argument`
expected<metadata> restored_metadata(const value& key, metadata meta,
                                     content_type type);

/// Whether what is put back keeps the revision that `meta` has: then it is a
/// copy. Nobody has another idea of the time of the last write.
bool keeps_revision(const metadata& meta, const entry& before);

/// Checks that a blob of another store can be taken over as it is.
/// @param prefix header and metadata
/// @returns its metadata, or errors as put_stored_request
expected<metadata> check_stored(const store_context& store,
                                std::string_view encoded_key, const uuid& from,
                                bytes_view prefix, const entry& before);

/// Prepares the metadata of a key that is going to be written.
/// @param whole whether the whole value is replaced
expected<metadata> next_metadata(const value& key, const entry& state,
                                 content_type type, const value& extras,
                                 const time_to_live& ttl, bool whole,
                                 const apply_context& ctx);

/// Checks that a key may be given another content.
/// @returns `wrong_type` if it holds a log, which is only ever erased
expected<void> check_replaceable(const value& key, const entry& state,
                                 int64_t now);

/// Checks the condition of a change.
expected<void> check(const write_condition& condition, const entry& state,
                     int64_t now);

} // namespace larder::internal
