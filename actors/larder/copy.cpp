// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/backup.hpp"
#include "larder/detail/backup.hpp"
#include "larder/detail/byte_pipe.hpp"
#include "larder/detail/pipeline.hpp"
#include "larder/internal/log_data.hpp"
#include "larder/text.hpp"

#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_set>

namespace larder {

namespace {

// -- what is there already ----------------------------------------------------

/// Finds keys of which one store has what another one has.
class copied_keys {
public:
  /// @param in the store with copies
  explicit copied_keys(blocking_client& in) : client_(in) {
    // nop
  }

  /// Removes them from a page of the other store's.
  expected<void> remove_from(std::vector<stored_entry>& page) {
    std::vector<bool> there(page.size(), false);
    std::optional<error> broken;
    auto take = [&](size_t i, const expected<read_stored_reply>& reply) {
      if (reply)
        there[i] = is_copy(page[i], *reply);
      else if (detail::concerns_all_keys(reply.error().code()))
        broken = reply.error();
    };
    detail::pipeline<read_stored_request, size_t> reads{client_, take};
    for (size_t i = 0; i < page.size(); ++i)
      if (!page[i].damage && page[i].rev.valid())
        reads.send(i, start_of(page[i].key, header::max_size));
    reads.finish();
    if (broken)
      return fail(std::move(*broken));
    size_t kept = 0;
    for (size_t i = 0; i < page.size(); ++i)
      if (!there[i])
        std::swap(page[kept++], page[i]);
    count_ += page.size() - kept;
    page.resize(kept);
    return {};
  }

  uint64_t count() const noexcept {
    return count_;
  }

private:
  static read_stored_request start_of(const value& key, uint64_t length) {
    return {key, 0, length, std::nullopt};
  }

  bool is_copy(const stored_entry& x, const read_stored_reply& found) {
    if (found.rev == x.rev)
      return true;
    auto hdr = header::decode(*found.content);
    if (!hdr || !hdr->has(header::flag_log))
      return false;
    auto head = client_.call(start_of(x.key, found.size));
    return head && head->log
           && head->rev == internal::copied_log_revision(x.rev, head->log->id);
  }

  blocking_client& client_;
  uint64_t count_ = 0;
};

// -- the whole store ----------------------------------------------------------

class copy_run {
public:
  copy_run(blocking_client& from, blocking_client& to,
           const copy_options& options)
    : from_(from), to_(to), options_(options), there_(to) {
    // nop
  }

  expected<copy_counts> run() {
    auto raw = detail::raw_form::of(to_, *detail::decoding(options_).registry);
    if (!raw)
      return fail(std::move(raw.error()));
    if (options_.require_encryption)
      raw->reset();
    auto options = static_cast<const restore_options&>(options_);
    options.on_failure = teller();
    backup_options reading;
    reading.one_moment = options_.one_moment;
    reading.on_missing = teller();
    if (options.merge)
      reading.choose = [this](auto& page) { return there_.remove_from(page); };
    auto ok = pass(reading, [&](archive_reader::source_fn source) {
      return detail::copy_records(to_, std::move(source), options, *raw,
                                  counts_);
    });
    counts_.skipped = there_.count();
    if (ok && options_.verify)
      ok = verify();
    if (!ok)
      return fail(std::move(ok.error()));
    return counts_;
  }

private:
  /// Reads the source in a thread of its own while `take` gets its keys.
  template <class F>
  expected<void> pass(const backup_options& reading, F take) {
    detail::byte_pipe pipe;
    std::jthread reader{
      [&] { pipe.close_writing(read_source(pipe, reading)); }};
    // Also when `take` throws: the reader must not wait for ever.
    struct closer {
      detail::byte_pipe& pipe;

      ~closer() {
        pipe.close_reading();
      }
    } guard{pipe};
    return take([&pipe](std::span<std::byte> dst) { return pipe.read(dst); });
  }

  /// Returns what went wrong: no exception may leave the thread.
  std::optional<error> read_source(detail::byte_pipe& pipe,
                                   const backup_options& reading) {
    try {
      auto ok = backup(
        from_, [&pipe](bytes_view data) { return pipe.write(data); }, reading);
      return ok ? std::nullopt : std::optional{ok.error()};
    } catch (const std::exception& ex) {
      return error{errc::internal, ex.what()};
    }
  }

  /// Both sides meet keys that they must leave out.
  key_failure_fn teller() {
    return [this](const value& key, const error& why) {
      std::lock_guard guard{mutex_};
      left_out_.insert(key);
      if (options_.on_failure)
        options_.on_failure(key, why);
    };
  }

  expected<void> verify() {
    uint64_t compared = 0;
    auto tell
      = [&](const value& key, detail::comparison result, int64_t last_write) {
          judge(key, result, last_write);
          if (options_.verifying)
            options_.verifying(++compared);
        };
    backup_options reading; // keys that cannot be read have been told of
    reading.one_moment = options_.one_moment;
    return pass(reading, [&](archive_reader::source_fn source) {
      return detail::compare_records(to_, std::move(source), options_, tell);
    });
  }

  void judge(const value& key, detail::comparison result, int64_t last_write) {
    if (result == detail::comparison::same) {
      ++counts_.verified;
    } else if (result == detail::comparison::expired
               || left_out_.contains(key)) {
      // nothing to compare
    } else if (last_write >= start_) {
      ++counts_.changed;
    } else {
      ++counts_.different;
      if (options_.on_failure)
        options_.on_failure(
          key, error{errc::corruption, "the copy differs from the original"});
    }
  }

  blocking_client& from_;
  blocking_client& to_;
  const copy_options& options_;
  copied_keys there_;
  copy_counts counts_;
  int64_t start_ = detail::wall_clock();
  std::mutex mutex_;
  std::unordered_set<value> left_out_;
};

} // namespace

expected<copy_counts> copy_store(blocking_client& from, blocking_client& to,
                                 const copy_options& options) {
  return copy_run{from, to, options}.run();
}

} // namespace larder
