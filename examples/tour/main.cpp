// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

// A tour of larder on real data: imports the languages and country subdivisions
// of the world into an encrypted file store, lets several client actors read
// and update them at the same time, closes everything, opens the store again
// from disk and checks every record. A failed check exits non-zero.
//
//     tour [DIRECTORY]
//
// The store is made in DIRECTORY, which stays, or in a temporary folder.

#include "clients.hpp"
#include "tables.hpp"

#include "larder/blocking_client.hpp"
#include "larder/store.hpp"
#include "larder/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <thread>
#include <type_traits>

using namespace larder;

namespace fs = std::filesystem;

namespace {

// -- checks and figures -------------------------------------------------------

/// Ends the tour unless `ok`.
void check(bool ok, const std::string& what) {
  if (!ok)
    throw std::runtime_error{what};
}

/// Takes the result of a step that must succeed.
template <class T>
T need(expected<T> x, const std::string& step) {
  check(x.has_value(), step + ": " + (x ? "" : to_string(x.error())));
  if constexpr (!std::is_void_v<T>)
    return std::move(*x);
}

/// Waits for an actor and makes sure that it saw nothing wrong.
tour::report wait_for(std::future<tour::report>& done) {
  auto result = done.get();
  check(result.problems.empty(),
        result.problems.empty()
          ? ""
          : fmt::format("{} problems, the first: {}", result.problems.size(),
                        result.problems.front()));
  return result;
}

/// Prints a number with its digits in groups of three.
std::string grouped(uint64_t x) {
  auto result = std::to_string(x);
  for (auto i = static_cast<int>(result.size()) - 3; i > 0; i -= 3)
    result.insert(static_cast<size_t>(i), 1, ',');
  return result;
}

class stopwatch {
public:
  double seconds() const {
    return std::chrono::duration<double>(clock::now() - start_).count();
  }

  std::string rate_of(size_t n) const {
    return grouped(static_cast<uint64_t>(static_cast<double>(n) / seconds()));
  }

private:
  using clock = std::chrono::steady_clock;
  clock::time_point start_ = clock::now();
};

// -- where the store is -------------------------------------------------------

/// Removes a folder with all files, many at a time: some file systems take
/// milliseconds for each file that was synced.
void remove_tree(const fs::path& dir) {
  std::error_code ignored;
  std::vector<fs::path> files;
  for (auto& item : fs::recursive_directory_iterator{dir, ignored})
    if (!item.is_directory(ignored))
      files.push_back(item.path());
  std::atomic<size_t> next{0};
  auto remove_some = [&] {
    std::error_code error;
    for (auto i = next++; i < files.size(); i = next++)
      fs::remove(files[i], error);
  };
  {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < 16; ++i)
      threads.emplace_back(remove_some);
  }
  fs::remove_all(dir, ignored);
}

/// A folder: the caller's, or a temporary one that goes in the end.
class workspace {
public:
  explicit workspace(const char* given) : temporary_(given == nullptr) {
    if (!temporary_) {
      dir_ = given;
      fs::create_directories(dir_);
      return;
    }
    auto name = (fs::temp_directory_path() / "larder-tour-XXXXXX").string();
    check(mkdtemp(name.data()) != nullptr, "cannot make " + name);
    dir_ = name;
  }

  ~workspace() {
    if (temporary_)
      remove_tree(dir_);
  }

  /// Makes a keyring with one random key.
  void make_keyring() const {
    keyring keys;
    need(keys.add(encryption_key::random()), "make a key");
    need(keys.save(keyring_file()), "save the keyring");
  }

  std::string keyring_file() const {
    return (dir_ / "keyring").string();
  }

  /// Everything about the store in one line.
  std::string store_uri() const {
    uri result;
    result.scheme = "file";
    result.path = (dir_ / "store").string();
    result.options = {{"serializer", "cbor"},
                      {"compressor", "lz4"},
                      {"encryptor", "xaes-gcm"},
                      {"keyring", keyring_file()}};
    return to_string(result);
  }

private:
  fs::path dir_;
  bool temporary_;
};

/// A running actor system with the store in it; closes both in the end.
class session {
public:
  session(const std::string& uri, open_mode mode) {
    add_actor_types(config_);
    system_.emplace(config_);
    store_ = spawn_store(*system_, need(open_store(uri, mode), "open"));
    client_.emplace(*system_, store_);
  }

  caf::actor_system& system() {
    return *system_;
  }

  const caf::actor& store() const {
    return store_;
  }

  blocking_client& client() {
    return *client_;
  }

  session(const session&) = delete;

  session& operator=(const session&) = delete;

  /// After a failed check the store must be closed all the same: an actor
  /// system ends when all its actors have.
  ~session() {
    if (client_)
      static_cast<void>(client_->close_store());
    client_.reset();
    store_ = nullptr;
  }

  /// Returns when everything is on disk and all actors have ended.
  void close() {
    need(client_->close_store(), "close");
    client_.reset();
    store_ = nullptr;
    system_.reset();
  }

private:
  caf::actor_system_config config_;
  std::optional<caf::actor_system> system_;
  caf::actor store_;
  std::optional<blocking_client> client_;
};

/// The size of a value before the chain compresses and encrypts it.
size_t cbor_size(const value& x) {
  static const codec_registry codecs;
  bytes result;
  need(need(codecs.find_serializer("cbor"), "find cbor")->encode(x, result, {}),
       "encode");
  return result.size();
}

/// What the store must hold, by key.
using contents = std::map<value, value>;

// -- the stations of the tour -------------------------------------------------

std::vector<tour::record> load_tables() {
  std::vector<tour::record> result;
  for (auto& table : tour::iso_tables()) {
    auto records = need(tour::load(table), "load " + table.title);
    fmt::print("   {} {}, as {} to {}\n", grouped(records.size()), table.title,
               to_edn(records.front().key), to_edn(records.back().key));
    std::move(records.begin(), records.end(), std::back_inserter(result));
  }
  return result;
}

void import_records(session& s, const std::vector<tour::record>& records,
                    contents& wanted) {
  stopwatch watch;
  auto done = tour::spawn_importer(s.system(), s.store(), records);
  wait_for(done);
  for (auto& x : records)
    wanted.emplace(x.key, x.content);
  auto stats = need(s.client().statistics(), "statistics");
  auto commits = *stats.find(value::keyword("commits"));
  auto batches = commits.find(value::keyword("batches"))->as_integer();
  fmt::print("   {} records in {:.1f} s: {} durable puts per second,\n"
             "   {} to a commit on average\n",
             grouped(records.size()), watch.seconds(),
             watch.rate_of(records.size()),
             records.size() / static_cast<size_t>(batches));
}

/// Stores all languages as one value, too: what the chain does to a larger one.
void import_whole_table(session& s, const std::vector<tour::record>& records,
                        contents& wanted) {
  std::vector<value> languages;
  for (auto& x : records)
    if (x.key.as_string().starts_with("language/"))
      languages.push_back(x.content);
  const value key = "table/languages";
  auto& content = wanted[key] = value::vector(std::move(languages));
  need(s.client().put(key, content), "put");
  auto stored = need(s.client().call(verify_request{key}), "verify");
  fmt::print("   all languages as one value: {} bytes of CBOR, {} bytes "
             "compressed and sealed\n",
             grouped(cbor_size(content)), grouped(stored.stored_size));
}

void visit(session& s, const std::vector<tour::record>& records,
           contents& wanted) {
  constexpr unsigned visitors = 8;
  constexpr size_t visits_each = 500;
  stopwatch watch;
  std::vector<std::future<tour::report>> running;
  for (unsigned i = 0; i < visitors; ++i)
    running.push_back(
      tour::spawn_visitor(s.system(), s.store(), records, visits_each, i));
  size_t requests = 0;
  std::map<value, std::vector<int64_t>> visits;
  for (auto& done : running) {
    auto result = wait_for(done);
    requests += result.requests;
    for (auto& [key, numbers] : result.visits)
      visits[key].insert(visits[key].end(), numbers.begin(), numbers.end());
  }
  auto seconds = watch.seconds();
  size_t most = 0;
  for (auto& [key, numbers] : visits) {
    // Had an update been lost, two visitors would have got the same number.
    std::sort(numbers.begin(), numbers.end());
    for (size_t i = 0; i < numbers.size(); ++i)
      check(numbers[i] == static_cast<int64_t>(i) + 1,
            to_edn(key) + " lost a visit");
    most = std::max(most, numbers.size());
    wanted[key] = need(assoc_in(wanted[key], path{"visits"}, numbers.size()),
                       "count visits");
  }
  fmt::print(
    "   {} actors, {} reads and {} durable updates by path in {:.1f} "
    "s:\n   {} operations per second, all answers right;\n"
    "   {} records visited, the busiest {} times, none lost\n",
    visitors, grouped(requests / 2), grouped(requests / 2), seconds,
    grouped(static_cast<uint64_t>(static_cast<double>(requests) / seconds)),
    grouped(visits.size()), most);
}

void show_one_record(blocking_client& client, contents& wanted) {
  const value german = "language/deu";
  need(client.put_in(german, {"names", "de"}, "Deutsch"), "set a field");
  auto updated = need(
    client.update(german, {"names", "de"}, "append", {value{" (Hochdeutsch)"}}),
    "update a field");
  fmt::print("   update names/de of {}:\n      {} -> {}\n", to_edn(german),
             to_edn(updated.before), to_edn(updated.after));
  wanted[german] = need(
    assoc_in(wanted[german], path{"names", "de"}, "Deutsch (Hochdeutsch)"),
    "set a field");
  auto record = need(client.get(german), "get");
  check(record == wanted[german], "the record is not what was written");
  fmt::print("   the record now:\n      {}\n", to_edn(record));
}

void lose_a_race(blocking_client& client, contents& wanted) {
  const value berlin = "subdivision/DE-BE";
  auto seen = need(client.meta(berlin), "metadata").rev;
  need(client.put_in(berlin, {"capital"}, true), "somebody else writes");
  put_options options;
  options.condition.must_match = seen;
  auto lost = client.put_in(berlin, {"capital"}, false, std::move(options));
  check(!lost && lost.error() == errc::precondition_failed,
        "a write on an old revision must fail");
  fmt::print("   a write on an old revision loses:\n      {}\n",
             to_string(lost.error()));
  wanted[berlin]
    = need(assoc_in(wanted[berlin], path{"capital"}, true), "set a field");
  auto meta = need(client.meta(berlin), "metadata");
  check(meta.key == berlin && meta.rev != seen, "metadata must be up to date");
  fmt::print("   its metadata:\n      {}\n", to_edn(meta.to_value()));
}

void miss_a_key(blocking_client& client) {
  auto missing = client.get("language/none");
  check(!missing && missing.error() == errc::not_found,
        "a missing key must be an error");
  fmt::print("   a missing key is an error, not a value:\n      {}\n",
             to_string(missing.error()));
}

/// Counts the keys that begin with `prefix`, page by page.
size_t count_keys(blocking_client& client, const value& prefix) {
  list_keys_request req;
  req.prefix = prefix;
  size_t result = 0;
  auto count = [&](key_entry& x) -> expected<void> {
    if (!x.damage.empty())
      return fail(errc::corruption, to_edn(x.key) + ": " + x.damage);
    ++result;
    return {};
  };
  need(client.for_each_key(req, count), "list keys");
  return result;
}

void audit(session& s, const std::vector<tour::record>& records,
           const contents& wanted) {
  for (auto& table : tour::iso_tables()) {
    auto ours = std::count_if(records.begin(), records.end(), [&](auto& x) {
      return x.key.as_string().starts_with(table.prefix);
    });
    auto n = count_keys(s.client(), table.prefix);
    check(n == static_cast<size_t>(ours),
          fmt::format("{} {} on disk, {} imported", n, table.title, ours));
    fmt::print("   {} {} on disk\n", grouped(n), table.title);
  }
  check(count_keys(s.client(), {}) == wanted.size(), "there are stray keys");
  stopwatch watch;
  auto done = tour::spawn_auditor(s.system(), s.store(), wanted);
  auto result = wait_for(done);
  size_t plain = 0;
  for (auto& [key, content] : wanted)
    plain += cbor_size(content);
  fmt::print(
    "   every record is as it was left, every tag and checksum right: "
    "{} checks per second\n   {} bytes of CBOR are {} bytes compressed "
    "and sealed, metadata included\n",
    watch.rate_of(result.requests), grouped(plain),
    grouped(result.stored_bytes));
}

void run(const workspace& where) {
  auto uri = where.store_uri();
  contents wanted;
  fmt::print("1. Load the ISO tables\n");
  auto records = load_tables();
  where.make_keyring();
  fmt::print("2. Import them into {}\n", uri);
  session first{uri, open_mode::create};
  import_records(first, records, wanted);
  import_whole_table(first, records, wanted);
  fmt::print("3. Read and update them from several actors at once\n");
  visit(first, records, wanted);
  fmt::print("4. Look closer\n");
  show_one_record(first.client(), wanted);
  lose_a_race(first.client(), wanted);
  miss_a_key(first.client());
  fmt::print("5. Close everything, open the store again from disk, check it\n");
  first.close();
  session second{uri, open_mode::open};
  audit(second, records, wanted);
  second.close();
}

} // namespace

int main(int argc, char** argv) {
  if (argc > 2) {
    fmt::print(stderr, "usage: {} [DIRECTORY]\n", argv[0]);
    return EXIT_FAILURE;
  }
  init_actor_types();
  try {
    stopwatch watch;
    run(workspace{argc > 1 ? argv[1] : nullptr});
    fmt::print("All checks passed in {:.1f} s.\n", watch.seconds());
    return EXIT_SUCCESS;
  } catch (const std::exception& ex) {
    std::fflush(stdout);
    fmt::print(stderr, "The tour failed: {}\n", ex.what());
    return EXIT_FAILURE;
  }
}
