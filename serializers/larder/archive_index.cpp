// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/archive_index.hpp"

#include "larder/detail/blob_check.hpp"
#include "larder/key.hpp"
#include "larder/text.hpp"

#include <xxhash.h>

#include <algorithm>

namespace larder {

namespace {

/// The key for messages, as EDN if it is one.
std::string describe(const std::string& encoded) {
  auto key = decode_key(encoded);
  return key ? to_edn(*key) : encoded;
}

} // namespace

/// Two keys with the same 128 bits are not to be expected, nor to be made on
/// purpose: the seed is drawn anew in each process.
archive_index::digest archive_index::digest_of(std::string_view key) {
  static auto const seed = [] {
    uint64_t result = 0;
    fill_random(std::as_writable_bytes(std::span{&result, 1}));
    return result;
  }();
  auto hash = XXH3_128bits_withSeed(key.data(), key.size(), seed);
  return {hash.high64, hash.low64};
}

expected<archive_index> archive_index::read(archive_reader& from,
                                            bool check_blobs) {
  using event = archive_reader::event;
  archive_index result;
  result.head_ = from.head();
  result.missing_base_ = result.head_.base;
  std::optional<detail::blob_check> check;
  auto checked = [&](expected<void> ok) -> expected<void> {
    if (!ok)
      return fail(ok.error().with_context(describe(from.record().key)));
    return ok;
  };
  for (;;) {
    auto next = from.next();
    if (!next)
      return fail(std::move(next.error()));
    switch (*next) {
      case event::segment:
        if (check)
          if (auto ok = checked(check->finish()); !ok)
            return fail(std::move(ok.error()));
        [[fallthrough]];
      case event::record:
        if (check_blobs)
          check.emplace(result.head_.store, from.blob());
        break;
      case event::piece:
        if (check)
          if (auto ok = checked(check->update(from.piece())); !ok)
            return fail(std::move(ok.error()));
        break;
      case event::end:
        if (check)
          if (auto ok = checked(check->finish()); !ok)
            return fail(std::move(ok.error()));
        [[fallthrough]];
      case event::unchanged: {
        auto& x = from.record();
        auto where = *next == event::end ? 0 : earlier;
        result.entries_.push_back({digest_of(x.key), x.rev, where});
        [[fallthrough]];
      }
      case event::aborted:
        check.reset();
        break;
      case event::finished: {
        result.counts_ = from.counts();
        auto& xs = result.entries_;
        std::ranges::sort(xs, {}, &entry::key);
        if (std::ranges::adjacent_find(xs, {}, &entry::key) != xs.end())
          return fail(errc::corruption, "the archive has a key twice");
        return result;
      }
    }
  }
}

expected<void> archive_index::check_complete() const {
  if (!missing_base_)
    return {};
  return fail(errc::invalid_argument,
              "the archive builds on " + to_string(*missing_base_)
                + ": give that one (and what it builds on) first");
}

const archive_index::entry* archive_index::lookup(const digest& key) const {
  auto i = std::ranges::lower_bound(entries_, key, {}, &entry::key);
  return i != entries_.end() && i->key == key ? &*i : nullptr;
}

const revision* archive_index::find(std::string_view key) const {
  auto found = lookup(digest_of(key));
  return found != nullptr ? &found->rev : nullptr;
}

expected<void> archive_index::add(archive_index next) {
  if (next.head_.base != head_.id)
    return fail(
      errc::invalid_argument,
      "archive " + to_string(next.head_.id)
        + (next.head_.base ? " builds on " + to_string(*next.head_.base)
                           : " is complete in itself and does not build")
        + (next.head_.base ? ", not on " : " on ") + to_string(head_.id)
        + ": give a full archive, then all that build on it, in "
          "order");
  for (auto& x : next.entries_) {
    if (x.archive != earlier) {
      x.archive = added_ + 1;
      continue;
    }
    auto before = lookup(x.key);
    if (before == nullptr || before->rev != x.rev)
      return fail(errc::corruption, "archive " + to_string(next.head_.id)
                                      + " calls a key unchanged that is not "
                                        "in the archive before it");
    x.archive = before->archive;
  }
  ++added_;
  head_ = std::move(next.head_);
  counts_ = next.counts_;
  entries_ = std::move(next.entries_);
  return {};
}

bool archive_index::takes_from(std::string_view key, uint32_t number) const {
  auto found = lookup(digest_of(key));
  return found != nullptr && found->archive == number;
}

} // namespace larder
