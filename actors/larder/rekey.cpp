// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/rekey.hpp"

#include "larder/detail/patience.hpp"

#include <algorithm>
#include <utility>

namespace larder {

namespace {

/// Rounds after which what is left stays: what somebody else has written
/// meanwhile under another key is found in the next one.
constexpr int max_rounds = 3;

/// Goes through the whole store once.
expected<void> make_round(blocking_client& client, const rekey_request& first,
                          rekey_summary& sum, const rekey_observer& observer) {
  auto request = first;
  sum.blobs = 0;
  sum.failed = 0;
  sum.left.clear();
  for (;;) {
    auto page = detail::patiently([&] { return client.call(request); });
    if (!page)
      return fail(std::move(page.error()));
    auto again = page->next == request.after;
    sum.rekeyed += page->rekeyed;
    sum.bytes += page->bytes;
    sum.failed += page->failed.size();
    sum.blobs += again ? 0 : page->examined;
    sum.primary = page->primary;
    for (auto& x : page->left)
      sum.left[x.key_id] += x.blobs;
    if (observer && !observer(*page, sum))
      return fail(errc::closed, "rekeying was stopped");
    if (!page->next)
      return {};
    request.after = std::move(*page->next);
  }
}

} // namespace

expected<rekey_summary> rekey(blocking_client& client,
                              const rekey_options& options,
                              const rekey_observer& observer) {
  rekey_summary sum;
  rekey_request change{{}, options.page_size, false};
  rekey_request look{{}, options.page_size, true};
  for (int round = 0; round < max_rounds; ++round) {
    uint64_t failed = 0;
    if (!options.dry_run) {
      if (auto ok = make_round(client, change, sum, observer); !ok)
        return fail(std::move(ok.error()));
      failed = sum.failed;
    }
    if (auto ok = make_round(client, look, sum, observer); !ok)
      return fail(std::move(ok.error()));
    sum.failed = std::max(sum.failed, failed);
    if (options.dry_run || sum.left.empty() || sum.failed > 0)
      break;
  }
  return sum;
}

} // namespace larder
