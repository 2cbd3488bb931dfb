// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/statistics.hpp"

#include <algorithm>
#include <bit>
#include <functional>
#include <vector>

namespace larder::internal {

std::string_view to_string(op_kind x) noexcept {
  constexpr std::string_view names[] = {"get",    "exists", "metadata", "put",
                                        "update", "erase",  "write",    "read",
                                        "list",   "verify"};
  return names[static_cast<size_t>(x)];
}

void histogram::add(uint64_t x) noexcept {
  auto width = static_cast<size_t>(std::bit_width(x));
  buckets_[std::min(width, buckets - 1)].add();
}

namespace {

using entries = std::vector<value::entry>;

class summary {
public:
  summary(const actor_statistics* first, size_t n) : first_(first), n_(n) {
    // nop
  }

  int64_t sum(auto member) const {
    uint64_t result = 0;
    for (size_t i = 0; i < n_; ++i)
      result += std::invoke(member, first_[i]);
    return static_cast<int64_t>(result);
  }

  /// A map from the upper bound of each bucket that is not empty to its count.
  value buckets(auto get) const {
    entries result;
    for (size_t b = 0; b < histogram::buckets; ++b) {
      auto count = sum([&](auto& x) { return get(x).bucket(b); });
      if (count > 0)
        result.emplace_back(int64_t{1} << b, count);
    }
    return value::map(std::move(result));
  }

private:
  const actor_statistics* first_;
  size_t n_;
};

value key(std::string_view name) {
  return value::keyword(name);
}

} // namespace

value summarize(const actor_statistics* first, size_t n) {
  summary s{first, n};
  entries operations;
  for (size_t i = 0; i < op_kinds; ++i) {
    auto count = s.sum([i](auto& x) { return x.operations[i].count.get(); });
    if (count == 0)
      continue;
    operations.emplace_back(
      key(to_string(static_cast<op_kind>(i))),
      value::map({
        {key("count"), count},
        {key("errors"),
         s.sum([i](auto& x) { return x.operations[i].errors.get(); })},
        {key("microseconds"), s.buckets([i](auto& x) -> const histogram& {
           return x.operations[i].microseconds;
         })},
      }));
  }
  auto total = [&s](auto member) {
    return s.sum([member](auto& x) { return (x.*member).get(); });
  };
  using stats = actor_statistics;
  return value::map({
    {key("operations"), value::map(std::move(operations))},
    {key("cache"),
     value::map({
       {key("hits"), total(&stats::cache_hits)},
       {key("misses"), total(&stats::cache_misses)},
       {key("evictions"), total(&stats::cache_evictions)},
       {key("bytes"), s.sum([](auto& x) { return x.cache_bytes.load(); })},
     })},
    {key("commits"),
     value::map({
       {key("batches"), total(&stats::commits)},
       {key("mutations"), total(&stats::mutations)},
       {key("combined"), total(&stats::combined)},
       {key("conflicts"), total(&stats::conflicts)},
       {key("batch-sizes"),
        s.buckets([](auto& x) -> const histogram& { return x.batch_sizes; })},
       {key("microseconds"), s.buckets([](auto& x) -> const histogram& {
          return x.commit_microseconds;
        })},
     })},
    {key("bytes"), value::map({
                     {key("encoded"), total(&stats::bytes_encoded)},
                     {key("decoded"), total(&stats::bytes_decoded)},
                   })},
    {key("overloaded"), total(&stats::overloaded)},
    {key("expired"), total(&stats::expired)},
    {key("collection"), value::map({
                          {key("rounds"), total(&stats::collection_rounds)},
                          {key("sweeps"), total(&stats::sweeps)},
                          {key("swept"), total(&stats::swept)},
                          {key("marked"), total(&stats::marked)},
                        })},
  });
}

} // namespace larder::internal
