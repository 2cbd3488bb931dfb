// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Many clients at the same time, on threads.

#include "engines.hpp"
#include "temp_dir.hpp"
#include "threads.hpp"

#include <boost/serialization/nvp.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

using namespace larder;
using namespace larder::test;

namespace {

/// An actor with a client, which does one thing with it.
struct worker_state {
  std::unique_ptr<client> impl;
};

using work = std::function<void(caf::event_based_actor*, client&)>;

caf::behavior worker(caf::stateful_actor<worker_state>* self, caf::actor store,
                     client_options options, work f) {
  auto& st = detail::state_of(self);
  st.impl = std::make_unique<client>(self, std::move(store), options);
  f(self, *st.impl);
  return {[](int) {}};
}

client_options window_of(size_t n) {
  auto result = patient();
  result.window = n;
  return result;
}

update_request increment(value key) {
  update_request result;
  result.key = std::move(key);
  result.function = "inc";
  return result;
}

/// Collects the answers of several actors.
class tally {
public:
  explicit tally(size_t wanted) : left_(wanted) {
    // nop
  }

  void add(const expected<update_reply>& x) {
    std::lock_guard guard{mutex_};
    if (x)
      seen_.push_back(x->after.as_integer());
    else
      problems_.push_back(to_string(x.error()));
    if (--left_ == 0)
      done_.notify_all();
  }

  /// Waits for all answers.
  /// @returns what the updates left behind, in ascending order
  std::vector<int64_t> wait() {
    std::unique_lock guard{mutex_};
    done_.wait(guard, [this] { return left_ == 0; });
    CHECK(problems_ == std::vector<std::string>{});
    std::sort(seen_.begin(), seen_.end());
    return seen_;
  }

private:
  std::mutex mutex_;
  std::condition_variable done_;
  size_t left_;
  std::vector<int64_t> seen_;
  std::vector<std::string> problems_;
};

/// Has `writers` actors increment a key, `n` times each, through one of the
/// stores in turn.
std::vector<int64_t> increment_all(caf::actor_system& sys,
                                   const std::vector<caf::actor>& stores,
                                   size_t writers, size_t n) {
  auto answers = std::make_shared<tally>(writers * n);
  auto f = [answers, n](caf::event_based_actor*, client& impl) {
    for (size_t i = 0; i < n; ++i)
      impl.send<update_request>(
        increment("counter"),
        [answers](const expected<update_reply>& x) { answers->add(x); });
  };
  std::vector<caf::actor> actors;
  for (size_t i = 0; i < writers; ++i)
    actors.push_back(
      sys.spawn(worker, stores[i % stores.size()], window_of(256), work{f}));
  auto result = answers->wait();
  for (auto& x : actors)
    detail::anon_send_exit(x, caf::exit_reason::user_shutdown);
  return result;
}

/// The numbers from 1 to `n`.
std::vector<int64_t> up_to(int64_t n) {
  std::vector<int64_t> result;
  for (int64_t i = 1; i <= n; ++i)
    result.push_back(i);
  return result;
}

/// A stream of bytes that anyone can make again.
class noise {
public:
  bytes next(size_t n) {
    bytes result(n);
    for (auto& x : result)
      x = static_cast<std::byte>(rng_() & 0xFF);
    return result;
  }

private:
  std::minstd_rand rng_{42};
};

struct person {
  std::string name;
  int age = 0;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& BOOST_SERIALIZATION_NVP(name) & BOOST_SERIALIZATION_NVP(age);
  }
};

} // namespace

// -- counting -----------------------------------------------------------------

TEST_CASE("eight writers lose no increment in memory") {
  threaded_world world;
  auto store = world.spawn("memory:");
  auto seen = increment_all(world.system(), {store}, 8, 10'000);
  CHECK(seen == up_to(80'000));
  blocking_client client{world.system(), store};
  CHECK(client.get("counter") == value{80'000});
}

TEST_CASE("eight writers lose no increment in files, and share commits") {
  temp_dir dir;
  threaded_world world;
  auto store = world.spawn("file:" + dir / "store?sync=off");
  auto seen = increment_all(world.system(), {store}, 8, 10'000);
  CHECK(seen == up_to(80'000));
  blocking_client client{world.system(), store};
  CHECK(client.get("counter") == value{80'000});
  CHECK(statistic(client, "commits", "combined") > 0);
  CHECK(statistic(client, "commits", "batches") < 80'000);
}

TEST_CASE("two stores of the same files lose no increment, and collide") {
  temp_dir dir;
  threaded_world world;
  auto uri = "file:" + dir / "store?sync=off";
  auto second = world.spawn(uri);
  blocking_client two{world.system(), second};
  // The second store comes between the first one's look and its commit once.
  auto config = open_store(uri);
  REQUIRE(config);
  auto engine = std::make_shared<interfering_backend>(config->engine);
  std::vector<int64_t> between;
  engine->before_commit = [&] {
    if (between.empty())
      if (auto reply = two.update("counter", {}, "inc"))
        between.push_back(reply->after.as_integer());
  };
  config->engine = engine;
  auto first = world.spawn(std::move(*config));
  auto seen = increment_all(world.system(), {first, second}, 4, 1000);
  blocking_client one{world.system(), first};
  REQUIRE(between.size() == 1);
  seen.insert(std::lower_bound(seen.begin(), seen.end(), between[0]),
              between[0]);
  CHECK(seen == up_to(4001));
  CHECK(one.get("counter") == value{4001});
  CHECK(two.get("counter") == value{4001});
  CHECK(statistic(one, "commits", "conflicts") > 0);
  world.close();
}

// -- failures -----------------------------------------------------------------

TEST_CASE("a client that dies leaves the store and the others alone") {
  temp_dir dir;
  threaded_world world;
  auto store = world.spawn("file:" + dir / "store?sync=off");
  auto died = std::make_shared<std::promise<void>>();
  auto answered = std::make_shared<std::atomic<int>>(0);
  auto f = [died, answered](caf::event_based_actor* self, client& impl) {
    for (auto i = 0; i < 1000; ++i) {
      put_request req;
      req.key = i;
      req.content = i;
      impl.send<put_request>(std::move(req),
                             [died, answered, self](expected<put_reply>) {
                               if (++*answered == 500) {
                                 self->quit(caf::exit_reason::kill);
                                 died->set_value();
                               }
                             });
    }
  };
  auto hdl = world.system().spawn(worker, store, window_of(64), work{f});
  died->get_future().get();
  blocking_client client{world.system(), store};
  auto found = 0;
  for (auto i = 0; i < 1000; ++i)
    if (auto content = client.get(i)) {
      CHECK(*content == value{i});
      ++found;
    }
  CHECK(found >= 500);
  CHECK(client.update("counter", {}, "inc"));
}

TEST_CASE("what was acknowledged survives an engine that fails at random") {
  temp_dir dir;
  auto uri = "file:" + dir / "store?sync=off";
  constexpr size_t writers = 4;
  std::vector<std::map<int, int>> expected_of(writers);
  std::atomic<int> failures{0};
  {
    threaded_world world;
    auto config = open_store(uri);
    REQUIRE(config);
    auto engine = std::make_shared<fault_injecting_backend>(config->engine);
    config->engine = engine;
    auto store = world.spawn(std::move(*config));
    engine->inject(
      [rng = std::mt19937{1}](backend_call call, std::string_view) mutable {
        std::optional<error> result;
        if (call == backend_call::commit && rng() % 10 == 0)
          result = error{errc::io_error, "injected", rng() % 2 == 0};
        return result;
      });
    blocking_client client{world.system(), store};
    in_threads(writers, [&](size_t id) {
      std::mt19937 rng{static_cast<unsigned>(id)};
      for (auto i = 0; i < 500; ++i) {
        auto number = static_cast<int>(rng() % 20);
        value key = value::vector({static_cast<int>(id), number});
        auto erasing = rng() % 5 == 0;
        std::optional<error> problem;
        if (erasing) {
          if (auto ok = client.erase(key); !ok)
            problem = ok.error();
        } else if (auto ok = client.put(key, i); !ok) {
          problem = ok.error();
        }
        if (problem) {
          failures += *problem == errc::io_error ? 1 : 1000;
        } else if (erasing) {
          expected_of[id].erase(number);
        } else {
          expected_of[id][number] = i;
        }
      }
    });
  }
  CHECK(failures > 0);
  CHECK(failures < 1000);
  threaded_world world;
  blocking_client client{world.system(), world.spawn(uri)};
  for (size_t id = 0; id < writers; ++id)
    for (auto number = 0; number < 20; ++number) {
      auto content
        = client.get_or(value::vector({static_cast<int>(id), number}), {}, {});
      auto known = expected_of[id].find(number);
      REQUIRE(content);
      CHECK(
        *content
        == (known != expected_of[id].end() ? value{known->second} : value{}));
    }
}

TEST_CASE("a full queue refuses, what it took is done") {
  temp_dir dir;
  threaded_world world;
  auto config = open_store("file:" + dir / "store?sync=off");
  REQUIRE(config);
  config->max_pending_operations = 16;
  config->key_actors = 1;
  auto store = world.spawn(std::move(*config));
  blocking_client client{world.system(), store, window_of(5000)};
  std::vector<std::future<expected<put_reply>>> answers;
  for (auto i = 0; i < 5000; ++i) {
    put_request req;
    req.key = i;
    req.content = i;
    answers.push_back(client.async(std::move(req)));
  }
  // All answers first: a question may be refused while the queue is full.
  std::vector<bool> stored;
  for (auto& pending : answers) {
    auto answer = pending.get();
    stored.push_back(answer.has_value());
    if (!answer)
      CHECK(answer.error() == errc::overloaded);
  }
  for (size_t i = 0; i < stored.size(); ++i)
    CHECK(client.exists(i) == stored[i]);
  auto refused = std::count(stored.begin(), stored.end(), false);
  CHECK(refused > 0);
  CHECK(refused < 5000);
}

// -- content ------------------------------------------------------------------

TEST_CASE("a store that is opened again has everything") {
  temp_dir dir;
  auto uri = "file:" + dir / "store?sync=off&compressor=zstd";
  auto content_of = [](int i) {
    return value::map({{"number", i},
                       {value::keyword("items"), value::vector({i, "x", 1.5})},
                       {i, value::set({i, i + 1})}});
  };
  {
    threaded_world world;
    blocking_client client{world.system(), world.spawn(uri)};
    for (auto i = 0; i < 300; ++i)
      REQUIRE(client.put(i, content_of(i)));
    REQUIRE(client.write("binary", to_bytes("bytes")));
  }
  threaded_world world;
  blocking_client client{world.system(), world.spawn(uri)};
  for (auto i = 0; i < 300; ++i)
    CHECK(client.get(i) == content_of(i));
  CHECK(client.read("binary") == to_bytes("bytes"));
  size_t keys = 0;
  list_keys_request req;
  req.limit = 7;
  CHECK(client.for_each_key(req, [&](key_entry& x) -> expected<void> {
    CHECK(x.damage == "");
    ++keys;
    return {};
  }));
  CHECK(keys == 301);
}

TEST_CASE("large values come back whole") {
  temp_dir dir;
  threaded_world world;
  auto in_memory = GENERATE(true, false);
  CAPTURE(in_memory);
  auto uri = in_memory ? "memory:" : "file:" + dir / "store?sync=off";
  blocking_client client{world.system(), world.spawn(uri)};
  noise source;
  for (auto size : {size_t{64} << 10, size_t{1} << 20, size_t{5} << 20}) {
    value content{source.next(size)};
    REQUIRE(client.put(static_cast<int64_t>(size), content));
    CHECK(client.get(static_cast<int64_t>(size)) == content);
    CHECK(client
            .update(static_cast<int64_t>(size), {}, "append",
                    {value{to_bytes("end")}})
            ->after.size()
          == size + 3);
  }
  // From the engine, not the cache.
  world.close();
  if (in_memory)
    return;
  blocking_client again{world.system(), world.spawn(uri)};
  for (auto size : {size_t{64} << 10, size_t{1} << 20, size_t{5} << 20})
    CHECK(again.get(static_cast<int64_t>(size))->size() == size + 3);
}

TEST_CASE("binaries of 50 MiB stream in and out") {
  temp_dir dir;
  threaded_world world;
  auto in_memory = GENERATE(true, false);
  CAPTURE(in_memory);
  auto uri = in_memory ? "memory:" : "file:" + dir / "store?sync=off";
  blocking_client client{world.system(), world.spawn(uri)};
  constexpr uint64_t total = uint64_t{50} << 20;
  constexpr uint64_t odd_piece = 777'777;
  noise source;
  uint64_t given = 0;
  REQUIRE(client.write("k", [&]() -> expected<bytes> {
    auto n = std::min(odd_piece, total - given);
    given += n;
    return source.next(static_cast<size_t>(n));
  }));
  noise wanted;
  uint64_t taken = 0;
  auto same = true;
  auto size = client.read("k", [&](bytes_view piece) -> expected<void> {
    taken += piece.size();
    auto expected_piece = wanted.next(piece.size());
    same = same
           && std::equal(piece.begin(), piece.end(), expected_piece.begin());
    return {};
  });
  CHECK(size == total);
  CHECK(taken == total);
  CHECK(same);
  CHECK(client.call(verify_request{"k"}));
  auto whole = client.read("k");
  REQUIRE_FALSE(whole);
  CHECK(whole.error() == errc::limit_exceeded);
  bytes part;
  CHECK(client.read(
          "k",
          [&](bytes_view piece) -> expected<void> {
            append(part, piece);
            return {};
          },
          odd_piece, 3'000'000)
        == uint64_t{3'000'000});
  noise again;
  again.next(odd_piece);
  CHECK(part == again.next(3'000'000));
}

TEST_CASE("an error of a source or sink ends a stream") {
  threaded_world world;
  auto store = world.spawn("memory:");
  blocking_client client{world.system(), store};
  auto calls = 0;
  auto broken = client.write("k", [&]() -> expected<bytes> {
    if (++calls > 10)
      return fail(errc::io_error, "the source dried up");
    return bytes(100'000);
  });
  REQUIRE_FALSE(broken);
  CHECK(broken.error() == errc::io_error);
  CHECK(client.exists("k") == false);
  REQUIRE(client.write("k", bytes(5'000'000)));
  auto full = client.read("k", [](bytes_view) -> expected<void> {
    return fail(errc::limit_exceeded, "the sink is full");
  });
  REQUIRE_FALSE(full);
  CHECK(full.error() == errc::limit_exceeded);
}

// -- the blocking client ------------------------------------------------------

TEST_CASE("one blocking client serves many threads") {
  threaded_world world;
  auto store = world.spawn("memory:");
  blocking_client client{world.system(), store};
  std::atomic<int> problems{0};
  in_threads(8, [&](size_t id) {
    auto own = "key " + std::to_string(id);
    for (auto i = 1; i <= 200; ++i) {
      auto mine = client.update(own, {}, "inc");
      auto shared = client.update("shared", {std::to_string(id)}, "inc");
      if (!mine || mine->after != value{i} || !shared
          || client.get(own) != value{i})
        ++problems;
    }
  });
  CHECK(problems == 0);
  auto shared = client.get("shared");
  REQUIRE(shared);
  CHECK(shared->size() == 8);
  for (auto& [key, count] : shared->entries())
    CHECK(count == value{200});
}

TEST_CASE("typed values are read, written and updated by path") {
  threaded_world world;
  blocking_client client{world.system(), world.spawn("memory:")};
  REQUIRE(client.put_as("ada", person{"Ada", 36}));
  auto found = client.get_as<person>("ada");
  REQUIRE(found);
  CHECK(found->name == "Ada");
  CHECK(found->age == 36);
  CHECK(client.update("ada", {"age"}, "inc"));
  auto older
    = client.update_as<person>("ada", {}, [](person& x) { x.age += 10; });
  REQUIRE(older);
  CHECK(older->age == 47);
  CHECK(client.get("ada", {"age"}) == value{47});
  CHECK(client.get_as<int>("ada", {"age"}) == 47);
  auto nobody
    = client.update_as<person>("nobody", {}, [](person& x) { ++x.age; });
  REQUIRE_FALSE(nobody);
  CHECK(nobody.error() == errc::not_found);
  REQUIRE(client.put("text", "text"));
  CHECK_FALSE(client.get_as<person>("text"));
}

TEST_CASE("a blocking client answers closed when its store has ended") {
  threaded_world world;
  auto store = world.spawn("memory:");
  blocking_client client{world.system(), store};
  REQUIRE(client.put("k", 1));
  world.close();
  auto late = client.get("k");
  REQUIRE_FALSE(late);
  CHECK(late.error() == errc::closed);
}

TEST_CASE("requests in a blocking client end with it") {
  temp_dir dir;
  threaded_world world;
  auto store = world.spawn("file:" + dir / "store?sync=off");
  std::vector<std::future<expected<update_reply>>> answers;
  {
    blocking_client client{world.system(), store};
    for (auto i = 0; i < 100; ++i)
      answers.push_back(client.async(increment("k")));
  }
  for (auto& x : answers)
    x.get(); // an answer or an error, never a wait without end
}
