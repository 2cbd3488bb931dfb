// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The one list of all messages, for what must be done for each of them.

#pragma once

/// The requests that travel between processes. The position of each is its
/// number on the wire: new ones come at the end, and none is ever taken out.
#define LARDER_FOR_EACH_REMOTE_REQUEST(f)                                      \
  f(get_request) f(exists_request) f(metadata_request) f(put_request)          \
    f(update_request) f(erase_request) f(write_request) f(read_range_request)  \
      f(open_stream_request) f(append_stream_request) f(close_stream_request)  \
        f(abort_stream_request) f(list_keys_request) f(verify_request)         \
          f(info_request) f(statistics_request) f(multi_get_request)           \
            f(multi_put_request) f(multi_erase_request) f(transact_request)    \
              f(append_request) f(read_log_request) f(reduce_log_request) f(   \
                truncate_log_request) f(watch_request) f(fetch_events_request) \
                f(unwatch_request) f(begin_sweep_request) f(keep_request)      \
                  f(mark_request) f(sweep_page_request) f(end_sweep_request)   \
                    f(begin_publication_request) f(renew_publication_request)  \
                      f(end_publication_request) f(list_stored_request)        \
                        f(read_stored_request) f(restore_request)              \
                          f(open_restore_request) f(open_restore_log_request)  \
                            f(restore_entries_request) f(put_stored_request)   \
                              f(open_stored_request) f(rekey_request)          \
                                f(open_snapshot_request)                       \
                                  f(list_snapshot_request)                     \
                                    f(read_snapshot_request)                   \
                                      f(close_snapshot_request)

/// The requests that stay in one process.
#define LARDER_FOR_EACH_LOCAL_REQUEST(f)                                       \
  f(local_update_request) f(close_request)

#define LARDER_FOR_EACH_REPLY(f)                                               \
  f(get_reply) f(exists_reply) f(metadata_reply) f(put_reply) f(update_reply)  \
    f(erase_reply) f(read_reply) f(open_stream_reply) f(append_stream_reply)   \
      f(list_keys_reply) f(verify_reply) f(info_reply) f(statistics_reply)     \
        f(close_reply) f(multi_get_reply) f(multi_put_reply)                   \
          f(multi_erase_reply) f(transact_reply) f(append_reply)               \
            f(read_log_reply) f(reduce_log_reply) f(truncate_log_reply)        \
              f(watch_reply) f(fetch_events_reply) f(unwatch_reply)            \
                f(begin_sweep_reply) f(keep_reply) f(mark_reply)               \
                  f(sweep_page_reply) f(end_sweep_reply)                       \
                    f(begin_publication_reply) f(renew_publication_reply)      \
                      f(end_publication_reply) f(list_stored_reply)            \
                        f(read_stored_reply) f(rekey_reply)                    \
                          f(open_snapshot_reply) f(close_snapshot_reply)
