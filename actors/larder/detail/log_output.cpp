// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/log_output.hpp"

#include "larder/detail/patience.hpp"
#include "larder/messages/backup.hpp"

#include <deque>
#include <future>
#include <utility>

namespace larder::detail {

namespace {

/// Segments under way at the same time.
constexpr size_t segments_under_way = 8;

/// Sends entries, a segment per message.
class entry_sender {
public:
  entry_sender(blocking_client& to, uint64_t stream)
    : client_(to), stream_(stream) {
    // nop
  }

  expected<void> send(std::vector<value> entries) {
    if (under_way_.size() >= segments_under_way)
      if (auto ok = await_one(); !ok)
        return ok;
    under_way_.push_back(client_.async(
      restore_entries_request{stream_, sequence_++, std::move(entries)}));
    return {};
  }

  expected<void> finish() {
    while (!under_way_.empty())
      if (auto ok = await_one(); !ok)
        return ok;
    return {};
  }

private:
  expected<void> await_one() {
    auto reply = under_way_.front().get();
    under_way_.pop_front();
    return reply ? expected<void>{} : fail(std::move(reply.error()));
  }

  blocking_client& client_;
  uint64_t stream_;
  uint64_t sequence_ = 0;
  std::deque<std::future<expected<append_stream_reply>>> under_way_;
};

/// Sends the segments of a log, more that are made of its tail, and what is
/// left of that.
expected<void> send_all(entry_sender to, log_input& log,
                        std::vector<internal::numbered_segment> sealed,
                        std::vector<value> tail) {
  for (;;) {
    auto entries = log.next();
    if (!entries)
      return fail(std::move(entries.error()));
    if (entries->empty())
      break;
    if (auto ok = to.send(std::move(*entries)); !ok)
      return ok;
  }
  for (auto& x : sealed)
    if (auto ok = to.send(std::move(x.content.entries)); !ok)
      return ok;
  if (!tail.empty())
    if (auto ok = to.send(std::move(tail)); !ok)
      return ok;
  return to.finish();
}

} // namespace

expected<void> put_log(blocking_client& to, const value& key, metadata meta,
                       log_input& log, const write_condition& condition) {
  auto& head = log.head();
  // Of a store that keeps logs whole, all entries are in the tail.
  internal::log_head end;
  auto sealed = internal::add_entries(end, head.tail, true);
  auto segments = head.next - head.first + sealed.size();
  open_restore_log_request request{key, std::move(meta), head.begin, segments,
                                   condition};
  auto opened = patiently([&] { return to.call(request); });
  if (!opened)
    return fail(std::move(opened.error()));
  auto sent = send_all(entry_sender{to, opened->stream}, log, std::move(sealed),
                       std::move(end.tail));
  if (!sent) {
    static_cast<void>(to.call(abort_stream_request{opened->stream}));
    return fail(std::move(sent.error()));
  }
  auto closed = to.call(close_stream_request{opened->stream});
  if (!closed)
    return fail(std::move(closed.error()));
  return {};
}

} // namespace larder::detail
