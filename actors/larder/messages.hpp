// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Everything a store actor says and hears.
///
/// All messages are plain structs. A request goes to a store actor (store.hpp),
/// to one of its key actors by way of a client (client.hpp), or to a connection
/// to a store in another process (remote.hpp): the answer is the same. It is
/// the reply struct named behind the arrow, or a `caf::error` that
/// `to_error` (errors.hpp) turns into an `error`. An answer to a change is
/// sent when the change is durable, as far as the engine and its options
/// promise. Values and bytes are shared, never copied, within one process.
///
/// | on              | requests                                              |
/// |-----------------|-------------------------------------------------------|
/// | a key           | get, exists, metadata, put, update, erase             |
/// | a binary        | write, read_range, *_stream                           |
/// | several keys    | multi_get, multi_put, multi_erase, transact           |
/// | an append log   | append, read_log, reduce_log, truncate_log            |
/// | changes         | watch, fetch_events, unwatch                          |
/// | keys to go      | *_sweep, keep, mark, sweep_page, *_publication        |
/// | backups         | list_stored, read_stored, *_snapshot, restore,        |
/// |                 | open_restore, open_restore_log, restore_entries,      |
/// |                 | put_stored, open_stored                               |
/// | the store       | list_keys, verify, info, statistics, rekey, close     |

#pragma once

#include "larder/messages/backup.hpp"
#include "larder/messages/batches.hpp"
#include "larder/messages/binaries.hpp"
#include "larder/messages/collection.hpp"
#include "larder/messages/logs.hpp"
#include "larder/messages/rekey.hpp"
#include "larder/messages/store.hpp"
#include "larder/messages/values.hpp"
#include "larder/messages/watches.hpp"
