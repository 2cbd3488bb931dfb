// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/record_input.hpp"

#include <algorithm>

namespace larder::detail {

namespace {

/// An index for more than a terabyte; a larger one is not believed.
constexpr uint64_t max_tail_size = uint64_t{64} << 20;

tl::unexpected<error> taken_back() {
  return fail(errc::conflict, "the key changed while its backup was made");
}

} // namespace

record_input::record_input(archive_reader& in) : in_(in), record_(in.blob()) {
  // nop
}

/// Reads the next piece; false if there is none.
expected<bool> record_input::advance() {
  if (broken_)
    return fail(*broken_);
  if (ended_)
    return false;
  auto event = in_.next();
  if (!event) {
    broken_ = event.error();
    return fail(std::move(event.error()));
  }
  if (*event != archive_reader::event::piece) {
    ended_ = true;
    aborted_ = *event == archive_reader::event::aborted;
    before_segment_ = *event == archive_reader::event::segment;
    return false;
  }
  auto piece = in_.piece();
  auto missing = record_.tail_size - tail_.size();
  auto n = std::min<uint64_t>(missing, piece.size());
  if (record_.tail_size <= max_tail_size)
    append(tail_, piece.first(n));
  append(rest_, piece.subspan(n));
  return true;
}

/// Reads until the bytes before `position` have been there.
expected<void> record_input::read_up_to(uint64_t position) {
  while (tail_.size() < record_.tail_size || begin_ + rest_.size() < position) {
    auto more = advance();
    if (!more)
      return fail(std::move(more.error()));
    if (!*more)
      return taken_back();
  }
  return {};
}

expected<bytes> record_input::fetch(uint64_t offset, size_t length) {
  if (record_.tail_size > max_tail_size)
    return fail(errc::limit_exceeded, "the index of the chunks is too large");
  auto tail_begin = record_.size - record_.tail_size;
  if (offset > record_.size || (offset < begin_ && offset < tail_begin))
    return fail(errc::corruption,
                "the blob in the archive is not in the order in which it can "
                "be read");
  auto end = offset + std::min<uint64_t>(length, record_.size - offset);
  auto begin_of_tail = std::min(end, tail_begin);
  if (auto ok = read_up_to(begin_of_tail); !ok)
    return fail(std::move(ok.error()));
  bytes result;
  if (offset < begin_of_tail) {
    auto skip = offset - begin_;
    append(result, bytes_view{rest_}.subspan(skip, begin_of_tail - offset));
    if (forgetful_) {
      rest_.erase(rest_.begin(), rest_.begin() + static_cast<ptrdiff_t>(skip));
      begin_ = offset;
    }
  }
  if (end > tail_begin) {
    auto from = std::max(offset, tail_begin);
    append(result, bytes_view{tail_}.subspan(from - tail_begin, end - from));
  }
  return result;
}

expected<void> record_input::finish() {
  for (;;) {
    auto more = advance();
    if (!more)
      return fail(std::move(more.error()));
    if (!*more)
      return aborted_ ? taken_back() : expected<void>{};
    begin_ += rest_.size();
    rest_.clear();
  }
}

} // namespace larder::detail
