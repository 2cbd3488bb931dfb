// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/compliance_checks.hpp"
#include "larder/detail/compliance_child.hpp"

#include <algorithm>
#include <atomic>
#include <barrier>

namespace larder::detail {

namespace {

constexpr size_t num_threads = 4;

// -- torn blobs ---------------------------------------------------------------

/// A blob in which every byte follows from the first one of its revision.
blob_ptr uniform_blob(uint8_t seed, size_t value_size) {
  revision rev;
  rev.data.fill(std::byte{seed});
  bytes metadata(200, std::byte{seed});
  bytes value(value_size, std::byte{seed});
  return std::make_shared<const bytes>(make_test_blob(rev, metadata, value));
}

uint8_t seed_of(bytes_view blob) {
  return std::to_integer<uint8_t>(revision_of(blob).data[0]);
}

/// Whether `data` is the start of one uniform blob of `blob_size` bytes.
bool is_uniform(bytes_view data, uint64_t blob_size) {
  auto hdr = header::decode(data);
  if (!hdr || hdr->value_offset() + hdr->value_size != blob_size)
    return false;
  auto seed = std::byte{seed_of(data)};
  auto rest = data.subspan(header::size_v2);
  return std::all_of(rest.begin(), rest.end(),
                     [seed](std::byte x) { return x == seed; });
}

/// Reads the key "a" in all ways and expects one and the same blob each time.
void read_whole(trial& t) {
  auto all = t.get("a");
  t.require(all.has_value(), "a key disappeared while it was replaced");
  t.expect(all->data.size() == all->blob_size
             && is_uniform(all->data, all->blob_size),
           "a reader saw parts of two blobs");
  auto metadata = t.get("a", blob_part::metadata);
  t.require(metadata.has_value(), "a key disappeared while it was replaced");
  t.expect(is_uniform(metadata->data, metadata->blob_size),
           "a reader saw the metadata of two blobs");
  auto page = t.store().list({{}, {}, 10, blob_part::header});
  t.require_value(page, "listing while a key is replaced");
  t.expect(page->entries.size() == 1 && page->entries[0].blob
             && is_uniform(page->entries[0].blob->data,
                           page->entries[0].blob->blob_size),
           "a listing saw parts of two blobs");
  auto tail
    = t.read({"a", blob_part::range, 200, 1000, revision_of(all->data)});
  if (!tail) // replaced in the meantime
    t.expect(tail.error() == errc::conflict,
             "a pinned read failed: " + to_string(tail.error()));
  else
    t.expect(*tail
               && std::all_of((*tail)->data.begin(), (*tail)->data.end(),
                              [&](std::byte x) {
                                return x == std::byte{seed_of(all->data)};
                              }),
             "a pinned read saw another blob");
}

/// Calls `write(i)` in one thread and `read()` in two others until there have
/// been enough of both.
template <class Write, class Read>
void write_and_read(trial& t, Write write, Read read) {
  std::atomic<size_t> reads = 0;
  std::atomic<size_t> readers = 2;
  std::atomic<bool> done = false;
  run_threads(t, 3, [&](size_t index) {
    auto enough = t.options().rounds * 2;
    if (index == 0) {
      guarded(t, [&] {
        for (size_t i = 0; i < enough || (reads < enough && readers > 0); ++i)
          write(i);
      });
      done = true;
    } else {
      guarded(t, [&] {
        for (; !done; ++reads)
          read();
      });
      --readers;
    }
  });
}

void no_torn_blobs(trial& t) {
  auto blob = [](size_t i) {
    return uniform_blob(static_cast<uint8_t>(i % 250 + 1), i * 7919 % 100'000);
  };
  t.must_put("a", blob(0));
  write_and_read(
    t, [&](size_t i) { t.must_put("a", blob(i)); }, [&] { read_whole(t); });
}

void groups_seen_whole(trial& t) {
  if (!t.store().caps().atomic_groups)
    t.skip("atomic_groups is not declared");
  auto write = [&](size_t i) {
    for (auto& x : t.commit(numbered_group(i)))
      t.require_value(x, "committing a group");
  };
  write(0);
  write_and_read(t, write, [&] { read_numbered_group(t); });
}

void concurrent_commits(trial& t) {
  if (!t.store().caps().concurrent_commits)
    t.skip("concurrent_commits is not declared");
  std::map<std::string, blob_ptr> blobs;
  auto key = [](size_t thread, size_t i, char half) {
    return std::to_string(thread) + "/" + std::to_string(i) + half;
  };
  for (size_t thread = 0; thread < num_threads; ++thread)
    for (size_t i = 0; i < t.options().rounds; ++i)
      for (auto half : {'a', 'b'})
        blobs[key(thread, i, half)] = sample_blob(i, uint8_t(thread));
  run_threads(t, num_threads, [&](size_t thread) {
    for (size_t i = 0; i < t.options().rounds; ++i) {
      auto a = key(thread, i, 'a');
      auto b = key(thread, i, 'b');
      for (auto& x : t.commit({{a, blobs.at(a), {}}, {b, blobs.at(b), {}}}))
        t.require_value(x, "committing from several threads");
    }
  });
  t.expect_contents(blobs, "after commits from several threads");
}

// -- conditional writes -------------------------------------------------------

/// Several writers of one store: backend objects of their own if the domain of
/// preconditions reaches that far, else one that they share, in turns unless it
/// takes concurrent commits.
class writers {
public:
  explicit writers(trial& t) : t_(t) {
    auto caps = t.store().caps();
    in_turns_ = caps.domain == write_domain::process
                && !caps.concurrent_commits;
    if (caps.domain == write_domain::process)
      return;
    for (size_t i = 1; i < num_threads; ++i) {
      auto opened = t.subject().open(t.where());
      t.require_value(opened,
                      "opening a store twice, which its domain allows,");
      own_.push_back(std::move(*opened));
    }
  }

  backend& store(size_t thread) {
    return thread == 0 || own_.empty() ? t_.store() : *own_[thread - 1];
  }

  std::vector<commit_outcome> commit(size_t thread,
                                     std::vector<mutation> batch) {
    std::unique_lock guard{mutex_, std::defer_lock};
    if (in_turns_)
      guard.lock();
    return guarded_outcomes(batch.size(),
                            [&] { return store(thread).commit(batch); });
  }

  /// Reads the key "a".
  read_outcome read(size_t thread) {
    read_request request{"a", blob_part::all, 0, 0, {}};
    auto outcomes = guarded_outcomes(1, [&] {
      return store(thread).read({&request, 1});
    });
    return std::move(outcomes[0]);
  }

private:
  /// Returns the `n` outcomes of `f()`; never throws, lest the others wait for
  /// this thread at a barrier.
  template <class F>
  static auto guarded_outcomes(size_t n, F f) -> decltype(f()) {
    auto failed = [n](const std::string& what) {
      using outcome = typename decltype(f())::value_type;
      return std::vector<outcome>(
        n, outcome{tl::unexpect, error{errc::internal, what}});
    };
    try {
      auto result = f();
      return result.size() == n ? std::move(result)
                                : failed("wrong number of outcomes");
    } catch (const std::exception& x) {
      return failed(std::string{"an exception left the engine: "} + x.what());
    }
  }

  trial& t_;
  bool in_turns_ = false;
  std::mutex mutex_;
  std::vector<std::unique_ptr<backend>> own_;
};

bool succeeded(const std::vector<commit_outcome>& outcomes) {
  return std::all_of(outcomes.begin(), outcomes.end(),
                     [](auto& x) { return x.has_value(); });
}

/// Whether a batch lost as it must: all of it, by a precondition.
bool expect_lost(trial& t, const std::vector<commit_outcome>& outcomes) {
  auto culprit
    = [](auto& x) { return !x && x.error() == errc::precondition_failed; };
  if (outcomes.size() == 1)
    return t.expect_error(outcomes[0], errc::precondition_failed,
                          "a conditional write that lost");
  auto result = std::any_of(outcomes.begin(), outcomes.end(), culprit);
  t.expect(result, "no mutation of a group that lost tells why");
  for (auto& x : outcomes)
    if (!culprit(x))
      result
        &= t.expect_error(x, errc::conflict, "a mutation of a group that lost");
  return result;
}

/// All threads know the same state of the keys and then try to change them in
/// one group: one must win all keys and the others must be told.
void race(trial& t, const std::vector<std::string>& keys) {
  writers all{t};
  blob_ptr current; // of each key; null: no blob
  std::vector<blob_ptr> proposals(num_threads);
  std::vector<std::vector<commit_outcome>> outcomes(num_threads);
  for (size_t round = 0; round < t.options().rounds; ++round) {
    auto condition = current ? precondition::matches(revision_of(*current))
                             : precondition::absent();
    auto erases = round % 3 == 2;
    for (auto& x : proposals)
      x = erases ? nullptr : sample_blob(10);
    std::barrier start{num_threads};
    run_threads(t, num_threads, [&](size_t i) {
      std::vector<mutation> batch;
      for (auto& key : keys) {
        mutation x{key, std::monostate{}, condition, keys.size() > 1 ? 1u : 0u};
        if (!erases)
          x.content = proposals[i];
        batch.push_back(std::move(x));
      }
      if (i % 2 == 1) // engines that lock keys must not do it in this order
        std::reverse(batch.begin(), batch.end());
      start.arrive_and_wait();
      outcomes[i] = all.commit(i, std::move(batch));
    });
    size_t winners = 0;
    for (size_t i = 0; i < num_threads; ++i) {
      if (succeeded(outcomes[i])) {
        ++winners;
        current = proposals[i];
      } else if (expect_lost(t, outcomes[i])) {
        t.count("conflicts");
      }
    }
    t.require(winners == 1, std::to_string(winners) + " of "
                              + std::to_string(num_threads)
                              + " conditional writes on the same state won");
    for (auto& key : keys)
      t.expect_content(key, current, "after a race of conditional writes");
  }
}

void one_winner(trial& t) {
  race(t, {"a"});
}

void one_winning_group(trial& t) {
  if (!t.store().caps().atomic_groups)
    t.skip("atomic_groups is not declared");
  race(t, {"a", "b", "c"});
}

/// Threads count up as fast as they can; nothing may be lost.
void exact_counter(trial& t) {
  constexpr size_t max_attempts = 100'000;
  writers all{t};
  t.must_put("a", counter_blob(0));
  std::barrier start{num_threads};
  std::atomic<uint64_t> conflicts = 0;
  run_threads(t, num_threads, [&](size_t thread) {
    size_t attempts = 0;
    for (size_t done = 0; done < t.options().rounds; ++attempts) {
      t.require(attempts < max_attempts, "a conditional write never wins");
      auto found = all.read(thread);
      if (attempts == 0) // all know the same state, so there is a conflict
        start.arrive_and_wait();
      t.require_value(found, "reading a counter");
      auto number = found->has_value() ? counter_of((*found)->data)
                                       : std::nullopt;
      t.require(number.has_value(), "a counter is not what was put");
      auto same = precondition::matches(revision_of((*found)->data));
      auto x = all.commit(thread, {{"a", counter_blob(*number + 1), same}})[0];
      if (x)
        ++done;
      else if (t.expect_error(x, errc::precondition_failed,
                              "a conditional write that lost"))
        ++conflicts;
      else
        return;
    }
  });
  t.count("conflicts", conflicts);
  t.expect(conflicts > 0, "writers that knew the same state had no conflict");
  auto found = t.get("a");
  t.require(found.has_value(), "a counter disappeared");
  auto wanted = num_threads * t.options().rounds;
  auto number = counter_of(found->data).value_or(0);
  t.expect(number == wanted, std::to_string(wanted)
                               + " conditional increments were acknowledged, "
                               + std::to_string(number) + " were done");
}

constexpr compliance_check checks[] = {
  {"readers-never-see-a-torn-blob", no_torn_blobs},
  {"groups-are-seen-whole", groups_seen_whole},
  {"concurrent-commits-are-all-kept", concurrent_commits},
  {"conditional-writes-have-one-winner", one_winner},
  {"conditional-groups-have-one-winner", one_winning_group},
  {"conditional-counter-is-exact", exact_counter},
};

} // namespace

std::span<const compliance_check> concurrency_checks() {
  return checks;
}

} // namespace larder::detail
