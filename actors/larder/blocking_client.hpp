// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Talking to a store from code that is not an actor.

#pragma once

#include "larder/actor_types.hpp"
#include "larder/client.hpp"
#include "larder/typed.hpp"

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace larder {

/// What may accompany a put of any kind.
struct put_options {
  value extras;
  time_to_live ttl;
  write_condition condition;
};

/// A facade over a `client`: every function waits for the answer. Any number of
/// threads may use the same object, but no actor may: it would block a thread
/// of the scheduler. For pipelining, `async` several requests and wait for the
/// futures afterwards.
class blocking_client {
public:
  /// @param store a store (store.hpp) or a connection to one (remote.hpp); it
  ///              is not closed with the client
  blocking_client(caf::actor_system& sys, caf::actor store,
                  client_options options = {});

  blocking_client(blocking_client&&) noexcept;

  blocking_client& operator=(blocking_client&&) noexcept;

  ~blocking_client();

  /// Sends any of the requests in messages.hpp.
  template <class Request>
  std::future<expected<typename Request::reply_type>> async(Request request);

  /// Sends a request and waits for the answer.
  template <class Request>
  expected<typename Request::reply_type> call(Request request) {
    return async(std::move(request)).get();
  }

  // -- values -----------------------------------------------------------------

  expected<value> get(value key, path steps = {});

  /// As `get`, with an answer for what is not found.
  expected<value> get_or(value key, path steps, value fallback);

  expected<bool> exists(value key, path steps = {});

  expected<metadata> meta(value key);

  expected<revision> put(value key, value content, put_options options = {});

  expected<revision> put_in(value key, path steps, value content,
                            put_options options = {});

  /// Updates by a named function.
  expected<update_reply> update(value key, path steps, std::string function,
                                std::vector<value> arguments = {});

  /// Updates by a function of this process (see `local_update_request`).
  expected<update_reply>
  update_with(value key, path steps,
              std::function<expected<value>(const value*)> function);

  /// Returns whether there was something to remove.
  expected<bool> erase(value key, path steps = {});

  // -- several keys (messages/batches.hpp) ------------------------------------

  /// Reads several values as of one point in time; those of missing keys are
  /// left out.
  expected<std::vector<found_value>> multi_get(std::vector<value> keys);

  /// Replaces several values; an outcome for each, in order.
  expected<std::vector<key_outcome>>
  multi_put(std::vector<std::pair<value, value>> entries,
            atomicity mode = atomicity::atomic);

  /// Removes several keys; an outcome for each, in order.
  expected<std::vector<key_outcome>>
  multi_erase(std::vector<value> keys, atomicity mode = atomicity::atomic);

  /// Carries out a transaction.
  expected<transact_reply> transact(transact_request request);

  // -- typed values (typed.hpp) -----------------------------------------------

  template <class T>
  expected<revision> put_as(value key, const T& x, put_options options = {}) {
    auto content = to_value(x);
    if (!content)
      return fail(std::move(content.error()));
    return put(std::move(key), std::move(*content), std::move(options));
  }

  template <class T>
  expected<T> get_as(value key, path steps = {}) {
    auto content = get(std::move(key), std::move(steps));
    if (!content)
      return fail(std::move(content.error()));
    return from_value<T>(*content);
  }

  /// Reads a T, has `f` change it in place, and writes it back, atomically.
  /// @returns the T as written
  template <class T, class F>
  expected<T> update_as(value key, path steps, F f) {
    auto g = [f](const value* old) -> expected<value> {
      if (old == nullptr)
        return fail(errc::not_found, "there is nothing to update");
      auto x = from_value<T>(*old);
      if (!x)
        return fail(std::move(x.error()));
      f(*x);
      return to_value(*x);
    };
    auto res = update_with(std::move(key), std::move(steps), g);
    if (!res)
      return fail(std::move(res.error()));
    return from_value<T>(res->after);
  }

  // -- binaries ---------------------------------------------------------------

  /// Gives the next piece of a stream; an empty one ends it.
  using source_fn = std::function<expected<bytes>()>;

  /// Takes the next piece of a stream.
  using sink_fn = std::function<expected<void>(bytes_view)>;

  /// Writes a binary of any size in bounded memory. An error of `source` aborts
  /// and is returned.
  expected<revision> write(value key, const source_fn& source,
                           put_options options = {});

  expected<revision> write(value key, bytes content, put_options options = {});

  /// Writes all that goes into a stream that has been opened, and closes it. An
  /// error of `source` aborts it and is returned.
  expected<revision> fill_stream(uint64_t stream, const source_fn& source);

  /// Reads a whole binary; `limit_exceeded` if it is larger than one message.
  expected<bytes> read(value key);

  /// Reads `length` bytes from `offset` (nothing: to the end) in bounded
  /// memory. `conflict` if the key is written meanwhile.
  expected<uint64_t> read(value key, const sink_fn& sink, uint64_t offset = 0,
                          std::optional<uint64_t> length = std::nullopt);

  // -- watching ---------------------------------------------------------------

  /// Begins to watch. The watch ends with this client at the latest.
  expected<watch_reply> watch(watch_request request);

  /// Fetches events, or none if there are none within `wait`, which must be
  /// shorter than the client's deadline.
  /// @param received the position of the reply before, if given: what has been
  ///                 lost after it comes again
  expected<fetch_events_reply>
  next_events(uint64_t watch,
              std::chrono::milliseconds wait = std::chrono::seconds{10},
              std::optional<watch_position> received = std::nullopt);

  /// Returns whether the watch existed.
  expected<bool> unwatch(uint64_t watch);

  // -- append logs ------------------------------------------------------------

  /// Adds entries to the end of a log; answers their positions.
  expected<append_reply> append(value key, std::vector<value> entries,
                                put_options options = {});

  /// Reads entries from a position on, `limit` or fewer: see
  /// `read_log_reply::next`.
  expected<read_log_reply> read_log(value key, uint64_t from = 0,
                                    uint64_t limit = 1000);

  /// Reads the newest entries, in ascending order.
  expected<read_log_reply> read_newest(value key, uint64_t limit);

  /// Folds a log by a named function (see `reduce_log_request`).
  expected<value> reduce_log(value key, std::string function,
                             std::vector<value> arguments = {},
                             std::optional<value> initial = std::nullopt);

  /// Removes the entries before a position; returns how many there were.
  expected<uint64_t> truncate_log(value key, uint64_t position);

  // -- the store --------------------------------------------------------------

  expected<list_keys_reply> keys(list_keys_request request = {});

  /// Calls `f` for every key, page by page, until it returns an error.
  expected<void>
  for_each_key(list_keys_request request,
               const std::function<expected<void>(key_entry&)>& f);

  expected<value> info();

  expected<value> statistics();

  /// Closes the store (not only this client).
  expected<void> close_store();

private:
  struct state;
  std::unique_ptr<state> state_;
};

} // namespace larder
