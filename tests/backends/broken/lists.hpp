// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Backends that list wrongly.

#pragma once

#include "backends/broken/tools.hpp"

namespace broken {

/// Changes the pages on the way out.
template <class Change>
struct changes_pages : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  expected<list_page> list(const list_request& request) override {
    auto result = inner().list(request);
    if (result)
      Change{}(*result);
    return result;
  }
};

struct with_gaps {
  void operator()(list_page& x) const {
    if (!x.next.empty() && x.entries.size() > 2)
      x.entries.pop_back();
  }
};

struct with_duplicates {
  void operator()(list_page& x) const {
    if (x.entries.size() == 1)
      x.entries.push_back(x.entries.back());
  }
};

struct in_disorder {
  void operator()(list_page& x) const {
    std::reverse(x.entries.begin(), x.entries.end());
  }
};

struct cursor_with_spaces {
  void operator()(list_page& x) const {
    if (!x.next.empty())
      x.next += " ";
  }
};

struct without_blobs {
  void operator()(list_page& x) const {
    for (auto& entry : x.entries)
      entry.blob->data = {};
  }
};

struct ignores_prefix : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  expected<list_page> list(const list_request& request) override {
    return inner().list({{}, request.after, request.limit, request.part});
  }
};

struct starts_over_on_bad_cursor : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  expected<list_page> list(const list_request& request) override {
    auto result = inner().list(request);
    if (!result)
      return inner().list({request.prefix, {}, 10, blob_part::none});
    return result;
  }
};

/// Counts the keys to skip, so that those before them matter.
struct cursor_is_a_number : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  expected<list_page> list(const list_request& request) override {
    auto all
      = inner().list({request.prefix, {}, size_t{1} << 20, request.part});
    auto from = request.after.empty() ? 0 : std::stoul(request.after);
    auto& xs = all->entries;
    auto to = std::min(xs.size(), from + request.limit);
    list_page result;
    for (auto i = from; i < to; ++i)
      result.entries.push_back(xs[i]);
    if (to < xs.size())
      result.next = std::to_string(to);
    return result;
  }
};

} // namespace broken
