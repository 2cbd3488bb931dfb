// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

// Every durable engine through a store, beside the same engine driven directly
// by 1 and by 16 threads.

#include "load.hpp"
#include "raw/raw_engine.hpp"

#include <sys/stat.h>

#include <atomic>
#include <random>
#include <thread>

using namespace larder;
using namespace bench;

namespace {

constexpr size_t rounds = 3;
constexpr size_t metadata_size = 100; ///< about what larder's blobs have
constexpr size_t page_size = 1000;

struct subject {
  const char* name;
  open_raw_engine open_raw;
  /// Relative to the store's folder.
  const char* path;
};

constexpr subject subjects[] = {
  {"file", open_raw_file, ""},
#ifdef LARDER_HAS_ROCKSDB
  {"rocksdb", open_raw_rocksdb, ""},
#endif
#ifdef LARDER_HAS_LMDB
  {"lmdb", open_raw_lmdb, ""},
#endif
#ifdef LARDER_HAS_SQLITE
  {"sqlite", open_raw_sqlite, "/db"},
#endif
};

struct value_size {
  const char* name;
  size_t bytes;
  size_t keys; ///< how many the engine holds when it is measured
  size_t puts; ///< per round, with 512 in flight
  size_t gets; ///< per round
};

constexpr value_size sizes[] = {
  {"100 B", 100, 100'000, 8192, 50'000},
  {"1 KiB", 1024, 100'000, 8192, 50'000},
  {"64 KiB", 65'536, 4000, 1024, 5000},
};

constexpr size_t many_keys = 1'000'000;
constexpr size_t few_keys = page_size;

// -- keys and values ----------------------------------------------------------

std::string key_name(size_t i) {
  return fmt::format("key-{:012}", i);
}

/// Bytes that no compressor makes smaller.
const std::string& noise() {
  static const std::string result = [] {
    std::mt19937_64 random{42};
    std::string all(size_t{1} << 20, '\0');
    for (auto& x : all)
      x = static_cast<char>(random());
    return all;
  }();
  return result;
}

std::string_view noise(size_t i, size_t size) {
  return std::string_view{noise()}.substr(i * 61 % (noise().size() - size),
                                          size);
}

put_request make_put(size_t i, size_t size) {
  auto data = noise(i, size);
  auto* first = reinterpret_cast<const std::byte*>(data.data());
  put_request result;
  result.key = key_name(i);
  result.content = value{bytes{first, first + size}};
  return result;
}

/// All keys from 0 on, in an order without neighbours.
size_t scattered(size_t i, size_t keys) {
  return i * 7919 % keys;
}

// -- both sides ---------------------------------------------------------------

uint64_t disk_usage(const std::string& path) {
  uint64_t result = 0;
  auto add = [&result](const std::string& name) {
    struct stat info;
    if (lstat(name.c_str(), &info) == 0)
      result += static_cast<uint64_t>(info.st_blocks) * 512;
  };
  add(path);
  for (auto& x : std::filesystem::recursive_directory_iterator{path})
    add(x.path().string());
  return result;
}

/// Work of a raw engine: `total` calls, spread over threads.
template <class F>
double raw_rate(raw_engine& engine, size_t threads, size_t total, F f) {
  std::atomic<size_t> next = 0;
  std::vector<std::unique_ptr<raw_session>> sessions;
  for (size_t i = 0; i < threads; ++i)
    sessions.push_back(engine.connect());
  stopwatch watch;
  std::vector<std::thread> running;
  for (auto& session : sessions)
    running.emplace_back([&next, &session, total, f] {
      for (auto i = next++; i < total; i = next++)
        f(*session, i);
    });
  for (auto& x : running)
    x.join();
  return static_cast<double>(total) / watch.seconds();
}

void raw_put(raw_session& session, size_t i, size_t size) {
  session.put(key_name(i), noise(i, metadata_size), noise(i, size));
}

void fill_raw(raw_engine& engine, size_t keys, size_t size) {
  engine.set_sync(false);
  raw_rate(engine, 2, keys,
           [size](raw_session& x, size_t i) { raw_put(x, i, size); });
  engine.set_sync(true);
}

/// The URI of a store in a folder, without larder's cache: that is measured
/// elsewhere.
store_config open_uncached(const subject& what, const std::string& dir,
                           const char* options = "") {
  std::filesystem::create_directories(dir);
  auto config = need(
    open_store(fmt::format("{}:{}{}{}", what.name, dir, what.path, options)));
  config.cache_size = 0;
  return config;
}

void fill_store(caf::actor_system& sys, const subject& what,
                const std::string& dir, size_t keys, size_t size) {
  running_store store{sys, open_uncached(what, dir, "?sync=off")};
  constexpr size_t piece = 10'000;
  for (size_t first = 0; first < keys; first += piece) {
    std::vector<put_request> requests;
    for (size_t i = first; i < std::min(keys, first + piece); ++i)
      requests.push_back(make_put(i, size));
    client_rate(sys, store.handle(),
                work<put_request>{&requests, requests.size(), 512});
  }
}

/// Seconds per listing of all keys with metadata, in pages; checks the count.
double list_store(running_store& store, size_t keys) {
  stopwatch watch;
  size_t found = 0;
  list_keys_request request;
  request.limit = page_size;
  request.with_metadata = true;
  do {
    auto page = need(store.client().keys(request));
    found += page.entries.size();
    request.after = page.next;
  } while (!request.after.empty());
  if (found < keys)
    give_up("a listing lost keys");
  return watch.seconds();
}

/// Seconds per pass of a direct iterator that copies keys and metadata.
/// @param keep how many keys are kept before they are dropped: pages as they
///             are answered, or 1 for nothing but the last
double list_raw(raw_engine& raw, size_t keys, size_t keep) {
  struct entry {
    std::string key;
    std::string metadata;
  };
  stopwatch watch;
  size_t found = 0;
  std::vector<entry> page(keep);
  raw.list([&](std::string_view key, std::string_view metadata) {
    auto i = found++ % page.size();
    if (i == 0 && page.size() > 1)
      page = std::vector<entry>(keep);
    page[i].key = key;
    page[i].metadata = metadata;
  });
  if (found < keys)
    give_up("a listing lost keys");
  return watch.seconds();
}

/// Seconds for the first page.
double first_page(running_store& store) {
  list_keys_request request;
  request.limit = page_size;
  request.with_metadata = true;
  stopwatch watch;
  need(store.client().keys(request));
  return watch.seconds();
}

// -- reports ------------------------------------------------------------------

/// Names results after engine and size.
class reporter {
public:
  reporter(const subject& what, const char* size)
    : prefix_(fmt::format("{}, {}: ", what.name, size)) {
    // nop
  }

  void ratio(const std::string& name, const std::vector<double>& xs,
             const std::vector<double>& ys, const char* bound = "",
             double target = 0) const {
    print({prefix_ + name,
           median_ratio(xs, ys),
           "x",
           bound,
           target,
           {{"store", median(xs)}, {"direct", median(ys)}}});
  }

  void figure(const std::string& name, double x, const char* unit) const {
    print({prefix_ + name, x, unit, "", 0});
  }

private:
  std::string prefix_;
};

// -- what is measured ---------------------------------------------------------

/// New keys with each call, behind those that the engine was filled with.
class put_load {
public:
  put_load(size_t first, size_t size) : next_(first), size_(size) {
    // nop
  }

  double store(caf::actor_system& sys, const running_store& to, size_t total,
               size_t in_flight) {
    std::vector<put_request> requests;
    for (size_t i = 0; i < total; ++i)
      requests.push_back(make_put(next_++, size_));
    return client_rate(sys, to.handle(),
                       work<put_request>{&requests, total, in_flight});
  }

  double raw(raw_engine& to, size_t total, size_t threads) {
    auto first = next_;
    next_ += total;
    return raw_rate(to, threads, total,
                    [first, size = size_](raw_session& x, size_t i) {
                      raw_put(x, first + i, size);
                    });
  }

private:
  size_t next_;
  size_t size_;
};

void measure_puts(caf::actor_system& sys, const running_store& store,
                  raw_engine& raw, const value_size& size,
                  const reporter& report, bool group_commit) {
  put_load load{size.keys, size.bytes};
  auto through_store = [&](size_t in_flight) {
    return [&, in_flight] {
      return load.store(sys, store,
                        std::max<size_t>(size.puts * in_flight / 512, 64),
                        in_flight);
    };
  };
  auto direct = [&](size_t threads) {
    return
      [&, threads] { return load.raw(raw, size.puts * threads / 64, threads); };
  };
  auto figures
    = alternate(rounds, {through_store(1), through_store(16), through_store(64),
                         through_store(512), direct(1), direct(16)});
  report.ratio("durable puts, 1 in flight / 1 thread", figures[0], figures[4]);
  report.ratio("durable puts, 16 in flight / 16 threads", figures[1],
               figures[5]);
  report.ratio("durable puts, 64 in flight / 16 threads", figures[2],
               figures[5]);
  auto wanted = group_commit && size.bytes <= 1024;
  report.ratio("durable puts, 512 in flight / 16 threads", figures[3],
               figures[5], wanted ? "at least" : "", wanted ? 3 : 0);
}

template <class Request>
std::vector<Request> scattered_requests(const value_size& size) {
  std::vector<Request> result(size.keys);
  for (size_t i = 0; i < size.keys; ++i)
    result[i].key = key_name(scattered(i, size.keys));
  return result;
}

void measure_gets(caf::actor_system& sys, const running_store& store,
                  raw_engine& raw, const value_size& size,
                  const reporter& report) {
  auto gets = scattered_requests<get_request>(size);
  auto metas = scattered_requests<metadata_request>(size);
  constexpr size_t clients = 4;
  auto through_store = [&]<class Request>(const std::vector<Request>& all) {
    return [&] {
      work<Request> todo{&all, size.gets / clients, 64};
      return client_rate(sys, store.handle(), todo, clients);
    };
  };
  auto direct = [&](auto call, size_t threads) {
    return [&, call, threads] {
      return raw_rate(raw, threads, size.gets,
                      [&size, call](raw_session& x, size_t i) {
                        thread_local std::string buffer;
                        (x.*call)(key_name(scattered(i, size.keys)), buffer);
                      });
    };
  };
  auto figures
    = alternate(rounds, {through_store(gets), direct(&raw_session::get, 1),
                         direct(&raw_session::get, 16), through_store(metas),
                         direct(&raw_session::get_metadata, 1),
                         direct(&raw_session::get_metadata, 16)});
  auto target = size.bytes == 1024 ? 0.5 : size.bytes > 1024 ? 0.85 : 0;
  report.ratio("gets / 1 thread", figures[0], figures[1],
               target > 0 ? "at least" : "", target);
  report.ratio("gets / 16 threads", figures[0], figures[2]);
  report.ratio("metadata / 1 thread", figures[3], figures[4]);
  report.ratio("metadata / 16 threads", figures[3], figures[5]);
}

void measure_listing(running_store& store, raw_engine& raw,
                     const value_size& size, const reporter& report) {
  auto figures
    = alternate(rounds, {
                          [&] { return list_store(store, size.keys); },
                          [&] { return list_raw(raw, size.keys, page_size); },
                          [&] { return list_raw(raw, size.keys, 1); },
                        });
  auto* bound = size.keys == 100'000 ? "at most" : "";
  report.ratio("time to list all keys with metadata / direct, in pages",
               figures[0], figures[1], bound, 2);
  report.ratio("time to list all keys with metadata / direct, keeping nothing",
               figures[0], figures[2], bound, 2);
}

/// Seconds until a store is open and has answered a get.
double open_and_get(caf::actor_system& sys, const subject& what,
                    const std::string& dir) {
  stopwatch watch;
  running_store store{sys, open_uncached(what, dir)};
  need(store.client().get(key_name(0)));
  return watch.seconds();
}

double open_and_get_raw(const subject& what, const std::string& dir) {
  stopwatch watch;
  auto raw = what.open_raw(dir);
  std::string buffer;
  raw->connect()->get(key_name(0), buffer);
  return watch.seconds();
}

void measure_opening(caf::actor_system& sys, const subject& what,
                     const std::string& dir, const std::string& raw_dir,
                     const reporter& report, const char* bound = "") {
  auto figures
    = alternate(rounds, {[&] { return open_and_get(sys, what, dir); },
                         [&] { return open_and_get_raw(what, raw_dir); }});
  report.ratio("time to open and get a key", figures[0], figures[1], bound, 3);
}

void measure(caf::actor_system& sys, const scratch& where, const subject& what,
             const value_size& size) {
  auto dir = where.file(fmt::format("{}-{}", what.name, size.bytes));
  auto raw_dir = dir + "-raw";
  reporter report{what, size.name};
  fill_store(sys, what, dir, size.keys, size.bytes);
  fill_raw(*what.open_raw(raw_dir), size.keys, size.bytes);
  auto per_key = [&size](const std::string& path) {
    return static_cast<double>(disk_usage(path))
           / static_cast<double>(size.keys);
  };
  report.figure("space per key", per_key(dir), "bytes");
  report.figure("space per key, direct", per_key(raw_dir), "bytes");
  measure_opening(sys, what, dir, raw_dir, report);
  {
    running_store store{sys, open_uncached(what, dir)};
    auto raw = what.open_raw(raw_dir);
    measure_listing(store, *raw, size, report);
    measure_gets(sys, store, *raw, size, report);
    auto group_commit = std::string_view{what.name} == "rocksdb"
                        || std::string_view{what.name} == "lmdb";
    measure_puts(sys, store, *raw, size, report, group_commit);
  }
  std::filesystem::remove_all(dir);
  std::filesystem::remove_all(raw_dir);
}

/// What a million keys do to opening and to the first page.
void measure_many_keys(caf::actor_system& sys, const scratch& where,
                       const subject& what) {
  auto dir = where.file(fmt::format("{}-many", what.name));
  auto raw_dir = dir + "-raw";
  auto few_dir = dir + "-few";
  reporter report{what, "a million keys"};
  fill_store(sys, what, few_dir, few_keys, 100);
  fill_store(sys, what, dir, many_keys, 100);
  fill_raw(*what.open_raw(raw_dir), many_keys, 100);
  measure_opening(sys, what, dir, raw_dir, report, "at most");
  {
    auto before = memory("VmRSS");
    running_store store{sys, open_uncached(what, dir)};
    need(store.client().get(key_name(0)));
    auto after = memory("VmRSS");
    report.figure("memory after opening",
                  (static_cast<double>(after) - static_cast<double>(before))
                    / (1 << 20),
                  "MiB");
    running_store few{sys, open_uncached(what, few_dir)};
    auto figures = alternate(
      21, {[&] { return first_page(store); }, [&] { return first_page(few); }});
    report.ratio("time of a page of 1,000 / with 1,000 keys", figures[0],
                 figures[1]);
  }
  std::filesystem::remove_all(dir);
  std::filesystem::remove_all(raw_dir);
  std::filesystem::remove_all(few_dir);
}

} // namespace

/// usage: bench-engines [DIR [ENGINE]…]
int main(int argc, char** argv) {
  scratch where{argc, argv};
  std::vector<std::string_view> chosen(argv + std::min(argc, 2), argv + argc);
  init_actor_types();
  system_config cfg;
  caf::actor_system sys{cfg};
  for (auto& what : subjects) {
    if (!chosen.empty()
        && std::find(chosen.begin(), chosen.end(), what.name) == chosen.end())
      continue;
    for (auto& size : sizes)
      measure(sys, where, what, size);
    // A million files take minutes to make and say nothing new.
    if (std::string_view{what.name} != "file")
      measure_many_keys(sys, where, what);
  }
  return EXIT_SUCCESS;
}
