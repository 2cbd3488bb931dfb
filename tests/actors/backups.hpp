// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Backups in memory, and what stores hold.

#pragma once

#include "random_value.hpp"
#include "threads.hpp"

#include "larder/backup.hpp"
#include "larder/text.hpp"

#include <algorithm>
#include <map>
#include <memory>

namespace larder::test {

/// The archive of a backup that works.
inline bytes archive_of(blocking_client& client,
                        const backup_options& options = {}) {
  bytes result;
  auto made = backup(
    client,
    [&result](bytes_view data) -> expected<void> {
      append(result, data);
      return {};
    },
    options);
  INFO((made ? "" : to_string(made.error())));
  REQUIRE(made);
  return result;
}

inline archive_reader::source_fn stream_of(bytes data) {
  auto shared = std::make_shared<const bytes>(std::move(data));
  return [shared, used = size_t{0}](
           std::span<std::byte> dst) mutable -> expected<size_t> {
    auto n = std::min(dst.size(), shared->size() - used);
    std::copy_n(shared->begin() + static_cast<ptrdiff_t>(used), n, dst.begin());
    used += n;
    return n;
  };
}

inline std::vector<open_archive_fn> openers(const std::vector<bytes>& xs) {
  std::vector<open_archive_fn> result;
  for (auto& x : xs)
    result.push_back(
      [x]() -> expected<archive_reader::source_fn> { return stream_of(x); });
  return result;
}

inline expected<restore_counts>
restore_all(blocking_client& to, const std::vector<bytes>& archives,
            const restore_options& options = {}) {
  auto from = openers(archives);
  auto plan = check_archives(from);
  if (!plan)
    return fail(plan.error());
  return restore(to, from, *plan, options);
}

/// Everything that a backup must keep of one key, as text.
inline std::string describe(blocking_client& client, const value& key) {
  auto meta = client.meta(key);
  REQUIRE(meta);
  meta->rev = {};
  auto result = to_edn(meta->to_value());
  if (meta->type == content_type::edn) {
    auto content = client.get(key);
    REQUIRE(content);
    return result + " " + to_edn(*content);
  }
  if (meta->type == content_type::append_log) {
    auto page = client.read_log(key, 0, 1'000'000);
    REQUIRE(page);
    return result + " from " + std::to_string(page->begin) + " "
           + to_edn(value::vector(page->entries));
  }
  bytes content;
  auto size = client.read(key, [&](bytes_view piece) -> expected<void> {
    append(content, piece);
    return {};
  });
  REQUIRE(size);
  auto hash = std::hash<std::string_view>{}(as_chars(content));
  return result + " " + std::to_string(*size) + " " + std::to_string(hash);
}

/// Everything that a backup must keep of a store.
inline std::map<std::string, std::string> state_of(blocking_client& client) {
  std::map<std::string, std::string> result;
  auto ok = client.for_each_key({}, [&](key_entry& x) -> expected<void> {
    result[to_edn(x.key)] = describe(client, x.key);
    return {};
  });
  REQUIRE(ok);
  return result;
}

/// `size` bytes, half of which compress.
inline bytes mixed_bytes(size_t size) {
  bytes result(size);
  uint32_t state = 1;
  for (size_t i = size / 2; i < size; ++i) {
    state = state * 1664525 + 1013904223;
    result[i] = static_cast<std::byte>(state >> 24);
  }
  return result;
}

/// Gives a binary out in pieces.
inline blocking_client::source_fn pieces_of(bytes content) {
  return [content = std::move(content),
          used = size_t{0}]() mutable -> expected<bytes> {
    auto n = std::min<size_t>(content.size() - used, 300'000);
    auto begin = content.begin() + static_cast<ptrdiff_t>(used);
    used += n;
    return bytes{begin, begin + static_cast<ptrdiff_t>(n)};
  };
}

/// Makes logs that are in one blob and in several, truncated and empty.
inline void fill_logs(blocking_client& client, const put_options& options) {
  std::vector<value> entries;
  for (int i = 0; i < 1000; ++i)
    entries.push_back(value::vector({i, "entry"}));
  for (auto key : {"short log", "log", "truncated log", "empty log"})
    REQUIRE(client.append(key, {key, 1, 2}, options));
  for (auto key : {"log", "truncated log", "empty log"})
    REQUIRE(client.append(key, entries));
  REQUIRE(client.truncate_log("truncated log", 300));
  REQUIRE(client.truncate_log("empty log", 1003));
  REQUIRE(client.append("large log", {1, std::string(2'500'000, 'y'), 2}));
}

/// Puts all kinds of things under all kinds of keys.
inline void fill(blocking_client& client, size_t large) {
  random_source rng{7};
  put_options extras;
  extras.extras = value::map({{value::keyword("owner"), "ada"}, {"n", 1}});
  put_options mortal;
  mortal.ttl = std::chrono::hours{1};
  for (int i = 0; i < 50; ++i)
    REQUIRE(client.put(random_value(rng), random_value(rng)));
  std::vector<value> odd{"",
                         std::string(5'000, 'k'),
                         "a/b\\c\"d\n\xC3\xA4",
                         value{},
                         value::keyword("key/word"),
                         value::symbol("symbol"),
                         value::vector({1, "two", value::set({3})}),
                         value::map({{value::keyword("a"), 1}, {"b", value{}}}),
                         value{to_bytes("bytes")},
                         -1.5};
  for (auto& key : odd)
    REQUIRE(client.put(key, value::vector({key, "content"})));
  REQUIRE(client.put("extras", 1, extras));
  REQUIRE(client.put("mortal", 2, mortal));
  for (size_t size : {size_t{0}, size_t{1}, size_t{300'000}, large})
    REQUIRE(client.write("binary " + std::to_string(size),
                         pieces_of(mixed_bytes(size)), extras));
  REQUIRE(client.write("small", to_bytes("hello"), mortal));
  REQUIRE(client.put("large value", std::string(2'500'000, 'x')));
  fill_logs(client, extras);
}

} // namespace larder::test
