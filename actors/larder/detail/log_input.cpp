// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/log_input.hpp"

namespace larder::detail {

log_input::log_input(archive_reader& in, const chain& blobs)
  : in_(in),
    blobs_(blobs),
    record_(in.record()),
    blob_(std::in_place, in),
    number_(record_.log->first) {
  // nop
}

expected<document> log_input::decode() {
  auto& lim = blobs_.config().limits;
  auto& record = blob_->record();
  if (record.size > lim.max_value_size + 2 * lim.max_metadata_size)
    return fail(errc::limit_exceeded, "a segment is too large");
  auto whole = blob_->fetch(0, record.size);
  if (!whole)
    return fail(std::move(whole.error()));
  size_ += record.size;
  return blobs_.decode(record.key, *whole);
}

expected<document> log_input::read_head() {
  auto doc = decode();
  if (!doc)
    return fail(std::move(doc.error()));
  auto head = internal::log_head::from_value(doc->content);
  if (!head)
    return fail(std::move(head.error()));
  archive_log told{head->id, head->first, head->next};
  if (doc->meta.type != content_type::append_log || told != record_.log)
    return fail(errc::corruption,
                "the head of the log is not the one that the archive tells of");
  head_ = std::move(*head);
  position_ = head_.begin;
  return doc;
}

/// Goes to the next segment; false if there is none.
expected<bool> log_input::advance() {
  if (auto ok = blob_->finish(); !ok)
    return fail(std::move(ok.error()));
  if (!blob_->before_segment())
    return false;
  blob_.emplace(in_);
  return true;
}

expected<std::vector<value>> log_input::next() {
  auto more = advance();
  if (!more)
    return fail(std::move(more.error()));
  if (!*more && position_ != head_.tail_begin())
    return fail(errc::corruption, "entries of the log are missing");
  if (!*more)
    return std::vector<value>{};
  auto name = "segment " + std::to_string(number_++);
  auto doc = decode();
  if (!doc)
    return fail(doc.error().with_context(name));
  auto segment = internal::log_segment::from_value(doc->content);
  if (!segment)
    return fail(segment.error().with_context(name));
  if (segment->from != position_ || segment->end() > head_.tail_begin())
    return fail(errc::corruption,
                name + " of the log does not begin where it must");
  position_ = segment->end();
  return std::move(segment->entries);
}

expected<void> log_input::finish() {
  for (;;) {
    auto more = advance();
    if (!more)
      return fail(std::move(more.error()));
    if (!*more)
      return {};
  }
}

} // namespace larder::detail
