// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/metrics.hpp"

#include "engines.hpp"
#include "temp_dir.hpp"
#include "threads.hpp"

#include "larder/internal/metric_table.hpp"
#include "larder/key.hpp"
#include "larder/text.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <future>
#include <regex>
#include <set>

using namespace larder;
using namespace larder::test;

namespace {

/// All metrics of a store.
std::vector<metric> metrics_of(blocking_client& client) {
  auto statistics = client.statistics();
  REQUIRE(statistics);
  return read_metrics(*statistics);
}

const metric& find(const std::vector<metric>& all, std::string_view name) {
  INFO(name);
  auto i = std::find_if(all.begin(), all.end(),
                        [&](auto& x) { return x.name == name; });
  REQUIRE(i != all.end());
  return *i;
}

metric_sample sample(const std::vector<metric>& all, std::string_view name,
                     std::string_view label = {}) {
  auto& samples = find(all, name).samples;
  auto i = std::find_if(samples.begin(), samples.end(),
                        [&](auto& x) { return x.label == label; });
  REQUIRE(i != samples.end());
  return *i;
}

double amount(blocking_client& client, std::string_view name,
              std::string_view label = {}) {
  return sample(metrics_of(client), name, label).amount;
}

store_config configured(std::shared_ptr<backend> engine) {
  store_config result;
  result.engine = std::move(engine);
  result.chain = *make_chain_config(std::make_shared<const codec_registry>(),
                                    "cbor", "none", "none", nullptr);
  return result;
}

} // namespace

// -- the table ----------------------------------------------------------------

TEST_CASE("the names of metrics follow the rules of Prometheus") {
  std::set<std::string_view> names;
  for (auto& x : known_metrics()) {
    INFO(x.name);
    CHECK(names.insert(x.name).second);
    CHECK(
      std::regex_match(std::string{x.name}, std::regex{"larder(_[a-z]+)+"}));
    CHECK(x.name.ends_with("_total") == (x.type == metric_type::counter));
    if (!x.unit.empty())
      CHECK(x.name.find("_" + std::string{x.unit}) != std::string_view::npos);
    CHECK(!x.help.empty());
    CHECK(!x.help.ends_with("."));
  }
}

TEST_CASE("every figure that is counted has a place of its own") {
  std::set<std::string_view> paths;
  for (auto& row : internal::metric_table()) {
    INFO(row.path);
    CHECK(paths.insert(row.path).second);
    CHECK((row.path.find('*') != std::string_view::npos)
          == !row.what.label.empty());
  }
}

TEST_CASE("the statistics of a new store have every metric at zero") {
  std::vector<internal::actor_statistics> none(2);
  auto all = read_metrics(internal::summarize(none, {}));
  auto known = known_metrics();
  REQUIRE(all.size() == known.size());
  for (size_t i = 0; i < all.size(); ++i) {
    INFO(all[i].name);
    CHECK(all[i].name == known[i].name);
    CHECK(all[i].type == known[i].type);
    REQUIRE(!all[i].samples.empty());
    for (auto& x : all[i].samples) {
      CHECK(x.amount == 0);
      CHECK(x.label.empty() == all[i].label.empty());
      CHECK(x.buckets.empty() == (all[i].type != metric_type::histogram));
    }
  }
}

// -- reading ------------------------------------------------------------------

TEST_CASE("the figures of all actors are added up") {
  std::vector<internal::actor_statistics> all(2);
  all[0].cache_hits.add(3);
  all[1].cache_hits.add(4);
  all[0].cache_bytes.set(10);
  all[1].cache_bytes.set(20);
  all[1].expired.add_shared(5);
  auto found = read_metrics(internal::summarize(all, {}));
  CHECK(sample(found, "larder_cache_hits_total").amount == 7);
  CHECK(sample(found, "larder_cache_bytes").amount == 30);
  CHECK(sample(found, "larder_expired_keys_total").amount == 5);
}

TEST_CASE("what is queued has been sent to the writer and is not yet done") {
  std::vector<internal::actor_statistics> all(2);
  auto queued = [&] {
    auto found = read_metrics(internal::summarize(all, {}));
    return sample(found, "larder_mutations_queued").amount;
  };
  all[0].queued.add(5);
  CHECK(queued() == 5);
  all[1].unqueued.add(3);
  CHECK(queued() == 2);
  // Read between two counters that go on, the sum may be ahead.
  all[1].unqueued.add(3);
  CHECK(queued() == 0);
}

TEST_CASE("a histogram counts upwards to the number of events") {
  std::vector<internal::actor_statistics> all(1);
  for (auto x : {0, 1, 7, 8, 1000, 1 << 30})
    all[0].commit_microseconds.add(static_cast<uint64_t>(x));
  auto found = read_metrics(internal::summarize(all, {}));
  auto x = sample(found, "larder_commit_duration_seconds");
  CHECK(x.count == 6);
  CHECK(x.amount == Approx((1016 + (1 << 30)) * 1e-6));
  auto below = [&x](double bound) {
    for (auto& bucket : x.buckets)
      if (std::abs(bucket.upper_bound / bound - 1) < 1e-9)
        return bucket.cumulative_count;
    return uint64_t{999};
  };
  CHECK(below(1e-6) == 1);
  CHECK(below(2e-6) == 2);
  CHECK(below(8e-6) == 3);
  CHECK(below(16e-6) == 4);
  CHECK(below(1024e-6) == 5);
  CHECK(x.buckets.back().cumulative_count == 5);
}

TEST_CASE("bounds of what is counted in whole numbers are inclusive") {
  std::vector<internal::actor_statistics> all(1);
  all[0].batch_sizes.add(1);
  all[0].batch_sizes.add(8);
  auto x
    = sample(read_metrics(internal::summarize(all, {})), "larder_commit_size");
  REQUIRE(x.buckets.size() > 4);
  CHECK(x.buckets[1].upper_bound == 1);
  CHECK(x.buckets[1].cumulative_count == 1);
  CHECK(x.buckets[3].upper_bound == 7);
  CHECK(x.buckets[3].cumulative_count == 1);
  CHECK(x.buckets[4].upper_bound == 15);
  CHECK(x.buckets[4].cumulative_count == 2);
}

TEST_CASE("quantiles come from the buckets, also of the time in between") {
  std::vector<internal::actor_statistics> all(1);
  auto now = [&all] {
    return sample(read_metrics(internal::summarize(all, {})),
                  "larder_commit_duration_seconds");
  };
  CHECK(quantile(now(), 0.5) == 0);
  for (int i = 0; i < 99; ++i)
    all[0].commit_microseconds.add(3);
  all[0].commit_microseconds.add(1000);
  auto before = now();
  CHECK(quantile(before, 0.5) == Approx(4e-6));
  CHECK(quantile(before, 0.99) == Approx(4e-6));
  CHECK(quantile(before, 1) == Approx(1024e-6));
  CHECK(quantile(before, 0.5, before) == 0);
  all[0].commit_microseconds.add(100);
  CHECK(quantile(now(), 0.5, before) == Approx(128e-6));
  all[0].commit_microseconds.add(uint64_t{1} << 40);
  CHECK(std::isinf(quantile(now(), 1)));
}

TEST_CASE("the figures of an engine become metrics with their names") {
  std::vector<internal::actor_statistics> none(1);
  std::vector<engine_figure> figures{{"free-bytes", 7}, {"syncs-total", 8}};
  auto all = read_metrics(internal::summarize(none, figures));
  CHECK(find(all, "larder_engine_free_bytes").type == metric_type::gauge);
  CHECK(find(all, "larder_engine_syncs_total").type == metric_type::counter);
  CHECK(sample(all, "larder_engine_syncs_total").amount == 8);
}

TEST_CASE("statistics of another form are read as far as possible") {
  CHECK(read_metrics({}).size() == 3); // by operation: all are zero
  for (auto* text : {R"({:cache {:hits "many" :bytes 5} :engine [1]})",
                     R"({:cache 5 :operations {"get" {:count 1}}})",
                     R"({:operations {:fly {:count 3}} :engine {1 2}})"}) {
    INFO(text);
    auto all = read_metrics(*parse_edn(text));
    CHECK(!all.empty());
  }
  auto all = read_metrics(*parse_edn("{:operations {:fly {:count 3}}}"));
  CHECK(sample(all, "larder_operations_total", "fly").amount == 3);
  CHECK(sample(all, "larder_operations_total", "get").amount == 0);
}

// -- of stores ----------------------------------------------------------------

TEST_CASE("operations, errors and commits of a store are counted") {
  threaded_world world;
  blocking_client client{world.system(), world.spawn("memory:")};
  REQUIRE(client.put("k", 1));
  REQUIRE(client.put("l", 1));
  REQUIRE(client.get("k"));
  CHECK(!client.get("none"));
  auto all = metrics_of(client);
  CHECK(sample(all, "larder_operations_total", "put").amount == 2);
  CHECK(sample(all, "larder_operations_total", "get").amount == 2);
  CHECK(sample(all, "larder_operation_errors_total", "get").amount == 1);
  CHECK(sample(all, "larder_operation_duration_seconds", "put").count == 2);
  CHECK(sample(all, "larder_mutations_total").amount == 2);
  CHECK(sample(all, "larder_commit_size").count == 2);
  CHECK(sample(all, "larder_commit_size").amount == 2);
  CHECK(sample(all, "larder_mutations_queued").amount == 0);
  CHECK(sample(all, "larder_operations_in_flight").amount == 0);
  CHECK(sample(all, "larder_cache_bytes").amount > 0);
}

TEST_CASE("bytes are counted before and after the chain") {
  temp_dir dir;
  auto uri = "file:" + (dir / "store?compressor=zstd");
  std::string text(10'000, 'x');
  {
    threaded_world world;
    blocking_client client{world.system(), world.spawn(uri)};
    REQUIRE(client.put("k", text));
    CHECK(amount(client, "larder_plain_written_bytes_total") > 10'000);
    CHECK(amount(client, "larder_plain_written_bytes_total") < 10'100);
    CHECK(amount(client, "larder_stored_written_bytes_total") < 1000);
    CHECK(amount(client, "larder_stored_written_bytes_total") > 0);
  }
  threaded_world world;
  blocking_client client{world.system(), world.spawn(uri)};
  REQUIRE(client.get("k"));
  CHECK(amount(client, "larder_plain_read_bytes_total") > 10'000);
  CHECK(amount(client, "larder_plain_read_bytes_total") < 10'100);
  CHECK(amount(client, "larder_stored_read_bytes_total") < 1000);
  CHECK(amount(client, "larder_stored_read_bytes_total") > 0);
}

TEST_CASE("bytes of streams and ranges are counted, open streams as well") {
  threaded_world world;
  blocking_client client{world.system(), world.spawn("memory:")};
  auto opened = client.call(open_stream_request{"k", {}, {}, {}});
  REQUIRE(opened);
  CHECK(amount(client, "larder_open_streams") == 1);
  auto piece = std::make_shared<const bytes>(50'000);
  REQUIRE(client.call(append_stream_request{opened->stream, 0, piece}));
  REQUIRE(client.call(close_stream_request{opened->stream}));
  CHECK(amount(client, "larder_plain_written_bytes_total") == 50'000);
  CHECK(amount(client, "larder_stored_written_bytes_total") > 50'000);
  REQUIRE(client.call(read_range_request{"k", 10, 1000, {}}));
  CHECK(amount(client, "larder_plain_read_bytes_total") == 1000);
}

TEST_CASE("engines tell their own figures") {
  temp_dir dir;
  threaded_world world;
  SECTION("memory: keys and bytes") {
    blocking_client client{world.system(), world.spawn("memory:")};
    REQUIRE(client.put("k", 1));
    REQUIRE(client.put("l", 1));
    CHECK(amount(client, "larder_engine_keys") == 2);
    CHECK(amount(client, "larder_engine_used_bytes") > 100);
  }
  SECTION("files: syncs, stages and free space") {
    auto uri = "file:" + (dir / "store");
    blocking_client client{world.system(), world.spawn(uri)};
    auto before = amount(client, "larder_engine_syncs_total");
    REQUIRE(client.put("k", 1));
    CHECK(amount(client, "larder_engine_syncs_total") > before);
    CHECK(amount(client, "larder_engine_free_bytes") > 0);
    auto opened = client.call(open_stream_request{"s", {}, {}, {}});
    REQUIRE(opened);
    CHECK(amount(client, "larder_engine_stages") == 1);
    REQUIRE(client.call(abort_stream_request{opened->stream}));
    CHECK(amount(client, "larder_engine_stages") == 0);
  }
}

TEST_CASE("verification counts sound and damaged keys") {
  threaded_world world;
  auto engine = make_memory();
  blocking_client client{world.system(), world.spawn(configured(engine))};
  REQUIRE(client.put("sound", 1));
  REQUIRE(client.put("broken", 1));
  auto key = *encode_key("broken");
  auto blob = read_blob(*engine, key);
  blob.back() ^= std::byte{1};
  write_blob(*engine, key, std::move(blob));
  CHECK(client.call(verify_request{"sound"}));
  CHECK(!client.call(verify_request{"broken"}));
  CHECK(!client.call(verify_request{"none"}));
  CHECK(amount(client, "larder_verified_keys_total") == 1);
  CHECK(amount(client, "larder_damaged_keys_total") == 1);
}

TEST_CASE("a damaged key that is read is counted") {
  auto engine = make_memory();
  {
    threaded_world world;
    blocking_client client{world.system(), world.spawn(configured(engine))};
    REQUIRE(client.put("k", "long enough to have a value"));
    auto key = *encode_key("k");
    auto blob = read_blob(*engine, key);
    blob.back() ^= std::byte{1};
    write_blob(*engine, key, std::move(blob));
  }
  threaded_world world;
  blocking_client client{world.system(), world.spawn(configured(engine))};
  CHECK(!client.get("k"));
  CHECK(amount(client, "larder_damaged_keys_total") == 1);
}

TEST_CASE("operations under way and mutations that wait are gauges") {
  auto engine
    = std::make_shared<interfering_backend>(std::make_shared<disguised_backend>(
      make_memory(), [](auto& x) { x.nonblocking = false; }));
  std::promise<void> entered;
  std::promise<void> go_on;
  engine->before_commit = [&] {
    entered.set_value();
    go_on.get_future().wait();
  };
  threaded_world world;
  blocking_client client{world.system(), world.spawn(configured(engine))};
  auto answer = client.async(put_request{"k", {}, 1, {}, {}, {}});
  entered.get_future().wait();
  auto all = metrics_of(client);
  CHECK(sample(all, "larder_operations_in_flight").amount == 1);
  CHECK(sample(all, "larder_pending_bytes").amount > 0);
  CHECK(sample(all, "larder_mutations_queued").amount == 1);
  go_on.set_value();
  REQUIRE(answer.get());
  all = metrics_of(client);
  CHECK(sample(all, "larder_operations_in_flight").amount == 0);
  CHECK(sample(all, "larder_pending_bytes").amount == 0);
  CHECK(sample(all, "larder_mutations_queued").amount == 0);
}

TEST_CASE("mutations that the engine fails to make are counted") {
  threaded_world world;
  auto engine = std::make_shared<fault_injecting_backend>(make_memory());
  blocking_client client{world.system(), world.spawn(configured(engine))};
  REQUIRE(client.put("k", 1));
  engine->inject([](backend_call call, std::string_view) {
    return call == backend_call::commit
             ? std::optional{error{errc::io_error, "broken"}}
             : std::nullopt;
  });
  CHECK(!client.put("k", 2));
  CHECK(amount(client, "larder_commit_failures_total") == 1);
  CHECK(amount(client, "larder_mutations_queued") == 0);
  CHECK(amount(client, "larder_operation_errors_total", "put") == 1);
}
