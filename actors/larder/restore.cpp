// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/backup.hpp"
#include "larder/chunks.hpp"
#include "larder/detail/backup.hpp"
#include "larder/detail/log_output.hpp"
#include "larder/detail/patience.hpp"
#include "larder/detail/pipeline.hpp"
#include "larder/detail/record_input.hpp"
#include "larder/internal/log_data.hpp"
#include "larder/key.hpp"
#include "larder/messages/backup.hpp"
#include "larder/text.hpp"

#include <optional>

namespace larder {

chain_config detail::decoding(const restore_options& options) {
  chain_config result;
  result.registry = options.codecs != nullptr
                      ? options.codecs
                      : std::make_shared<const codec_registry>();
  result.keys = options.keys;
  result.require_encryption = options.require_encryption;
  result.limits = options.limits;
  return result;
}

namespace {

using detail::log_input;
using detail::raw_form;
using detail::raw_taker;
using detail::record_input;

/// Binaries up to here are written in one message, larger ones as streams.
constexpr uint64_t piece_size = size_t{1} << 20;

expected<void> require_empty(blocking_client& client) {
  auto refuse = [](key_entry& x) -> expected<void> {
    return fail(errc::already_exists,
                "the store is not empty (it has " + to_edn(x.key)
                  + ", for one): take another one, or merge");
  };
  return client.for_each_key({{}, {}, 1, false}, refuse);
}

// -- one archive --------------------------------------------------------------

/// Restores the records of one archive.
class restore_run {
public:
  /// @param wanted which keys to restore; null: all
  restore_run(blocking_client& to, archive_reader& from,
              const restore_options& options,
              std::function<bool(std::string_view)> wanted,
              restore_counts& counts)
    : client_(to),
      in_(from),
      options_(options),
      wanted_(std::move(wanted)),
      counts_(counts),
      blobs_(from.head().store, detail::decoding(options)),
      puts_(to, [this](const mark& x, const expected<put_reply>& reply) {
        done(x, reply ? expected<void>{} : fail(reply.error()));
      }) {
    // nop
  }

  /// Has keys keep their revisions.
  /// @param raw blobs that are taken over as they are, if any
  void copy(const std::optional<raw_form>& raw) {
    copies_ = true;
    if (raw)
      raw_.emplace(client_, in_.head().store, *raw,
                   [this](const raw_taker::mark& x, expected<void> outcome) {
                     taken(x, std::move(outcome));
                   });
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
    if (raw_)
      raw_->finish();
    puts_.finish();
    if (broken_)
      return fail(std::move(*broken_));
    counts_.missing += in_.counts().missing;
    return {};
  }

private:
  /// A key on its way into the store.
  struct mark {
    value key;
    uint64_t size;
    content_type type = content_type::edn;
    bool raw = false; ///< whether it was taken over as it is
  };

  void note(error why) {
    if (!broken_)
      broken_ = std::move(why);
  }

  void done(const mark& x, const expected<void>& outcome) {
    if (outcome) {
      ++counts_.restored;
      counts_.raw += x.raw;
      counts_.binaries += x.type == content_type::binary;
      counts_.logs += x.type == content_type::append_log;
      counts_.bytes += x.size;
    } else if (detail::concerns_all_keys(outcome.error().code())) {
      note(outcome.error().with_context(to_edn(x.key)));
    } else {
      ++counts_.failed;
      if (options_.on_failure)
        options_.on_failure(x.key, outcome.error());
    }
    if (options_.progress)
      options_.progress(counts_);
  }

  void take_record() {
    if (in_.record().log)
      return take_log();
    record_input blob{in_};
    auto& encoded = blob.record().key;
    auto taken = !wanted_ || wanted_(encoded);
    auto key = decode_key(encoded);
    mark what{key ? *key : value{encoded}, blob.record().size};
    expected<void> ok;
    if (taken)
      ok = key ? restore(what, blob) : fail(key.error());
    // Whatever has become of it: the next record comes behind it.
    auto rest = blob.finish();
    if (blob.broken())
      return note(*blob.broken());
    if (taken && rest && !ok)
      done(what, fail(std::move(ok.error())));
  }

  /// Restores one key, or begins to.
  expected<void> restore(const mark& what, record_input& blob) {
    if (raw_) {
      auto taken = raw_->take(what.key, blob, condition());
      if (!taken)
        return fail(std::move(taken.error()));
      if (*taken)
        return {};
    }
    auto fetch = [&blob](uint64_t offset, size_t length) {
      return blob.fetch(offset, length);
    };
    return decode(what, {blob.record().key, blob.record().size, fetch, &blob});
  }

  /// What was to be taken over as it is has been, or must be decoded.
  void taken(const raw_taker::mark& x, expected<void> outcome) {
    mark what{x.key, x.size};
    if (raw_taker::must_decode(outcome)) {
      auto fetch = [&x](uint64_t offset, size_t length) -> expected<bytes> {
        auto rest = bytes_view{*x.blob}.subspan(std::min(offset, x.size));
        return to_bytes(rest.first(std::min(rest.size(), length)));
      };
      outcome = decode(what, {x.encoded, x.size, fetch, nullptr});
      if (outcome)
        return;
    }
    what.type = x.binary ? content_type::binary : content_type::edn;
    what.raw = true;
    done(what, outcome);
  }

  /// A blob to decode.
  struct blob_input {
    const std::string& key;
    uint64_t size;
    chunk_reader::fetch_fn fetch;
    record_input* record; ///< null if the blob is known to be good

    void forget() const {
      if (record != nullptr)
        record->forget();
    }

    expected<void> finish() const {
      return record != nullptr ? record->finish() : expected<void>{};
    }
  };

  expected<void> decode(const mark& what, const blob_input& in) {
    auto binary = chunk_reader::open(blobs_, in.key, in.size, in.fetch);
    if (binary)
      return restore_binary(what, in, *binary);
    if (binary.error() != errc::wrong_type)
      return fail(std::move(binary.error()));
    auto& lim = options_.limits;
    if (in.size > lim.max_value_size + 2 * lim.max_metadata_size)
      return fail(errc::limit_exceeded, "the value is too large");
    auto whole = in.fetch(0, in.size);
    if (!whole)
      return fail(std::move(whole.error()));
    auto doc = blobs_.decode(in.key, *whole);
    if (!doc)
      return fail(std::move(doc.error()));
    if (auto ok = in.finish(); !ok)
      return fail(std::move(ok.error()));
    return send(what, std::move(doc->meta), std::move(doc->content));
  }

  expected<void> restore_binary(mark what, const blob_input& in,
                                const chunk_reader& binary) {
    what.type = content_type::binary;
    auto size = binary.size();
    in.forget();
    if (size <= piece_size) {
      auto content = binary.read(0, size);
      if (!content)
        return fail(std::move(content.error()));
      if (auto ok = in.finish(); !ok)
        return fail(std::move(ok.error()));
      return send(what, binary.meta(),
                  std::make_shared<const bytes>(std::move(*content)));
    }
    if (is_expired(binary.meta()))
      return {};
    auto opened = open(
      open_restore_request{what.key, for_target(binary.meta()), condition()});
    if (!opened)
      return fail(std::move(opened.error()));
    auto source = [&, offset = uint64_t{0}]() mutable -> expected<bytes> {
      auto piece = binary.read(offset, piece_size);
      if (!piece)
        return piece;
      offset += piece->size();
      // The stream is not closed before the record has proved to be good.
      if (piece->empty())
        if (auto ok = in.finish(); !ok)
          return fail(std::move(ok.error()));
      return piece;
    };
    auto written = client_.fill_stream(opened->stream, source);
    if (!written)
      return fail(std::move(written.error()));
    done(what, {});
    return {};
  }

  expected<void> send(const mark& what, metadata meta,
                      std::variant<value, shared_bytes> content) {
    if (is_expired(meta))
      return {};
    puts_.send(what,
               restore_request{what.key, std::move(content),
                               for_target(std::move(meta)), condition()},
               what.size);
    return {};
  }

  /// The metadata that a key gets.
  metadata for_target(metadata meta) const {
    if (!copies_)
      meta.rev = {};
    return meta;
  }

  template <class Request>
  expected<open_stream_reply> open(const Request& req) {
    return detail::patiently([&] { return client_.call(req); });
  }

  // -- append logs ------------------------------------------------------------

  void take_log() {
    log_input log{in_, blobs_};
    auto& encoded = log.record().key;
    auto taken = !wanted_ || wanted_(encoded);
    auto key = decode_key(encoded);
    auto name = key ? *key : value{encoded};
    expected<bool> ok = false;
    if (taken)
      ok = key ? restore_log(name, log) : fail(key.error());
    auto rest = log.finish();
    if (log.broken())
      return note(*log.broken());
    if (taken && rest && (!ok || *ok))
      done({name, log.size(), content_type::append_log},
           ok ? expected<void>{} : fail(ok.error()));
  }

  /// Restores one log.
  /// @returns whether it is there; not if its time is over
  expected<bool> restore_log(const value& key, log_input& log) {
    auto doc = log.read_head();
    if (!doc)
      return fail(std::move(doc.error()));
    if (is_expired(doc->meta))
      return false;
    auto put = detail::put_log(client_, key, for_target(std::move(doc->meta)),
                               log, condition());
    if (!put)
      return fail(std::move(put.error()));
    return true;
  }

  bool is_expired(const metadata& meta) {
    auto result = meta.expired(detail::wall_clock());
    counts_.expired += result;
    return result;
  }

  write_condition condition() const {
    write_condition result;
    result.must_be_absent = !options_.merge;
    return result;
  }

  blocking_client& client_;
  archive_reader& in_;
  const restore_options& options_;
  std::function<bool(std::string_view)> wanted_;
  restore_counts& counts_;
  chain blobs_;
  detail::pipeline<restore_request, mark> puts_;
  bool copies_ = false;
  std::optional<raw_taker> raw_;
  std::optional<error> broken_;
};

expected<archive_reader> open_reader(const open_archive_fn& open) {
  auto source = open();
  if (!source)
    return fail(std::move(source.error()));
  return archive_reader::open(std::move(*source));
}

} // namespace

// -- checking -----------------------------------------------------------------

expected<archive_index> check_archives(std::span<const open_archive_fn> from,
                                       bool check_blobs) {
  std::optional<archive_index> result;
  for (size_t i = 0; i < from.size(); ++i) {
    auto context = [&](const error& err) {
      return fail(from.size() == 1
                    ? err
                    : err.with_context("archive " + std::to_string(i + 1)));
    };
    auto in = open_reader(from[i]);
    if (!in)
      return context(in.error());
    auto index = archive_index::read(*in, check_blobs);
    if (!index)
      return context(index.error());
    if (!result)
      result = std::move(*index);
    else if (auto ok = result->add(std::move(*index)); !ok)
      return context(ok.error());
  }
  if (!result)
    return fail(errc::invalid_argument, "there is no archive to check");
  return std::move(*result);
}

// -- restoring ----------------------------------------------------------------

expected<restore_counts> restore(blocking_client& to,
                                 std::span<const open_archive_fn> from,
                                 const archive_index& plan,
                                 const restore_options& options) {
  if (auto ok = plan.check_complete(); !ok)
    return fail(std::move(ok.error()));
  if (!options.merge)
    if (auto ok = require_empty(to); !ok)
      return fail(std::move(ok.error()));
  restore_counts counts;
  for (uint32_t i = 0; i < from.size(); ++i) {
    auto in = open_reader(from[i]);
    if (!in)
      return fail(std::move(in.error()));
    auto wanted
      = [&plan, i](std::string_view key) { return plan.takes_from(key, i); };
    counts.missing = 0; // only what the last one lacks is missing
    if (auto ok = restore_run{to, *in, options, wanted, counts}.run(); !ok)
      return fail(std::move(ok.error()));
  }
  return counts;
}

expected<restore_counts> restore(blocking_client& to,
                                 archive_reader::source_fn from,
                                 const restore_options& options) {
  auto in = archive_reader::open(std::move(from));
  if (!in)
    return fail(std::move(in.error()));
  if (auto& base = in->head().base)
    return fail(errc::invalid_argument,
                "the archive builds on " + to_string(*base)
                  + ", so both are needed, and cannot come through a pipe");
  if (!options.merge)
    if (auto ok = require_empty(to); !ok)
      return fail(std::move(ok.error()));
  restore_counts counts;
  if (auto ok = restore_run{to, *in, options, {}, counts}.run(); !ok)
    return fail(std::move(ok.error()));
  return counts;
}

// -- copying ------------------------------------------------------------------

expected<void> detail::copy_records(blocking_client& to,
                                    archive_reader::source_fn from,
                                    const restore_options& options,
                                    const std::optional<raw_form>& raw,
                                    restore_counts& counts) {
  auto in = archive_reader::open(std::move(from));
  if (!in)
    return fail(std::move(in.error()));
  if (!options.merge)
    if (auto ok = require_empty(to); !ok)
      return fail(std::move(ok.error()));
  restore_run run{to, *in, options, {}, counts};
  run.copy(raw);
  return run.run();
}

} // namespace larder
