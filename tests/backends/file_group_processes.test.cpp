// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Several real processes move money between accounts of one file store; some
/// are killed in the middle. The sum of all accounts never changes.

#include "backends/child_process.hpp"
#include "temp_dir.hpp"

#include <random>

using namespace file_tools;

namespace fs = std::filesystem;

namespace {

constexpr uint64_t num_accounts = 6;
constexpr uint64_t sum_of_all = 300;

std::string account(uint64_t i) {
  return "\"account-" + std::to_string(i);
}

std::vector<read_outcome> read(backend& store,
                               const std::vector<uint64_t>& accounts) {
  std::vector<read_request> requests;
  for (auto i : accounts)
    requests.push_back({account(i), blob_part::all, 0, 0, {}});
  return store.read(requests);
}

/// An account without money has no blob.
uint64_t balance(const std::optional<blob_view>& x) {
  return x ? number_of(x->data) : 0;
}

/// Returns the sum as one read sees it, nothing on any error.
std::optional<uint64_t> sum(backend& store) {
  uint64_t result = 0;
  for (auto& x : read(store, {0, 1, 2, 3, 4, 5})) {
    if (!x)
      return std::nullopt;
    result += balance(*x);
  }
  return result;
}

mutation set_balance(uint64_t i, const std::optional<blob_view>& old,
                     uint64_t now) {
  mutation result{account(i), std::monostate{}, precondition::absent(), 1};
  if (old)
    result.condition = precondition::matches(header::decode(old->data)->rev);
  if (now > 0)
    result.content = numbered(now);
  return result;
}

/// Moves some money on condition that nobody else touches the accounts.
/// @returns whether it could, nothing on any error
std::optional<bool> transfer(backend& store, std::minstd_rand& random) {
  auto from = random() % num_accounts;
  auto to = (from + 1 + random() % (num_accounts - 1)) % num_accounts;
  auto found = read(store, {from, to});
  if (!found[0] || !found[1])
    return std::nullopt;
  auto had = balance(*found[0]);
  auto amount = random() % 3 == 0 ? had : random() % (had + 1);
  std::vector<mutation> batch{
    set_balance(from, *found[0], had - amount),
    set_balance(to, *found[1], balance(*found[1]) + amount)};
  auto outcomes = store.commit(batch);
  for (auto& x : outcomes)
    if (!x && x.error() != errc::precondition_failed
        && x.error() != errc::conflict)
      return std::nullopt;
  return outcomes[0] && outcomes[1];
}

/// Transfers for ever and sends how many transfers it has made.
auto transfer_for_ever(const detail::file_config& config, unsigned seed) {
  return [=](int out) {
    auto store = try_open(config);
    std::minstd_rand random{seed};
    for (uint64_t done = 0; store;) {
      auto ok = transfer(**store, random);
      if (!ok)
        return;
      if (*ok)
        send(out, ++done);
    }
  };
}

} // namespace

TEST_CASE("no process sees half of a group while others are killed in groups") {
  constexpr int max_rounds = 400;
  constexpr int enough_records = 5;
  temp_dir tmp;
  auto config = config_for(tmp / "store");
  auto own = create(config);
  REQUIRE(commit_one(*own, put(account(0), numbered(sum_of_all))));
  child survivor{transfer_for_ever(config, 1)};
  child reader{[&](int out) {
    auto store = try_open(config);
    for (uint64_t done = 1; store && sum(**store) == sum_of_all; ++done)
      send(out, done);
  }};
  int records = 0; // left by processes that were killed
  std::minstd_rand random{2};
  for (int i = 0; i < max_rounds && records < enough_records; ++i) {
    child victim{transfer_for_ever(config, 100 + unsigned(i))};
    for (auto n = random() % 8 + 1; n > 0; --n)
      REQUIRE(victim.next());
    ::usleep(random() % 3000);
    // The others stand still while we look at what is left.
    ::kill(survivor.pid(), SIGSTOP);
    ::kill(reader.pid(), SIGSTOP);
    victim.kill();
    records += fs::exists(config.dir + "/groups");
    ::kill(survivor.pid(), SIGCONT);
    ::kill(reader.pid(), SIGCONT);
    CHECK(sum(*own) == sum_of_all);
    REQUIRE(reader.next());
    REQUIRE(survivor.next());
  }
  CHECK(records == enough_records); // or nothing has been proved
  survivor.kill();
  reader.kill();
  own = open(config);
  CHECK(sum(*own) == sum_of_all);
  for (uint64_t i = 0; i < num_accounts; ++i)
    REQUIRE(commit_one(*own, put(account(i), numbered(i))));
  CHECK(files_below(config.dir).size() == num_accounts + 2);
}
