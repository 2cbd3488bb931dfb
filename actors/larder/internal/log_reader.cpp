// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/log_reader.hpp"

#include "larder/internal/call_function.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace larder::internal {

namespace {

/// A step of a reduction goes through as many segments, so that others get
/// their turn.
constexpr int segments_per_step = 16;

std::string name_of(uint64_t number) {
  return "segment " + std::to_string(number) + " of the log";
}

/// Reads a segment that the head knows.
expected<log_segment> need(const segment_fetch& fetch, uint64_t number) {
  auto result = fetch(number);
  if (!result)
    return fail(result.error().with_context(name_of(number)));
  if (!*result)
    return fail(errc::conflict, name_of(number) + " is missing");
  return std::move(**result);
}

tl::unexpected<error> misplaced(uint64_t number, uint64_t position) {
  return fail(errc::corruption, name_of(number) + " does not hold the entry at "
                                  + std::to_string(position));
}

expected<uint64_t> begin_at(uint64_t position, const log_head& head) {
  if (position > head.end)
    return fail(errc::out_of_range,
                "the log ends at " + std::to_string(head.end)
                  + ", there is nothing at " + std::to_string(position));
  return std::max(position, head.begin);
}

} // namespace

// -- finding a position -------------------------------------------------------

expected<numbered_segment> find_segment(const log_head& head, uint64_t position,
                                        const segment_fetch& fetch) {
  auto low = head.first;
  auto high = head.next;
  auto low_position = head.begin;
  auto high_position = head.tail_begin();
  // Segments of similar entries have similar sizes: a guess is mostly right.
  // Every other step halves the range, so that nothing makes this linear.
  for (auto halve = false; low < high; halve = !halve) {
    auto share = halve ? 0.5
                       : static_cast<double>(position - low_position)
                           / static_cast<double>(high_position - low_position);
    auto offset
      = static_cast<uint64_t>(share * static_cast<double>(high - low));
    auto number = low + std::min(offset, high - low - 1);
    auto segment = need(fetch, number);
    if (!segment)
      return fail(std::move(segment.error()));
    auto from = segment->from;
    auto end = segment->end();
    if (end > high_position || (number > head.first && from < low_position))
      return misplaced(number, position);
    if (from <= position && position < end)
      return numbered_segment{number, std::move(*segment)};
    if (position < from && number == head.first)
      return fail(errc::conflict, name_of(number) + " has been truncated");
    if (position < from) {
      high = number;
      high_position = from;
    } else {
      low = number + 1;
      low_position = end;
    }
  }
  return misplaced(low, position);
}

// -- going on from there ------------------------------------------------------

log_cursor::log_cursor(const log_head& head, uint64_t position,
                       segment_fetch fetch, std::optional<uint64_t> number)
  : head_(head),
    position_(position),
    fetch_(std::move(fetch)),
    number_(number) {
  if (!number_ && position_ == head_.begin)
    number_ = head_.first;
}

expected<log_segment> log_cursor::load() {
  if (!number_) {
    auto found = find_segment(head_, position_, fetch_);
    if (!found)
      return fail(std::move(found.error()));
    number_ = found->number;
    return std::move(found->content);
  }
  auto result = need(fetch_, *number_);
  if (result && *number_ == head_.first && result->from > position_)
    return fail(errc::conflict, name_of(*number_) + " has been truncated");
  if (result
      && (position_ < result->from || result->end() <= position_
          || result->end() > head_.tail_begin()))
    return misplaced(*number_, position_);
  return result;
}

expected<std::span<const value>> log_cursor::next() {
  if (position_ >= head_.tail_begin()) {
    auto skip = position_ - head_.tail_begin();
    position_ = head_.end;
    return std::span{head_.tail}.subspan(skip);
  }
  auto segment = load();
  if (!segment)
    return fail(std::move(segment.error()));
  current_ = std::move(*segment);
  auto skip = position_ - current_.from;
  position_ = current_.end();
  number_ = *number_ + 1;
  return std::span<const value>{current_.entries}.subspan(skip);
}

// -- what is asked for --------------------------------------------------------

expected<uint64_t> first_position(const read_log_request& req,
                                  const log_head& head) {
  if (req.newest)
    return head.end - std::min(req.limit, head.end - head.begin);
  return begin_at(req.from, head);
}

expected<uint64_t> first_position(const reduce_log_request& req,
                                  const log_head& head) {
  return begin_at(req.from, head);
}

expected<read_log_reply> read_page(const log_head& head,
                                   const read_log_request& req,
                                   size_t max_bytes,
                                   const segment_fetch& fetch) {
  auto from = first_position(req, head);
  if (!from)
    return fail(std::move(from.error()));
  read_log_reply result;
  result.from = result.next = *from;
  result.begin = head.begin;
  result.end = head.end;
  log_cursor cursor{head, *from, fetch};
  size_t size = 0;
  while (result.entries.size() < req.limit) {
    auto entries = cursor.next();
    if (!entries)
      return fail(std::move(entries.error()));
    if (entries->empty())
      break;
    for (auto& x : *entries) {
      size += x.footprint();
      if (result.entries.size() == req.limit
          || (size > max_bytes && !result.entries.empty()))
        return result;
      result.entries.push_back(x);
      ++result.next;
    }
  }
  return result;
}

expected<bool> reduce_some(const log_head& head, log_reduction& state,
                           const named_function& function,
                           std::span<const value> arguments, size_t max_bytes,
                           const segment_fetch& fetch) {
  log_cursor cursor{head, state.position, fetch, state.number};
  std::vector<value> args{value{}};
  args.insert(args.end(), arguments.begin(), arguments.end());
  for (auto i = 0; i < segments_per_step; ++i) {
    auto entries = cursor.next();
    if (!entries)
      return fail(std::move(entries.error()));
    if (entries->empty())
      return true;
    for (auto& x : *entries) {
      args.front() = x;
      auto& old = state.result;
      auto result = call_function(function, old ? &*old : nullptr, args);
      if (!result)
        return fail(result.error().with_context(
          "the entry at "
          + std::to_string(cursor.position() - entries->size()
                           + static_cast<size_t>(&x - entries->data()))));
      old = std::move(*result);
    }
    if (state.result->footprint() > max_bytes)
      return fail(errc::limit_exceeded,
                  "the result is larger than a message of "
                    + std::to_string(max_bytes) + " bytes may be");
    state.position = cursor.position();
    state.number = cursor.number();
  }
  return false;
}

} // namespace larder::internal
