// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/blocking_client.hpp"

#include "larder/internal/batch.hpp"

#include <algorithm>
#include <deque>
#include <optional>

namespace larder {

namespace {

/// Bytes per message of a stream, and pieces under way at the same time: enough
/// to keep both sides busy, little enough to bound memory.
constexpr size_t piece_size = size_t{1} << 20;
constexpr size_t pieces_under_way = 4;

/// The actor behind a blocking client: it runs what the threads post.
struct session_state {
#if LARDER_CAF_1
  static inline const char* name = "larder.session";
#else
  const char* name = "larder.session";
#endif

  std::optional<client> impl;
};

caf::behavior session(caf::stateful_actor<session_state>* self,
                      caf::actor store, client_options options) {
  auto& st = detail::state_of(self);
  st.impl.emplace(self, std::move(store), options);
  return {
    [&st](const internal::use_client& msg) { msg.run(*st.impl); },
  };
}

/// Sets a result exactly once: `closed` if nobody else did.
template <class T>
class result_slot {
public:
  ~result_slot() {
    if (!set_)
      promise_.set_value(
        fail(errc::closed, "the client ended before there was an answer"));
  }

  std::future<expected<T>> get_future() {
    return promise_.get_future();
  }

  void set(expected<T> x) {
    set_ = true;
    promise_.set_value(std::move(x));
  }

private:
  std::promise<expected<T>> promise_;
  bool set_ = false;
};

} // namespace

struct blocking_client::state {
  caf::actor session;

  ~state() {
    if (session)
      detail::anon_send_exit(session, caf::exit_reason::user_shutdown);
  }
};

blocking_client::blocking_client(caf::actor_system& sys, caf::actor store,
                                 client_options options)
  : state_(std::make_unique<state>()) {
  state_->session = sys.spawn(session, std::move(store), options);
}

blocking_client::blocking_client(blocking_client&&) noexcept = default;

blocking_client&
blocking_client::operator=(blocking_client&&) noexcept = default;

blocking_client::~blocking_client() {
  // nop
}

template <class Request>
std::future<expected<typename Request::reply_type>>
blocking_client::async(Request request) {
  using reply = typename Request::reply_type;
  auto slot = std::make_shared<result_slot<reply>>();
  auto result = slot->get_future();
  auto run = [slot, req = std::move(request)](client& impl) {
    impl.send<Request>(req,
                       [slot](expected<reply> x) { slot->set(std::move(x)); });
  };
  detail::anon_send(state_->session, internal::use_client{std::move(run)});
  return result;
}

// The definitions stay here, away from the many files that include the header.
#define LARDER_INSTANTIATE(request)                                            \
  template std::future<expected<request::reply_type>> blocking_client::async(  \
    request);

LARDER_FOR_EACH_REMOTE_REQUEST(LARDER_INSTANTIATE)
LARDER_FOR_EACH_LOCAL_REQUEST(LARDER_INSTANTIATE)

#undef LARDER_INSTANTIATE

// -- values -------------------------------------------------------------------

expected<value> blocking_client::get(value key, path steps) {
  auto res = call(get_request{std::move(key), std::move(steps), std::nullopt});
  if (!res)
    return fail(std::move(res.error()));
  return std::move(res->content);
}

expected<value> blocking_client::get_or(value key, path steps, value fallback) {
  auto res
    = call(get_request{std::move(key), std::move(steps), std::move(fallback)});
  if (!res)
    return fail(std::move(res.error()));
  return std::move(res->content);
}

expected<bool> blocking_client::exists(value key, path steps) {
  auto res = call(exists_request{std::move(key), std::move(steps)});
  if (!res)
    return fail(std::move(res.error()));
  return res->exists;
}

expected<metadata> blocking_client::meta(value key) {
  auto res = call(metadata_request{std::move(key)});
  if (!res)
    return fail(std::move(res.error()));
  return std::move(res->meta);
}

expected<revision> blocking_client::put(value key, value content,
                                        put_options options) {
  return put_in(std::move(key), {}, std::move(content), std::move(options));
}

expected<revision> blocking_client::put_in(value key, path steps, value content,
                                           put_options options) {
  auto res = call(put_request{std::move(key), std::move(steps),
                              std::move(content), std::move(options.extras),
                              options.ttl, options.condition});
  if (!res)
    return fail(std::move(res.error()));
  return res->rev;
}

expected<update_reply> blocking_client::update(value key, path steps,
                                               std::string function,
                                               std::vector<value> arguments) {
  return call(update_request{std::move(key),
                             std::move(steps),
                             std::move(function),
                             std::move(arguments),
                             std::nullopt,
                             {}});
}

expected<update_reply> blocking_client::update_with(
  value key, path steps,
  std::function<expected<value>(const value*)> function) {
  return call(local_update_request{
    std::move(key), std::move(steps), std::move(function), std::nullopt, {}});
}

expected<bool> blocking_client::erase(value key, path steps) {
  auto res = call(erase_request{std::move(key), std::move(steps), {}});
  if (!res)
    return fail(std::move(res.error()));
  return res->existed;
}

// -- several keys -------------------------------------------------------------

expected<std::vector<found_value>>
blocking_client::multi_get(std::vector<value> keys) {
  auto res = call(multi_get_request{std::move(keys)});
  if (!res)
    return fail(std::move(res.error()));
  return std::move(res->found);
}

expected<std::vector<key_outcome>>
blocking_client::multi_put(std::vector<std::pair<value, value>> entries,
                           atomicity mode) {
  multi_put_request request;
  request.mode = mode;
  for (auto& [key, content] : entries)
    request.entries.push_back({std::move(key), std::move(content), {}});
  auto res = call(std::move(request));
  if (!res)
    return fail(std::move(res.error()));
  return std::move(res->outcomes);
}

expected<std::vector<key_outcome>>
blocking_client::multi_erase(std::vector<value> keys, atomicity mode) {
  auto res = call(multi_erase_request{std::move(keys), mode});
  if (!res)
    return fail(std::move(res.error()));
  return std::move(res->outcomes);
}

expected<transact_reply> blocking_client::transact(transact_request request) {
  return call(std::move(request));
}

// -- binaries -----------------------------------------------------------------

expected<revision> blocking_client::write(value key, const source_fn& source,
                                          put_options options) {
  auto opened = call(open_stream_request{
    std::move(key), std::move(options.extras), options.ttl, options.condition});
  if (!opened)
    return fail(std::move(opened.error()));
  return fill_stream(opened->stream, source);
}

expected<revision> blocking_client::fill_stream(uint64_t stream,
                                                const source_fn& source) {
  std::deque<std::future<expected<append_stream_reply>>> under_way;
  auto await_one = [&]() -> expected<void> {
    auto res = under_way.front().get();
    under_way.pop_front();
    if (!res)
      return fail(std::move(res.error()));
    return {};
  };
  auto give_up = [&](error err) {
    static_cast<void>(call(abort_stream_request{stream}));
    return fail(std::move(err));
  };
  for (uint64_t sequence = 0;;) {
    auto piece = source();
    if (!piece)
      return give_up(std::move(piece.error()));
    if (piece->empty())
      break;
    if (under_way.size() >= pieces_under_way)
      if (auto ok = await_one(); !ok)
        return give_up(std::move(ok.error()));
    under_way.push_back(async(append_stream_request{
      stream, sequence++, std::make_shared<const bytes>(std::move(*piece))}));
  }
  while (!under_way.empty())
    if (auto ok = await_one(); !ok)
      return give_up(std::move(ok.error()));
  auto closed = call(close_stream_request{stream});
  if (!closed)
    return fail(std::move(closed.error()));
  return closed->rev;
}

expected<revision> blocking_client::write(value key, bytes content,
                                          put_options options) {
  auto res = call(write_request{
    std::move(key), std::make_shared<const bytes>(std::move(content)),
    std::move(options.extras), options.ttl, options.condition});
  if (!res)
    return fail(std::move(res.error()));
  return res->rev;
}

expected<bytes> blocking_client::read(value key) {
  auto res
    = call(read_range_request{std::move(key), 0, std::nullopt, std::nullopt});
  if (!res)
    return fail(std::move(res.error()));
  return *res->content;
}

expected<uint64_t> blocking_client::read(value key, const sink_fn& sink,
                                         uint64_t offset,
                                         std::optional<uint64_t> length) {
  // The first piece tells size and revision; the others stay with them.
  auto first = call(read_range_request{
    key, offset, std::min<uint64_t>(length.value_or(piece_size), piece_size),
    std::nullopt});
  if (!first)
    return fail(std::move(first.error()));
  auto end = offset
             + std::min(length.value_or(first->size), first->size - offset);
  auto total = end - offset;
  std::deque<std::future<expected<read_reply>>> under_way;
  auto next = offset + first->content->size();
  auto ask = [&] {
    while (next < end && under_way.size() < pieces_under_way) {
      auto n = std::min<uint64_t>(piece_size, end - next);
      under_way.push_back(async(read_range_request{key, next, n, first->rev}));
      next += n;
    }
  };
  ask();
  if (auto ok = sink(*first->content); !ok)
    return fail(std::move(ok.error()));
  while (!under_way.empty()) {
    auto piece = under_way.front().get();
    under_way.pop_front();
    if (!piece)
      return fail(std::move(piece.error()));
    ask();
    if (auto ok = sink(*piece->content); !ok)
      return fail(std::move(ok.error()));
  }
  return total;
}

// -- watching -----------------------------------------------------------------

expected<watch_reply> blocking_client::watch(watch_request request) {
  return call(std::move(request));
}

expected<fetch_events_reply>
blocking_client::next_events(uint64_t watch, std::chrono::milliseconds wait,
                             std::optional<watch_position> received) {
  fetch_events_request request;
  request.watch = watch;
  request.wait = wait;
  request.received = received;
  return call(std::move(request));
}

expected<bool> blocking_client::unwatch(uint64_t watch) {
  auto res = call(unwatch_request{watch});
  if (!res)
    return fail(std::move(res.error()));
  return res->existed;
}

// -- append logs --------------------------------------------------------------

expected<append_reply> blocking_client::append(value key,
                                               std::vector<value> entries,
                                               put_options options) {
  return call(append_request{std::move(key), std::move(entries),
                             std::move(options.extras), options.ttl,
                             options.condition});
}

expected<read_log_reply> blocking_client::read_log(value key, uint64_t from,
                                                   uint64_t limit) {
  return call(read_log_request{std::move(key), from, limit, false});
}

expected<read_log_reply> blocking_client::read_newest(value key,
                                                      uint64_t limit) {
  return call(read_log_request{std::move(key), 0, limit, true});
}

expected<value> blocking_client::reduce_log(value key, std::string function,
                                            std::vector<value> arguments,
                                            std::optional<value> initial) {
  auto res
    = call(reduce_log_request{std::move(key), std::move(function),
                              std::move(arguments), std::move(initial), 0});
  if (!res)
    return fail(std::move(res.error()));
  return std::move(res->result);
}

expected<uint64_t> blocking_client::truncate_log(value key, uint64_t position) {
  auto res = call(truncate_log_request{std::move(key), position, {}});
  if (!res)
    return fail(std::move(res.error()));
  return res->removed;
}

// -- the store ----------------------------------------------------------------

expected<list_keys_reply> blocking_client::keys(list_keys_request request) {
  return call(std::move(request));
}

expected<void> blocking_client::for_each_key(
  list_keys_request request,
  const std::function<expected<void>(key_entry&)>& f) {
  do {
    auto page = call(request);
    if (!page)
      return fail(std::move(page.error()));
    for (auto& item : page->entries)
      if (auto ok = f(item); !ok)
        return ok;
    request.after = std::move(page->next);
  } while (!request.after.empty());
  return {};
}

expected<value> blocking_client::info() {
  auto res = call(info_request{});
  if (!res)
    return fail(std::move(res.error()));
  return std::move(res->info);
}

expected<value> blocking_client::statistics() {
  auto res = call(statistics_request{});
  if (!res)
    return fail(std::move(res.error()));
  return std::move(res->statistics);
}

expected<void> blocking_client::close_store() {
  auto res = call(close_request{});
  if (!res)
    return fail(std::move(res.error()));
  return {};
}

} // namespace larder
