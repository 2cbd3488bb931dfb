// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/backup.hpp"

#include "larder/detail/backup.hpp"
#include "larder/detail/blob_check.hpp"
#include "larder/detail/chunk_format.hpp"
#include "larder/detail/hidden_key.hpp"
#include "larder/detail/patience.hpp"
#include "larder/detail/pipeline.hpp"
#include "larder/key.hpp"
#include "larder/messages/backup.hpp"
#include "larder/text.hpp"

#include <algorithm>
#include <exception>
#include <variant>

namespace larder {

namespace {

using detail::blob_check;

/// Bytes of a blob in one message; most blobs take one.
constexpr uint64_t piece_size = size_t{1} << 20;

/// Bytes of one key under way at the same time.
constexpr size_t max_under_way = 4 * piece_size;

/// What a segment of a log counts as; few are larger.
constexpr size_t segment_weight = max_under_way / 16;

/// How often a blob is read again that was replaced while it was read.
constexpr int max_attempts = 100;

// -- one moment ---------------------------------------------------------------

/// Reads what is stored: as of one moment if the engine can keep it, otherwise
/// as it is when it is read.
class stored_reader {
public:
  explicit stored_reader(blocking_client& client) : client_(client) {
    // nop
  }

  ~stored_reader() {
    try {
      if (snapshot_ != 0)
        static_cast<void>(client_.call(close_snapshot_request{snapshot_}));
    } catch (const std::exception&) {
      // The store gives it up when nobody uses it.
    }
  }

  stored_reader(const stored_reader&) = delete;
  stored_reader& operator=(const stored_reader&) = delete;

  expected<void> take_snapshot() {
    auto opened = detail::patiently(
      [&] { return client_.call(open_snapshot_request{}); });
    if (opened)
      snapshot_ = opened->snapshot;
    else if (opened.error() != errc::unsupported) // also by older servers
      return fail(std::move(opened.error()));
    return {};
  }

  bool has_snapshot() const noexcept {
    return snapshot_ != 0;
  }

  template <class Request>
  auto call(const Request& req) {
    return snapshot_ == 0 ? client_.call(req) : client_.call(moved_there(req));
  }

  template <class Request>
  auto async(const Request& req) {
    return snapshot_ == 0 ? client_.async(req)
                          : client_.async(moved_there(req));
  }

private:
  list_snapshot_request moved_there(const list_stored_request& req) const {
    return {snapshot_, req};
  }

  read_snapshot_request moved_there(const read_stored_request& req) const {
    return {snapshot_, req};
  }

  blocking_client& client_;
  uint64_t snapshot_ = 0;
};

template <class Mark>
using read_pipeline
  = detail::pipeline<read_stored_request, Mark, stored_reader>;

// -- one large blob -----------------------------------------------------------

/// Reads ranges of one revision of a blob, a few at the same time.
class blob_source {
public:
  /// @param segment if it is not the key's own blob
  blob_source(stored_reader& client, value key, const revision& rev,
              std::optional<stored_segment> segment = std::nullopt)
    : client_(client), base_{std::move(key), 0, 0, rev, std::move(segment)} {
    // nop
  }

  /// Hands the bytes from `begin` to `end` to `sink`, in order.
  expected<void> read(uint64_t begin, uint64_t end,
                      const archive_writer::sink_fn& sink) {
    expected<void> result;
    auto take = [&](std::monostate, expected<read_stored_reply> piece) {
      if (result)
        result = piece ? sink(*piece->content) : fail(piece.error());
    };
    read_pipeline<std::monostate> pieces{client_, take, max_under_way};
    while (begin < end && result) {
      auto wanted = base_;
      wanted.offset = begin;
      wanted.length = std::min(piece_size, end - begin);
      begin += wanted.length;
      pieces.send({}, wanted, wanted.length);
    }
    pieces.finish();
    return result;
  }

private:
  stored_reader& client_;
  read_stored_request base_;
};

// -- the whole store ----------------------------------------------------------

class backup_run {
public:
  backup_run(blocking_client& from, const archive_writer::sink_fn& to,
             const backup_options& options)
    : client_(from),
      stored_(from),
      out_(to),
      options_(options),
      reads_(stored_, [this](const value& key, auto reply) {
        if (!broken_)
          receive(key, std::move(reply));
      }) {
    // nop
  }

  expected<backup_result> run() {
    if (options_.one_moment)
      if (auto ok = stored_.take_snapshot(); !ok)
        return fail(ok.error().with_context("taking a snapshot"));
    if (auto ok = begin(); !ok)
      return fail(std::move(ok.error()));
    list_stored_request request;
    do {
      auto page = detail::patiently([&] { return stored_.call(request); });
      if (!page && is_lost(page.error()))
        return fail(lost(page.error()));
      if (!page)
        return fail(page.error().with_context("the listing of the keys"));
      if (options_.choose)
        if (auto ok = options_.choose(page->entries); !ok)
          return fail(std::move(ok.error()));
      for (auto& x : page->entries)
        if (add(x); broken_)
          break;
      request.after = std::move(page->next);
    } while (!request.after.empty() && !broken_);
    reads_.finish();
    if (!broken_)
      note(out_.finish());
    if (broken_)
      return fail(std::move(*broken_));
    return backup_result{std::move(head_), out_.counts(),
                         stored_.has_snapshot()};
  }

private:
  expected<void> begin() {
    auto info = client_.info();
    if (!info)
      return fail(std::move(info.error()));
    auto* id = info->find(value::keyword("id"));
    auto* name = info->find(value::keyword("name"));
    if (id == nullptr || !id->is(value::kind::uuid) || name == nullptr
        || !name->is(value::kind::string))
      return fail(errc::unsupported, "the store does not tell its identity");
    head_ = {uuid::random(), id->as_uuid(), std::nullopt, detail::wall_clock(),
             std::string{name->as_string()}};
    if (options_.since != nullptr) {
      auto& base = options_.since->head();
      if (base.store != head_.store)
        return fail(errc::invalid_argument,
                    "the archive to build on is of another store: "
                      + base.store_name + ", " + to_string(base.store));
      head_.base = base.id;
    }
    return out_.begin(head_);
  }

  /// Of one moment a blob has no other revision.
  bool is_lost(const error& why) const {
    return stored_.has_snapshot() && why == errc::conflict;
  }

  static error lost(const error& why) {
    return {errc::conflict,
            "the snapshot of the store is lost, and what was written is no "
            "archive: begin again, if need be without a snapshot ("
              + why.message() + ")"};
  }

  void note(expected<void> ok) {
    if (!ok && !broken_)
      broken_ = std::move(ok.error());
  }

  /// Leaves a key out.
  void miss(const value& key, const error& why) {
    if (detail::concerns_all_keys(why.code())) {
      note(fail(why.with_context(to_edn(key))));
      return;
    }
    out_.add_missing();
    if (options_.on_missing)
      options_.on_missing(key, why);
  }

  void add(const stored_entry& x) {
    if (x.damage)
      return miss(x.key, *x.damage);
    if (is_unchanged(x))
      note(out_.add_unchanged(*encode_key(x.key), x.rev));
    else
      reads_.send(x.key,
                  read_stored_request{x.key, 0, piece_size, std::nullopt},
                  std::min(x.size, piece_size));
    if (options_.progress)
      options_.progress(out_.counts());
  }

  bool is_unchanged(const stored_entry& x) const {
    if (options_.since == nullptr || !x.rev.valid())
      return false;
    auto key = encode_key(x.key);
    auto before = key ? options_.since->find(*key) : nullptr;
    return before != nullptr && *before == x.rev;
  }

  /// Takes the first piece of a blob, which may be all of it.
  void receive(const value& key, expected<read_stored_reply> first) {
    for (auto attempt = 1;; ++attempt) {
      auto done = first ? copy(key, *first) : fail(first.error());
      if (broken_ || done)
        return;
      if (is_lost(done.error()))
        return note(fail(lost(done.error())));
      if (done.error() == errc::not_found)
        return; // it was erased meanwhile
      if (done.error() != errc::conflict || attempt == max_attempts)
        return miss(key, done.error());
      first = read_first(key, piece_size);
    }
  }

  expected<read_stored_reply> read_first(const value& key, uint64_t length) {
    read_stored_request wanted{key, 0, length, std::nullopt};
    return detail::patiently([&] { return stored_.call(wanted); });
  }

  /// Writes one record. Errors of the archive are noted, those of the key are
  /// answered.
  expected<void> copy(const value& key, const read_stored_reply& first) {
    auto encoded = encode_key(key);
    if (!encoded)
      return fail(std::move(encoded.error()));
    auto hdr = header::decode(*first.content);
    if (!hdr)
      return fail(std::move(hdr.error()));
    auto whole = first.content->size() == first.size;
    blob_source rest{stored_, key, first.rev};
    if (hdr->has(header::flag_log))
      return copy_log(key, std::move(*encoded), first, rest);
    archive_record record{std::move(*encoded), first.rev, first.size, 0};
    if (first.size >= detail::trailer_size) {
      bytes trailer;
      auto gather = [&trailer](bytes_view piece) -> expected<void> {
        append(trailer, piece);
        return {};
      };
      auto begin = first.size - detail::trailer_size;
      auto ok = whole ? gather(bytes_view{*first.content}.subspan(begin))
                      : rest.read(begin, first.size, gather);
      if (!ok)
        return ok;
      record.tail_size
        = std::min(first.size, detail::archived_tail_size(*hdr, trailer));
    }
    return whole ? write_small(std::move(record), *first.content)
                 : write_large(std::move(record), *first.content, rest);
  }

  expected<void> check_whole(const archive_record& record, bytes_view tail,
                             bytes_view rest) const {
    blob_check check{head_.store, record};
    for (auto piece : {tail, rest})
      if (auto ok = check.update(piece); !ok)
        return ok;
    return check.finish();
  }

  /// Checks a blob before anything is written.
  expected<void> write_small(archive_record record, bytes_view blob) {
    auto tail = blob.last(record.tail_size);
    auto rest = blob.first(blob.size() - record.tail_size);
    if (auto ok = check_whole(record, tail, rest); !ok)
      return ok;
    note(out_.begin_record(record));
    note(out_.write(tail));
    note(out_.write(rest));
    note(out_.end_record());
    return {};
  }

  /// Checks a blob while it is written, and takes it back if it is damaged or
  /// changes.
  expected<void> write_large(archive_record record, bytes_view first,
                             blob_source& rest) {
    note(out_.begin_record(record));
    auto ok = write_pieces(record, first, rest);
    if (!broken_)
      note(ok ? out_.end_record() : out_.abort_record());
    return ok;
  }

  /// Checks and writes the bytes of a blob.
  expected<void> write_pieces(const archive_record& record, bytes_view first,
                              blob_source& rest) {
    blob_check check{head_.store, record};
    auto sink = [&](bytes_view piece) -> expected<void> {
      if (auto ok = check.update(piece); !ok)
        return ok;
      note(out_.write(piece));
      return broken_ ? fail(*broken_) : expected<void>{};
    };
    auto end = record.size - record.tail_size;
    auto begin = std::min<uint64_t>(end, first.size());
    auto ok = rest.read(end, record.size, sink);
    if (ok)
      ok = sink(first.first(begin));
    if (ok)
      ok = rest.read(begin, end, sink);
    return ok ? check.finish() : ok;
  }

  // -- append logs ------------------------------------------------------------

  /// Writes a log as of its head, or takes it back if it is truncated or erased
  /// before its segments have been read. Appends do not disturb: a segment only
  /// changes when the log is truncated in it.
  expected<void> copy_log(const value& key, std::string encoded,
                          const read_stored_reply& head, blob_source& rest) {
    if (!head.log)
      return fail(errc::unsupported,
                  "the store does not tell which segments belong to the log: "
                  "it has been opened without its keys");
    auto& log = *head.log;
    archive_record record{std::move(encoded), head.rev, head.size, 0,
                          archive_log{log.id, log.first, log.next}};
    note(out_.begin_record(record));
    auto result = write_pieces(record, *head.content, rest);
    auto take = [&](const stored_segment& x,
                    expected<read_stored_reply> reply) {
      if (!result || broken_)
        return;
      result = reply ? write_segment(key, x, *reply) : fail(reply.error());
      if (!result && result.error() != errc::conflict)
        result = fail(
          result.error().with_context("segment " + std::to_string(x.number)));
    };
    read_pipeline<stored_segment> segments{stored_, take, max_under_way};
    for (auto i = log.first; i < log.next && result && !broken_; ++i) {
      stored_segment x{log, i};
      segments.send(x, read_stored_request{key, 0, piece_size, std::nullopt, x},
                    segment_weight);
    }
    segments.finish();
    if (!broken_)
      note(result ? out_.end_record() : out_.abort_record());
    return result;
  }

  expected<void> write_segment(const value& key, const stored_segment& x,
                               const read_stored_reply& first) {
    blob_check check{
      head_.store,
      {detail::segment_key(x.log.id, x.number), first.rev, first.size}};
    auto sink = [&](bytes_view piece) -> expected<void> {
      if (auto ok = check.update(piece); !ok)
        return ok;
      note(out_.write(piece));
      return broken_ ? fail(*broken_) : expected<void>{};
    };
    note(out_.begin_segment(first.rev, first.size));
    auto ok = sink(*first.content);
    if (ok)
      ok = blob_source{stored_, key, first.rev, x}.read(first.content->size(),
                                                        first.size, sink);
    if (ok)
      ok = check.finish();
    return ok;
  }

  blocking_client& client_;
  stored_reader stored_;
  archive_writer out_;
  const backup_options& options_;
  archive_header head_;
  read_pipeline<value> reads_;
  std::optional<error> broken_;
};

} // namespace

expected<backup_result> backup(blocking_client& from,
                               const archive_writer::sink_fn& to,
                               const backup_options& options) {
  return backup_run{from, to, options}.run();
}

} // namespace larder
