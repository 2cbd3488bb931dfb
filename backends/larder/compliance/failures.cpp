// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/compliance_checks.hpp"

#include <algorithm>
#include <set>

namespace larder::detail {

namespace {

// -- refused writes -----------------------------------------------------------

/// Large enough that engines that split blobs have written some of it.
blob_ptr large_blob(trial& t) {
  auto max = std::min<uint64_t>(greatest_blob_size(t), 400'000);
  return sample_blob(max - header::size_v2 - 100, 0xEE, 100);
}

/// Tries to put a large blob under `key` in all ways that must be refused.
void try_refused_writes(trial& t, const std::string& key) {
  auto blob = large_blob(t);
  auto caps = t.store().caps();
  auto stale = precondition::matches(fresh_revision());
  auto fails = [&](const commit_outcome& x, errc code, const std::string& how) {
    t.expect_error(x, code, how);
  };
  fails(t.put(key, blob, stale), errc::precondition_failed,
        "a put against its precondition");
  fails(t.erase(key, stale), errc::precondition_failed,
        "an erase against its precondition");
  std::vector<mutation> group{{key, blob, {}, 1}, {"culprit", blob, stale, 1}};
  auto outcomes = t.commit(group);
  fails(outcomes[0], caps.atomic_groups ? errc::conflict : errc::unsupported,
        "a put in a group that must fail");
  t.expect(!outcomes[1], "a mutation of a group that must fail succeeded");
  if (!caps.staging)
    return;
  auto staged = [&] { return stage_blob(t, key, *blob, 64, 60'000); };
  fails(t.commit({{key, staged(), stale}})[0], errc::precondition_failed,
        "a staged put against its precondition");
  if (caps.atomic_groups) {
    group[0].content = staged();
    fails(t.commit(group)[0], errc::conflict, "a staged put in a group");
  }
  staged().reset();
}

void failed_writes(trial& t) {
  std::map<std::string, blob_ptr> blobs{{"old", sample_blob(100, 1, 10)},
                                        {"old, large", large_blob(t)},
                                        {"other", sample_blob(5)}};
  t.must_put_all(blobs);
  auto check = [&](const std::string& when) {
    for (auto key : {"old", "old, large", "new", "culprit", "other"}) {
      auto i = blobs.find(key);
      t.expect_everywhere(key, i == blobs.end() ? nullptr : i->second, when);
    }
    t.expect_contents(blobs, when);
  };
  for (auto key : {"old", "old, large", "new"}) {
    try_refused_writes(t, key);
    check("after refused writes");
  }
  t.reopen();
  check("after refused writes and reopening");
  for (auto key : {"old", "new"}) { // nothing of what was refused comes back
    blobs[key] = sample_blob(20, 3);
    t.must_put(key, blobs[key]);
  }
  check("after a put where others were refused");
}

// -- full media ---------------------------------------------------------------

/// A store on a medium that is being filled up, and what must be in it.
class full_medium {
public:
  explicit full_medium(trial& t) : t_(t) {
    if (!t.options().fill_medium)
      t.skip("fill_medium is not set");
    for (int i = 0; i < 8; ++i)
      contents_["old " + std::to_string(i)]
        = sample_blob(size_t(i) * 2000, uint8_t(i), 50);
    t.must_put_all(contents_);
  }

  ~full_medium() {
    if (full_)
      t_.options().fill_medium(t_.where(), false);
  }

  full_medium(const full_medium&) = delete;
  full_medium& operator=(const full_medium&) = delete;

  void fill() {
    t_.options().fill_medium(t_.where(), true);
    full_ = true;
  }

  void make_room() {
    t_.options().fill_medium(t_.where(), false);
    full_ = false;
  }

  /// Puts new keys until one fails, as it must.
  void exhaust() {
    auto size = std::min<uint64_t>(greatest_blob_size(t_), 256 << 10);
    for (size_t i = 0; i < max_puts; ++i)
      if (!commit({{"new " + std::to_string(i),
                    sample_blob(size - header::size_v2),
                    {}}}))
        return;
    t_.require(false, std::to_string(max_puts)
                        + " large puts succeeded on a full medium");
  }

  /// Carries out what may or may not work and remembers what was promised.
  /// @returns whether all of it was acknowledged
  bool commit(std::vector<mutation> batch) {
    auto outcomes = t_.commit(batch);
    auto all = true;
    for (size_t i = 0; i < batch.size(); ++i) {
      auto& x = batch[i];
      all &= outcomes[i].has_value();
      if (outcomes[i])
        apply(x);
      else
        note_failure(x, outcomes[i].error());
    }
    return all;
  }

  /// Does the same with a staged blob; each step may fail.
  void commit_staged(const std::string& key, const blob_ptr& blob) {
    mutation x{key, blob, {}};
    auto staged = t_.store().stage(key, header::size_v2);
    if (!staged)
      return note_failure(x, staged.error());
    bytes_view data{*blob};
    if (auto ok = (*staged)->append(data.subspan(header::size_v2)); !ok)
      return note_failure(x, ok.error());
    if (auto ok = (*staged)->set_prefix(data.first(header::size_v2)); !ok)
      return note_failure(x, ok.error());
    std::shared_ptr<staged_blob> content = std::move(*staged);
    auto outcome = t_.commit({{key, content, {}}})[0];
    if (outcome)
      apply(x);
    else
      note_failure(x, outcome.error());
  }

  /// Expects what was promised; of what is uncertain, the old or the new.
  void check(const std::string& when) {
    std::set<std::string> listed;
    for (auto& x : t_.list_all())
      listed.insert(x.key);
    for (auto& [key, blob] : contents_) {
      if (!uncertain_.contains(key)) {
        t_.expect_everywhere(key, blob, when);
        t_.expect(listed.contains(key),
                  printable(key) + " " + when + ": not listed");
      }
      listed.erase(key);
    }
    for (auto& [key, blob] : uncertain_) {
      listed.erase(key);
      auto found = t_.get(key);
      auto is = [&](const blob_ptr& x) {
        return x ? found && same_bytes(found->data, *x) : !found;
      };
      auto old = contents_.find(key);
      t_.expect(is(blob) || is(old == contents_.end() ? nullptr : old->second),
                printable(key) + " " + when + ": neither the old nor the new");
    }
    for (auto& key : listed)
      t_.expect(false, printable(key) + " " + when
                         + ": listed although its put has failed");
  }

  size_t failures() const {
    return failures_;
  }

private:
  static constexpr size_t max_puts = 2000;

  void apply(const mutation& x) {
    if (auto* blob = std::get_if<blob_ptr>(&x.content))
      contents_[x.key] = *blob;
    else
      contents_.erase(x.key);
    uncertain_.erase(x.key);
  }

  void note_failure(const mutation& x, const error& why) {
    ++failures_;
    auto what = "a write to a full medium failed with " + to_string(why);
    t_.expect(why == errc::io_error || why == errc::limit_exceeded
                || (x.group != 0 && why == errc::conflict),
              what + ", not with io_error or limit_exceeded");
    t_.expect(!why.message().empty(), what + ", without a message");
    if (!why.data_loss())
      return;
    auto* blob = std::get_if<blob_ptr>(&x.content);
    uncertain_[x.key] = blob ? *blob : nullptr;
  }

  trial& t_;
  bool full_ = false;
  size_t failures_ = 0;
  std::map<std::string, blob_ptr> contents_;
  /// What may be there instead, after a failure with the data-loss mark.
  std::map<std::string, blob_ptr> uncertain_;
};

/// Replaces, erases, groups and stages although there is no room.
void write_in_vain(trial& t, full_medium& medium) {
  auto blob = [] { return sample_blob(200'000, 9, 70); };
  medium.commit({{"old 1", blob(), {}}, {"old 2", blob(), {}}});
  medium.commit({{"old 3", std::monostate{}, {}}});
  if (t.store().caps().atomic_groups)
    medium.commit({{"old 4", blob(), {}, 1},
                   {"old 5", std::monostate{}, {}, 1},
                   {"new in a group", blob(), {}, 1}});
  if (t.store().caps().staging)
    medium.commit_staged("old 6", blob());
}

void full_media_are_told(trial& t) {
  full_medium medium{t};
  medium.check("before the medium is full");
  medium.fill();
  medium.exhaust();
  medium.check("on a full medium");
  write_in_vain(t, medium);
  medium.check("after more writes to a full medium");
  t.count("refused writes", medium.failures());
}

void full_media_recover(trial& t) {
  full_medium medium{t};
  for (int i = 0; i < 2; ++i) {
    medium.fill();
    medium.exhaust();
    write_in_vain(t, medium);
    medium.make_room();
    // It may go on, or refuse clearly to write until it is opened again.
    medium.commit({{"room again", sample_blob(10), {}}});
    medium.check("when there is room again");
    t.reopen();
    auto when = std::string{"when there is room again, after reopening"};
    medium.check(when);
    t.expect(medium.commit({{"afterwards", sample_blob(3000), {}},
                            {"old 7", sample_blob(4000), {}}}),
             "a put failed " + when);
    medium.check("after a put when there is room again");
  }
  t.count("refused writes", medium.failures());
}

constexpr compliance_check checks[] = {
  {"failed-writes-leave-nothing", failed_writes},
  {"full-media-are-told", full_media_are_told},
  {"full-media-recover", full_media_recover},
};

} // namespace

std::span<const compliance_check> failure_checks() {
  return checks;
}

} // namespace larder::detail
