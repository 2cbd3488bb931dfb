// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "trials/load_reader.hpp"

#include <random>
#include <vector>

namespace trials {

using namespace larder;

expected<content> read_amount(backend& store, const std::string& key) {
  read_request request;
  request.key = key;
  auto found = std::move(store.read({&request, 1})[0]);
  if (!found)
    return fail(found.error());
  if (!*found)
    return content{};
  return examine(key, (*found)->data);
}

expected<void> check_sum(backend& store) {
  std::vector<read_request> requests(num_accounts);
  for (unsigned i = 0; i < num_accounts; ++i)
    requests[i].key = key_name(first_account + i);
  uint64_t sum = 0;
  auto outcomes = store.read(requests);
  for (size_t i = 0; i < outcomes.size(); ++i) {
    if (!outcomes[i])
      return fail(outcomes[i].error());
    if (!*outcomes[i])
      return fail(errc::not_found, requests[i].key + " is gone");
    auto found = examine(requests[i].key, (*outcomes[i])->data);
    if (!found)
      return fail(found.error());
    sum += found->amount;
  }
  if (sum != num_accounts * initial_amount)
    return fail(errc::internal,
                "the sum of all accounts is " + std::to_string(sum));
  return {};
}

expected<std::map<std::string, version>> list_all(backend& store,
                                                  size_t limit) {
  std::map<std::string, version> result;
  list_request request;
  request.limit = limit;
  request.part = blob_part::metadata;
  do {
    auto page = store.list(request);
    if (!page)
      return fail(page.error());
    for (auto& x : page->entries) {
      if (!x.blob)
        return fail(x.blob.error());
      auto number = examine_metadata(x.key, *x.blob);
      if (!number)
        return fail(number.error());
      if (!result.emplace(x.key, *number).second)
        return fail(errc::internal, x.key + " is listed twice");
    }
    request.after = page->next;
  } while (!request.after.empty());
  return result;
}

void read_for_ever(backend& store, notebook& notes, uint64_t seed) {
  std::mt19937_64 random{seed};
  auto complain = [&](std::string_view kind, const error& err) {
    notes.complain(err == errc::corruption ? "torn"
                   : err == errc::internal ? kind
                                           : "refused",
                   to_string(err));
  };
  for (;;) {
    if (store.caps().atomic_groups)
      if (auto ok = check_sum(store); !ok)
        complain("sum", ok.error());
    for (int i = 0; i < 10; ++i) {
      auto key = key_name(static_cast<key_index>(random() % num_keys));
      if (auto found = read_amount(store, key); !found)
        complain("torn", found.error());
    }
    if (auto keys = list_all(store, 1 + random() % 50); !keys)
      complain("listing", keys.error());
  }
}

} // namespace trials
