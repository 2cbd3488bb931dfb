// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/metered.hpp"

#include "backends/file_tools.hpp"

#include "larder/registry.hpp"

#include <numeric>
#include <thread>

using namespace file_tools;
using namespace std::chrono_literals;

namespace {

std::shared_ptr<backend> memory() {
  backend_registry registry;
  return must((*registry.find("memory"))->create(uri{"memory", {}, {}, {}}));
}

/// The counts alone, since time differs from run to run.
call_measures counts(const metered_backend& store, backend_call call) {
  auto result = store.measures(call);
  auto timed = std::accumulate(result.latencies.begin(), result.latencies.end(),
                               uint64_t{0});
  CHECK(timed == result.calls);
  result.nanoseconds = 0;
  result.latencies = {};
  return result;
}

call_measures counted(uint64_t calls, uint64_t keys, uint64_t bytes,
                      std::vector<errc> errors = {}) {
  call_measures result;
  result.calls = calls;
  result.keys = keys;
  result.bytes = bytes;
  for (auto x : errors)
    ++result.errors[static_cast<size_t>(x)];
  return result;
}

uint64_t figure(const backend& store, const std::string& name) {
  for (auto& x : store.figures())
    if (x.name == name)
      return x.amount;
  return 0;
}

} // namespace

TEST_CASE("a metered backend counts calls, keys, bytes and errors exactly") {
  metered_backend store{memory()};
  CHECK(counts(store, backend_call::commit) == call_measures{});
  auto one = blob(1, "one");
  std::vector<mutation> batch{put("a", one), put("b", one),
                              put("c", one, precondition::matches(rev(9)))};
  REQUIRE(store.commit(batch)[0]);
  auto error = commit_one(store, put("a", one, precondition::absent())).error();
  CHECK(error == errc::precondition_failed);
  CHECK(counts(store, backend_call::commit)
        == counted(2, 4, 2 * one->size(),
                   {errc::precondition_failed, errc::precondition_failed}));
  std::vector<read_request> requests{{"a", blob_part::all, 0, 0, {}},
                                     {"a", blob_part::range, 64, 2, {}},
                                     {"c", blob_part::all, 0, 0, {}},
                                     {"b", blob_part::all, 0, 0, rev(9)}};
  CHECK(store.read(requests).size() == 4);
  CHECK(counts(store, backend_call::read)
        == counted(1, 4, one->size() + 2, {errc::conflict}));
  CHECK(store.list({{}, {}, 1, blob_part::header}));
  CHECK(store.list({{}, {}, 10, blob_part::none}));
  CHECK(!store.list({{}, {}, 0, blob_part::none}));
  CHECK(counts(store, backend_call::list)
        == counted(3, 3, header::max_size, {errc::invalid_argument}));
}

TEST_CASE("a metered backend counts what is staged where it is appended") {
  metered_backend store{memory()};
  auto one = blob(1, "one");
  auto staged = store.stage("a", 64);
  REQUIRE(staged);
  REQUIRE((*staged)->append(bytes_view{*one}.subspan(64)));
  CHECK(!(*staged)->set_prefix({}));
  REQUIRE((*staged)->set_prefix(bytes_view{*one}.first(64)));
  std::vector<mutation> batch{put("b", one),
                              {"a",
                               std::shared_ptr<staged_blob>{std::move(*staged)},
                               precondition::matches(rev(9))}};
  auto outcomes = store.commit(batch);
  CHECK(outcomes[0]);
  REQUIRE(outcomes[1].error() == errc::precondition_failed);
  batch.erase(batch.begin());
  batch[0].condition = {};
  REQUIRE(store.commit(batch)[0]);
  CHECK(get(store, "a") == *one);
  CHECK(counts(store, backend_call::stage) == counted(1, 1, 0));
  CHECK(counts(store, backend_call::append) == counted(1, 1, 3));
  CHECK(counts(store, backend_call::set_prefix)
        == counted(2, 2, 64, {errc::invalid_argument}));
  CHECK(counts(store, backend_call::commit)
        == counted(2, 3, one->size(), {errc::precondition_failed}));
}

TEST_CASE("a metered backend counts what is read in snapshots") {
  metered_backend store{memory()};
  auto one = blob(1, "one");
  REQUIRE(commit_one(store, put("a", one)));
  auto snapshot = store.open_snapshot();
  REQUIRE(snapshot);
  CHECK(counts(store, backend_call::open_snapshot) == counted(1, 0, 0));
  read_request request{"a", blob_part::all, 0, 0, {}};
  REQUIRE((*snapshot)->read({&request, 1})[0]);
  REQUIRE((*snapshot)->list({{}, {}, 10, blob_part::none}));
  CHECK(counts(store, backend_call::read) == counted(1, 1, one->size()));
  CHECK(counts(store, backend_call::list) == counted(1, 1, 0));
  CHECK(figure(store, "open-snapshot-calls-total") == 1);
}

TEST_CASE("the figures of a metered backend are those inside and the measured "
          "ones that are not zero") {
  metered_backend store{memory()};
  auto one = blob(1, "one");
  REQUIRE(commit_one(store, put("a", one)));
  CHECK(!commit_one(store, put("a", one, precondition::absent())));
  CHECK(figure(store, "keys") == 1);
  CHECK(figure(store, "commit-calls-total") == 2);
  CHECK(figure(store, "commit-keys-total") == 2);
  CHECK(figure(store, "commit-bytes-total") == one->size());
  CHECK(figure(store, "commit-precondition-failed-errors-total") == 1);
  CHECK(figure(store, "commit-nanoseconds-total")
        == store.measures(backend_call::commit).nanoseconds);
  uint64_t timed = 0;
  for (auto& x : store.figures()) {
    CHECK(!x.name.starts_with("read-"));
    if (x.name.starts_with("commit-under-") || x.name == "commit-slower-total")
      timed += x.amount;
  }
  CHECK(timed == 2);
}

TEST_CASE("buckets of latency grow by four and the last has no end") {
  CHECK(call_measures::bucket_end(0) == 1us);
  CHECK(call_measures::bucket_end(1) == 4us);
  CHECK(call_measures::bucket_end(call_measures::num_buckets - 2)
        == 1'048'576us);
  CHECK(call_measures::bucket_end(call_measures::num_buckets - 1)
        == std::chrono::nanoseconds::max());
  // There is room for every error.
  CHECK(to_string(static_cast<errc>(call_measures::num_codes - 1))
        == "refused");
  CHECK(static_cast<size_t>(errc::refused) + 1 == call_measures::num_codes);
}

TEST_CASE("calls of many threads are all counted") {
  metered_backend store{memory()};
  constexpr uint64_t num_threads = 4;
  constexpr uint64_t rounds = 500;
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < num_threads; ++i)
    threads.emplace_back([&, i] {
      for (uint64_t k = 0; k < rounds; ++k) {
        auto x = put(std::to_string(i), blob(1, "one"));
        static_cast<void>(store.commit({&x, 1}));
        read_request request;
        request.key = x.key;
        static_cast<void>(store.read({&request, 1}));
      }
    });
  for (auto& x : threads)
    x.join();
  constexpr auto n = num_threads * rounds;
  CHECK(counts(store, backend_call::commit) == counted(n, n, n * 67));
  CHECK(counts(store, backend_call::read) == counted(n, n, n * 67));
}
