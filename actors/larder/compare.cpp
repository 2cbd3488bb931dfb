// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Comparing what was copied with the copy, content with content.

#include "larder/chunks.hpp"
#include "larder/detail/backup.hpp"
#include "larder/detail/log_input.hpp"
#include "larder/detail/pipeline.hpp"
#include "larder/detail/record_input.hpp"
#include "larder/key.hpp"
#include "larder/text.hpp"

#include <algorithm>
#include <optional>

namespace larder {

namespace {

using detail::comparison;
using detail::log_input;
using detail::record_input;

class compare_run {
public:
  compare_run(blocking_client& with, archive_reader& from,
              const restore_options& options, const detail::compared_fn& tell)
    : client_(with),
      in_(from),
      options_(options),
      tell_(tell),
      blobs_(from.head().store, detail::decoding(options)),
      metas_(with,
             [this](const item_ptr& x, expected<metadata_reply> reply) {
               take(*x, std::move(reply));
             }),
      values_(with, [this](const item_ptr& x, expected<get_reply> reply) {
        take(*x, std::move(reply));
      }) {
    // nop
  }

  expected<void> run() {
    using event = archive_reader::event;
    for (;;) {
      auto next = in_.next();
      if (!next)
        note(std::move(next.error()));
      else if (*next == event::record)
        take_record();
      if (broken_ || *next == event::finished)
        break;
    }
    metas_.finish();
    values_.finish();
    return broken_ ? fail(std::move(*broken_)) : expected<void>{};
  }

private:
  /// A value that is being compared.
  struct item {
    document original;
    std::optional<expected<metadata_reply>> meta;
  };

  using item_ptr = std::shared_ptr<item>;

  void note(error why) {
    if (!broken_)
      broken_ = std::move(why);
  }

  /// Takes note of an error unless it says something of one key only.
  void check(const error& why) {
    if (detail::concerns_all_keys(why.code()))
      note(why);
  }

  void tell(const metadata& original, bool same, int64_t last_write = 0) {
    auto expired = original.expired(detail::wall_clock());
    tell_(original.key,
          same      ? comparison::same
          : expired ? comparison::expired
                    : comparison::different,
          std::max(original.last_write, last_write));
  }

  static bool is_same(const metadata& a, const metadata& b) {
    return a.key == b.key && a.type == b.type && a.extras == b.extras
           && a.expiry == b.expiry && a.last_write <= b.last_write;
  }

  // -- values -----------------------------------------------------------------

  void send(document original, size_t weight) {
    auto key = original.meta.key;
    auto x = std::make_shared<item>(item{std::move(original), std::nullopt});
    metas_.send(x, metadata_request{key}, weight);
    values_.send(x, get_request{key, {}, std::nullopt}, weight);
  }

  void take(item& x, expected<metadata_reply> reply) {
    x.meta = std::move(reply);
  }

  void take(item& x, expected<get_reply> reply) {
    if (!x.meta)
      metas_.finish();
    auto& original = x.original;
    auto& copy = *x.meta;
    if (!copy || !reply) {
      check(copy ? reply.error() : copy.error());
      return tell(original.meta, false);
    }
    auto same = is_same(original.meta, copy->meta)
                && reply->rev == copy->meta.rev
                && reply->content == original.content;
    tell(original.meta, same, copy->meta.last_write);
  }

  // -- records ----------------------------------------------------------------

  void take_record() {
    if (in_.record().log)
      return take_log();
    record_input blob{in_};
    auto ok = compare(blob);
    auto rest = blob.finish();
    if (blob.broken())
      return note(*blob.broken());
    if (!ok)
      check(ok.error());
  }

  /// Compares a key, or begins to. What cannot be read here could not be read
  /// either when it was copied.
  expected<void> compare(record_input& blob) {
    auto& record = blob.record();
    auto fetch = [&blob](uint64_t offset, size_t length) {
      return blob.fetch(offset, length);
    };
    auto binary = chunk_reader::open(blobs_, record.key, record.size, fetch);
    if (binary)
      return compare_binary(blob, *binary);
    auto& lim = options_.limits;
    if (binary.error() != errc::wrong_type
        || record.size > lim.max_value_size + 2 * lim.max_metadata_size)
      return fail(std::move(binary.error()));
    auto whole = blob.fetch(0, record.size);
    if (!whole)
      return fail(std::move(whole.error()));
    auto doc = blobs_.decode(record.key, *whole);
    if (!doc)
      return fail(std::move(doc.error()));
    if (auto ok = blob.finish(); !ok)
      return ok;
    send(std::move(*doc), record.size);
    return {};
  }

  expected<void> compare_binary(record_input& blob,
                                const chunk_reader& original) {
    blob.forget();
    auto& meta = original.meta();
    auto same = true;
    std::optional<error> unreadable;
    auto sink
      = [&, offset = uint64_t{0}](bytes_view got) mutable -> expected<void> {
      auto wanted = original.read(offset, got.size());
      offset += got.size();
      if (!wanted)
        unreadable = wanted.error();
      same = same && wanted && std::ranges::equal(*wanted, got);
      return same ? expected<void>{} : fail(errc::conflict, "not the same");
    };
    auto copy = client_.meta(meta.key);
    if (!copy) {
      check(copy.error());
      same = false;
    } else if (is_same(meta, *copy)) {
      auto size = client_.read(meta.key, sink);
      if (!size)
        check(size.error());
      same = size && *size == original.size();
    } else {
      same = false;
    }
    if (unreadable)
      return fail(std::move(*unreadable));
    if (auto ok = blob.finish(); !ok)
      return ok;
    tell(meta, same, copy ? copy->last_write : 0);
    return {};
  }

  // -- append logs ------------------------------------------------------------

  void take_log() {
    log_input log{in_, blobs_};
    auto ok = compare(log);
    auto rest = log.finish();
    if (log.broken())
      return note(*log.broken());
    if (!ok)
      check(ok.error());
  }

  expected<void> compare(log_input& log) {
    auto doc = log.read_head();
    if (!doc)
      return fail(std::move(doc.error()));
    auto& head = log.head();
    auto& meta = doc->meta;
    auto copy = client_.meta(meta.key);
    if (!copy)
      check(copy.error());
    auto same = copy && is_same(meta, *copy);
    auto position = head.begin;
    for (;;) {
      auto entries = log.next();
      if (!entries)
        return fail(std::move(entries.error()));
      if (entries->empty())
        break;
      same = same && has(meta.key, head, position, *entries);
      position += entries->size();
    }
    same = same && has(meta.key, head, position, head.tail);
    if (auto ok = log.finish(); !ok)
      return ok;
    tell(meta, same, copy ? copy->last_write : 0);
    return {};
  }

  /// Whether the copy of a log has these entries there, and is as long.
  bool has(const value& key, const internal::log_head& head, uint64_t from,
           std::span<const value> entries) {
    do {
      auto page
        = client_.read_log(key, from, std::max<size_t>(entries.size(), 1));
      if (!page) {
        check(page.error());
        return false;
      }
      auto& got = page->entries;
      if (page->begin != head.begin || page->end != head.end
          || (entries.empty() ? !got.empty() : got.empty())
          || got.size() > entries.size()
          || !std::equal(got.begin(), got.end(), entries.begin()))
        return false;
      entries = entries.subspan(got.size());
      from += got.size();
    } while (!entries.empty());
    return true;
  }

  blocking_client& client_;
  archive_reader& in_;
  const restore_options& options_;
  const detail::compared_fn& tell_;
  chain blobs_;
  detail::pipeline<metadata_request, item_ptr> metas_;
  detail::pipeline<get_request, item_ptr> values_;
  std::optional<error> broken_;
};

} // namespace

expected<void> detail::compare_records(blocking_client& with,
                                       archive_reader::source_fn from,
                                       const restore_options& options,
                                       const compared_fn& tell) {
  auto in = archive_reader::open(std::move(from));
  if (!in)
    return fail(std::move(in.error()));
  return compare_run{with, *in, options, tell}.run();
}

} // namespace larder
