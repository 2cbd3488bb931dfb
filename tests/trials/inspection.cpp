// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "trials/inspection.hpp"

#include "trials/keys.hpp"
#include "trials/load_reader.hpp"

#include <algorithm>
#include <filesystem>

namespace trials {

using namespace larder;

namespace {

/// Reads the last bytes of a blob alone.
void check_range(backend& store, const std::string& key, const blob_view& whole,
                 violations& out) {
  read_request request;
  request.key = key;
  request.part = blob_part::range;
  request.length = std::min<uint64_t>(whole.blob_size, 1000);
  request.offset = whole.blob_size - request.length;
  auto found = std::move(store.read({&request, 1})[0]);
  if (!found || !*found)
    out.push_back({"torn", "no range of " + key.substr(0, 40)});
  else if (!std::ranges::equal((*found)->data, whole.data.last(request.length)))
    out.push_back({"torn", "another range of " + key.substr(0, 40)});
}

contents read_all(backend& store, violations& out) {
  contents result;
  for (key_index i = 0; i < num_keys; ++i) {
    read_request request;
    request.key = key_name(i);
    auto outcome = std::move(store.read({&request, 1})[0]);
    if (!outcome) {
      out.push_back({"torn", to_string(outcome.error())});
      continue;
    }
    if (!*outcome)
      continue;
    auto found = examine(request.key, (*outcome)->data);
    if (!found) {
      out.push_back({"torn", found.error().message()});
      continue;
    }
    result[request.key] = found->number;
    check_range(store, request.key, **outcome, out);
  }
  return result;
}

void compare_listing(backend& store, const contents& found, size_t limit,
                     violations& out) {
  auto listed = list_all(store, limit);
  if (!listed) {
    out.push_back({"listing", to_string(listed.error())});
    return;
  }
  for (auto& [key, number] : *listed)
    if (!find_key(key))
      out.push_back({"ghost", key.substr(0, 40) + " was never sent"});
    else if (!found.contains(key) || found.at(key) != number)
      out.push_back({"listing", key.substr(0, 40) + " is listed as version "
                                  + std::to_string(number)
                                  + ", which it is not"});
  for (auto& [key, number] : found)
    if (!listed->contains(key))
      out.push_back({"listing", key.substr(0, 40) + " is not listed"});
}

} // namespace

contents inspect(backend& store, violations& out) {
  auto result = read_all(store, out);
  for (size_t limit : {1, 7, 1000})
    compare_listing(store, result, limit, out);
  return result;
}

violations find_leftovers(const std::string& dir) {
  violations result;
  for (auto& x : std::filesystem::recursive_directory_iterator{dir})
    if (x.path().extension() == ".new")
      result.push_back({"leftover", x.path().string()});
  return result;
}

} // namespace trials
