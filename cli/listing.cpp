// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Commands on all keys: `keys` and `verify`.

#include "arguments.hpp"
#include "output.hpp"
#include "session.hpp"

#include "larder/detail/pipeline.hpp"
#include "larder/text.hpp"

#include <fmt/format.h>

#include <limits>
#include <map>
#include <set>
#include <utility>

namespace larder::cli {

namespace {

// -- keys ---------------------------------------------------------------------

constexpr uint64_t page_size = 1000;

/// Prints keys one by one, as lines or as the parts of one JSON object.
class key_printer {
public:
  key_printer(const invocation& args, bool with_metadata)
    : args_(args), with_metadata_(with_metadata) {
    if (args_.json)
      print_text("{\"keys\":[");
  }

  void print(const key_entry& x) {
    if (!x.damage.empty()) {
      damaged_ = true;
      print_message(about(x.key, x.damage));
    }
    auto shown = with_metadata_ ? with_metadata(x) : x.key;
    if (!args_.json)
      return print_value(args_, shown);
    print_text((first_ ? "" : ",\n") + to_json(shown));
    first_ = false;
  }

  /// @param cursor where to go on; empty: there is no more
  void finish(const std::string& cursor) {
    auto next = cursor.empty() ? value{} : value{cursor};
    if (args_.json)
      print_text(fmt::format("],\"next\":{}}}\n", to_json(next)));
    else if (!cursor.empty())
      print_notice("next " + cursor);
  }

  bool damaged() const {
    return damaged_;
  }

private:
  static value with_metadata(const key_entry& x) {
    if (x.meta)
      return x.meta->to_value();
    return value::map(
      {{value::keyword("key"), x.key}, {value::keyword("damage"), x.damage}});
  }

  const invocation& args_;
  bool with_metadata_;
  bool first_ = true;
  bool damaged_ = false;
};

/// Returns the cursor if there is a key behind it, else nothing.
expected<std::string> check_cursor(blocking_client& client,
                                   list_keys_request request) {
  auto cursor = request.after;
  request.limit = 1;
  while (!request.after.empty()) {
    auto page = client.keys(request);
    if (!page)
      return larder::fail(std::move(page.error()));
    if (!page->entries.empty())
      return cursor;
    request.after = page->next;
  }
  return std::string{};
}

/// Prints up to `limit` keys.
/// @returns the cursor of what is left, empty if nothing is
expected<std::string> list(blocking_client& client, list_keys_request request,
                           uint64_t limit, key_printer& out) {
  while (limit > 0) {
    request.limit = std::min(limit, page_size);
    auto page = client.keys(request);
    if (!page)
      return larder::fail(std::move(page.error()));
    for (auto& x : page->entries)
      out.print(x);
    if (output_failed())
      return larder::fail(errc::io_error, "nobody takes the output");
    limit -= page->entries.size();
    request.after = page->next;
    if (request.after.empty())
      return std::string{};
  }
  return check_cursor(client, std::move(request));
}

result<uint64_t> read_limit(const invocation& args) {
  auto* arg = args.find("--limit");
  if (arg == nullptr)
    return std::numeric_limits<uint64_t>::max();
  auto res = parse_number("--limit", arg->text);
  if (res && *res == 0)
    return usage_error("--limit must be at least 1");
  return res;
}

outcome run_keys(const invocation& args) {
  auto prefix = argument_reader{args}.prefix();
  if (!prefix)
    return fail(std::move(prefix.error()));
  auto limit = read_limit(args);
  if (!limit)
    return fail(std::move(limit.error()));
  list_keys_request request;
  request.prefix = std::move(*prefix);
  request.with_metadata = args.has("--long");
  if (auto* arg = args.find("--after"))
    request.after = arg->text;
  return with_store(args, open_mode::open, [&](auto& client) -> outcome {
    key_printer out{args, request.with_metadata};
    auto cursor = list(client, request, *limit, out);
    if (!cursor)
      return fail(to_failure(cursor.error()));
    out.finish(*cursor);
    return out.damaged() ? exit_code::failed : exit_code::fine;
  });
}

// -- verify -------------------------------------------------------------------

/// What `verify` found out.
class verification {
public:
  /// @param healthy whether the listing found no fault with the key
  void add(const value& key, bool healthy,
           const expected<verify_reply>& reply) {
    if (reply && healthy) {
      ++keys_;
      bytes_ += reply->stored_size;
    } else if (reply || reply.error() == errc::not_found) {
      doubtful_.insert(key);
    } else {
      add_damage(key, reply.error());
    }
  }

  void add_damage(const value& key, const error& err) {
    ++keys_;
    print_message(about(key, err.message()));
    damage_.push_back(value::map(
      {{value::keyword("key"), key},
       {value::keyword("error"), value::keyword(to_string(err.code()))},
       {value::keyword("cause"), err.message()}}));
  }

  /// Takes the keys of which the listing and their blobs tell different things:
  /// they were changed, erased or expired in between, or are damaged.
  std::set<value> take_doubtful() {
    return std::exchange(doubtful_, {});
  }

  bool damaged() const {
    return !damage_.empty();
  }

  value summary() const {
    return value::map({{value::keyword("keys"), keys_},
                       {value::keyword("stored-bytes"), bytes_},
                       {value::keyword("damaged"), value::vector(damage_)}});
  }

private:
  uint64_t keys_ = 0;
  uint64_t bytes_ = 0;
  std::set<value> doubtful_;
  std::vector<value> damage_;
};

/// Calls `f` with those of some keys that are listed now, and their metadata.
template <class F>
expected<void> list_again(blocking_client& client, const std::set<value>& keys,
                          F f) {
  if (keys.empty())
    return {};
  list_keys_request request;
  request.with_metadata = true;
  return client.for_each_key(request, [&](key_entry& x) -> expected<void> {
    if (keys.contains(x.key))
      f(x);
    return {};
  });
}

/// Finds out which of the doubtful keys are damaged.
expected<void> look_again(blocking_client& client, verification& found) {
  std::map<value, revision> seen;
  auto keys = found.take_doubtful();
  auto listed = list_again(client, keys, [&](const key_entry& x) {
    if (x.damage.empty())
      seen.emplace(x.key, x.meta->rev);
    else
      found.add_damage(x.key, {errc::corruption, x.damage});
  });
  if (!listed)
    return listed;
  for (auto& [key, rev] : seen)
    found.add(key, true, client.call(verify_request{key}));
  // What was there before and after it was not found is not to be found at all.
  keys = found.take_doubtful();
  return list_again(client, keys, [&](const key_entry& x) {
    if (!x.meta || x.meta->rev == seen.at(x.key))
      found.add_damage(x.key, {errc::corruption,
                               "the key is listed, but its blob is not found"});
  });
}

outcome run_verify(const invocation& args) {
  return with_store(args, open_mode::open, [&](auto& client) -> outcome {
    verification found;
    auto checked
      = [&found](auto& x, auto reply) { found.add(x.first, x.second, reply); };
    detail::pipeline<verify_request, std::pair<value, bool>> checks{client,
                                                                    checked};
    auto check = [&checks](key_entry& x) -> expected<void> {
      checks.send({x.key, x.damage.empty()}, verify_request{x.key});
      return {};
    };
    auto listed = client.for_each_key({}, check);
    checks.finish();
    if (listed)
      listed = look_again(client, found);
    print_value(args, found.summary());
    if (!listed)
      return fail(exit_code::failed, "the listing of the keys broke off: "
                                       + listed.error().message());
    return found.damaged() ? exit_code::failed : exit_code::fine;
  });
}

constexpr const char* keys_examples =
  R"(  larder keys --prefix user/
  larder keys --prefix :config/ --long
  larder keys --limit 100 --after CURSOR)";

} // namespace

std::vector<command> listing_commands() {
  return {
    {"keys",
     "Print the keys, one per line",
     "",
     0,
     0,
     {{"--prefix", "P",
       "Only keys that start with P: strings, or keywords if P starts with :"},
      {"--limit", "N",
       "At most so many; the last line on standard error is "
       "then: next CURSOR"},
      {"--after", "CURSOR", "Go on where an earlier listing was cut"},
      {"--long", "", "Print the metadata of each key"}},
     keys_examples,
     run_keys},
    {"verify",
     "Read everything that is stored and check it",
     "",
     0,
     0,
     {},
     "  larder verify",
     run_verify},
  };
}

} // namespace larder::cli
