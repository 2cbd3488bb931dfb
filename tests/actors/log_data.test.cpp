// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The parts of append logs: arithmetic of positions, and reading.

#include "larder/internal/log_reader.hpp"
#include "larder/key.hpp"

#include <catch2/catch.hpp>
#include <rapidcheck/catch.h>

#include <cmath>
#include <map>
#include <numeric>

using namespace larder;
using namespace larder::internal;

namespace {

value kw(std::string_view name) {
  return value::keyword(name);
}

/// A log with its segments in memory, which counts what is read.
struct stored_log {
  log_head head;
  std::map<uint64_t, log_segment> segments;
  size_t reads = 0;

  segment_fetch fetch = [this](uint64_t number) {
    ++reads;
    auto i = segments.find(number);
    return expected<std::optional<log_segment>>{
      i != segments.end() ? std::optional{i->second} : std::nullopt};
  };

  void add(const std::vector<value>& entries) {
    for (auto& x : add_entries(head, entries, true))
      segments[x.number] = x.content;
  }

  /// Adds `n` entries whose content is their position.
  void add_numbers(size_t n) {
    std::vector<value> entries(n);
    std::iota(entries.begin(), entries.end(), head.end);
    add(entries);
  }

  void truncate(uint64_t position) {
    std::optional<numbered_segment> at;
    if (position < head.tail_begin()) {
      auto found = find_segment(head, position, fetch);
      REQUIRE(found);
      at = *found;
    }
    auto first = head.first;
    auto again = remove_before(head, position, at ? &*at : nullptr);
    for (; first < head.first; ++first)
      REQUIRE(segments.erase(first) == 1);
    if (again)
      segments[again->number] = again->content;
  }

  expected<read_log_reply> read(uint64_t from, uint64_t limit,
                                bool newest = false,
                                size_t max_bytes = size_t{1} << 30) {
    return read_page(head, {value{}, from, limit, newest}, max_bytes, fetch);
  }

  /// Reads everything, page by page.
  std::vector<value> all(uint64_t limit) {
    std::vector<value> result;
    for (auto from = head.begin;;) {
      auto page = read(from, limit);
      REQUIRE(page);
      if (page->entries.empty())
        return result;
      REQUIRE(page->from == from);
      REQUIRE(page->next == from + page->entries.size());
      result.insert(result.end(), page->entries.begin(), page->entries.end());
      from = page->next;
    }
  }
};

std::vector<value> numbers(uint64_t from, uint64_t end) {
  std::vector<value> result;
  for (; from < end; ++from)
    result.emplace_back(from);
  return result;
}

expected<log_head> changed(const log_head& x, std::string_view field,
                           value content) {
  return log_head::from_value(x.to_value().with(kw(field), std::move(content)));
}

const named_function sum
  = [](const value* old, std::span<const value> args) -> expected<value> {
  if (args[0].as_integer() < 0)
    return fail(errc::wrong_type, "negative");
  auto weight = args.size() > 1 ? args[1].as_integer() : 1;
  return value{(old ? old->as_integer() : 0) + args[0].as_integer() * weight};
};

} // namespace

// -- what is stored -----------------------------------------------------------

TEST_CASE("the parts of a log come back from what is stored") {
  log_head head{uuid::random(), 7, 300, 2, 3, numbers(298, 300)};
  auto again = log_head::from_value(head.to_value());
  REQUIRE(again);
  CHECK(again->to_value() == head.to_value());
  CHECK(again->id == head.id);
  CHECK(again->tail_begin() == 298);
  log_segment segment{7, numbers(7, 298)};
  CHECK(log_segment::from_value(segment.to_value())->entries
        == segment.entries);
}

TEST_CASE("parts of a log that contradict themselves are damage") {
  log_head head{uuid::random(), 7, 300, 2, 3, numbers(298, 300)};
  CHECK(changed(head, "begin", 298).error() == errc::corruption);
  CHECK(changed(head, "begin", 301).error() == errc::corruption);
  CHECK(changed(head, "begin", -1).error() == errc::corruption);
  CHECK(changed(head, "end", "x").error() == errc::corruption);
  CHECK(changed(head, "first", 4).error() == errc::corruption);
  CHECK(changed(head, "next", 2).error() == errc::corruption);
  CHECK(changed(head, "tail", 2).error() == errc::corruption);
  CHECK(changed(head, "log", 2).error() == errc::corruption);
  CHECK(changed(head, "tail", value::vector(numbers(0, 300))).error()
        == errc::corruption);
  log_segment empty;
  CHECK(log_segment::from_value(empty.to_value()).error() == errc::corruption);
  CHECK(log_segment::from_value(1).error() == errc::corruption);
}

TEST_CASE("a head that another program wrote is not understood") {
  auto theirs = value::vector({uuid::random(), uuid::random()});
  CHECK(log_head::from_value(theirs).error() == errc::unsupported);
}

TEST_CASE("hidden keys tell logs, segments and garbage apart") {
  auto id = uuid::random();
  CHECK(segment_key(id, 1) < segment_key(id, 2));
  CHECK(segment_key(id, 255) < segment_key(id, 256));
  CHECK(segment_key(id, 1) != segment_key(uuid::random(), 1));
  CHECK(segment_key(id, 1).size() == 26);
  CHECK(segment_key(id, 1).starts_with(std::string_view{"\0S", 2}));
  log_garbage garbage{id, 1, 258};
  CHECK(parse_garbage_key(garbage_key(garbage)) == garbage);
  CHECK(is_hidden_key(garbage_key(garbage)));
  CHECK_FALSE(parse_garbage_key(segment_key(id, 1)));
  CHECK_FALSE(parse_garbage_key(garbage_key(garbage) + "x"));
  CHECK_FALSE(parse_garbage_key("\"G"));
}

// -- changes ------------------------------------------------------------------

TEST_CASE("a head stays small whatever is added") {
  stored_log log;
  SECTION("many entries") {
    for (auto i = 0; i < 3000; ++i) {
      log.add_numbers(1);
      REQUIRE(log.head.tail.size() < max_tail_entries);
    }
    CHECK(log.segments.size() == 3000 / max_tail_entries);
  }
  SECTION("many at once") {
    log.add_numbers(3000);
    CHECK(log.head.tail.size() < max_tail_entries);
    CHECK(log.segments.size() == 3000 / max_tail_entries);
  }
  SECTION("large ones") {
    std::string large(max_tail_bytes / 3, 'x');
    for (auto i = 0; i < 10; ++i) {
      log.add({large});
      REQUIRE(value::vector(log.head.tail).footprint() < max_tail_bytes);
    }
    CHECK(log.segments.size() == 3);
  }
  SECTION("one that is larger than a tail") {
    log.add({std::string(max_tail_bytes * 10, 'x')});
    CHECK(log.head.tail.empty());
    CHECK(log.segments.size() == 1);
  }
}

TEST_CASE("a log is what was added and not removed, in order") {
  rc::prop("whatever is done to it", [] {
    stored_log log;
    std::vector<value> model;
    auto steps = *rc::gen::inRange(1, 30);
    for (auto i = 0; i < steps; ++i) {
      if (*rc::gen::inRange(0, 3) > 0) {
        auto n = *rc::gen::inRange<size_t>(1, 700);
        log.add_numbers(n);
      } else {
        auto position = *rc::gen::inRange(log.head.begin, log.head.end + 1);
        log.truncate(position);
      }
      RC_ASSERT(log_head::from_value(log.head.to_value()));
      RC_ASSERT(log.all(*rc::gen::inRange<uint64_t>(1, 1000))
                == numbers(log.head.begin, log.head.end));
      auto n = *rc::gen::inRange<uint64_t>(0, 1000);
      auto size = log.head.end - log.head.begin;
      auto newest = log.read(0, n, true);
      RC_ASSERT(newest);
      RC_ASSERT(newest->entries
                == numbers(log.head.end - std::min(n, size), log.head.end));
    }
  });
}

TEST_CASE("truncating leaves no removed entry in any segment") {
  stored_log log;
  log.add_numbers(1000);
  log.truncate(300);
  CHECK(log.segments.begin()->first == 1);
  CHECK(log.segments.begin()->second.from == 300);
  CHECK(log.segments.begin()->second.entries.front() == value{300});
  log.truncate(512);
  CHECK(log.segments.begin()->first == 2);
  log.truncate(999);
  CHECK(log.segments.empty());
  CHECK(log.head.tail == numbers(999, 1000));
  log.truncate(1000);
  CHECK(log.head.tail.empty());
  CHECK(log.head.end == 1000);
  log.add_numbers(1);
  CHECK(log.all(10) == numbers(1000, 1001));
}

// -- reading ------------------------------------------------------------------

TEST_CASE("any position is found in few reads") {
  stored_log log;
  auto even = GENERATE(true, false);
  CAPTURE(even);
  // Segments of one entry, then of many: guesses by position are far off.
  for (auto i = 0; i < 200; ++i)
    log.add({even ? value{1} : value{std::string(max_tail_bytes, 'x')}});
  log.add(std::vector<value>(100'000));
  auto bound = 2 * std::log2(log.segments.size()) + 2;
  for (uint64_t position = 0; position < log.head.tail_begin();
       position += 97) {
    log.reads = 0;
    auto found = find_segment(log.head, position, log.fetch);
    REQUIRE(found);
    REQUIRE(found->content.from <= position);
    REQUIRE(position < found->content.end());
    REQUIRE(log.reads <= bound);
  }
}

TEST_CASE("reading on needs no search, and the newest no more than its part") {
  stored_log log;
  log.add_numbers(100'000);
  auto page = log.read(0, 100'000);
  CHECK(page->entries.size() == 100'000);
  CHECK(log.reads == log.segments.size());
  log.reads = 0;
  CHECK(log.read(0, 100, true)->entries == numbers(99'900, 100'000));
  CHECK(log.reads <= 2);
}

TEST_CASE("a page holds as many bytes as it may, but an entry at least") {
  stored_log log;
  std::string text(1000, 'x');
  log.add(std::vector<value>(10, value{text}));
  auto one = value{text}.footprint();
  CHECK(log.read(0, 100, false, one * 3)->entries.size() == 3);
  CHECK(log.read(0, 100, false, one * 4 - 1)->next == 3);
  CHECK(log.read(8, 100, false, 1)->entries.size() == 1);
}

TEST_CASE("positions out of the log are before it, or an error") {
  stored_log log;
  log.add_numbers(1000);
  log.truncate(400);
  auto page = log.read(3, 2);
  REQUIRE(page);
  CHECK(page->from == 400);
  CHECK(page->next == 402);
  CHECK(page->begin == 400);
  CHECK(page->end == 1000);
  CHECK(log.read(1000, 2)->entries.empty());
  CHECK(log.read(1000, 2)->next == 1000);
  CHECK(log.read(1001, 2).error() == errc::out_of_range);
  CHECK(log.read(500, 0)->entries.empty());
}

TEST_CASE("what has been removed since the head was read is noticed") {
  stored_log log;
  log.add_numbers(2000);
  auto old = log.head;
  SECTION("by the segment that is missing") {
    log.truncate(1024);
  }
  SECTION("by the segment that is shorter") {
    log.truncate(5);
  }
  CHECK(find_segment(old, 0, log.fetch).error() == errc::conflict);
  CHECK(read_page(old, {{}, 0, 10, false}, 1 << 20, log.fetch).error()
        == errc::conflict);
  // What is still there can be read.
  CHECK(read_page(old, {{}, 1500, 10, false}, 1 << 20, log.fetch)->entries
        == numbers(1500, 1510));
}

TEST_CASE("a segment of another log's part is no part of this one") {
  stored_log log;
  log.add_numbers(2000);
  SECTION("in another order") {
    std::swap(log.segments[1], log.segments[2]);
  }
  SECTION("too long") {
    log.segments[1].entries.resize(100'000);
  }
  SECTION("too short") {
    log.segments[1].entries.resize(3);
  }
  auto page = log.read(0, 2000);
  REQUIRE_FALSE(page);
  CHECK(page.error() == errc::corruption);
}

TEST_CASE("an error of a segment says which and stays what it is") {
  stored_log log;
  log.add_numbers(2000);
  auto fetch = [&](uint64_t number) -> expected<std::optional<log_segment>> {
    if (number == 3)
      return fail(errc::authentication_failed, "wrong tag");
    return log.fetch(number);
  };
  auto page = read_page(log.head, {{}, 0, 2000, false}, 1 << 30, fetch);
  REQUIRE_FALSE(page);
  CHECK(page.error() == errc::authentication_failed);
  CHECK(page.error().message() == "segment 3 of the log: wrong tag");
}

// -- reducing -----------------------------------------------------------------

TEST_CASE("a reduction goes on where it was, in steps of bounded size") {
  stored_log log;
  log.add_numbers(20'001);
  log_reduction state;
  auto steps = 1;
  for (;; ++steps) {
    log.reads = 0;
    auto done = reduce_some(log.head, state, sum, {}, 1 << 20, log.fetch);
    REQUIRE(done);
    REQUIRE(log.reads <= 16);
    if (*done)
      break;
  }
  CHECK(steps > 3);
  CHECK(state.result == value{20'000 * 20'001 / 2});
  CHECK(state.position == 20'001);
}

TEST_CASE("a reduction begins anywhere and passes its arguments on") {
  stored_log log;
  log.add_numbers(600);
  log_reduction state{value{5}, 597, std::nullopt};
  std::vector<value> arguments{10};
  REQUIRE(*reduce_some(log.head, state, sum, arguments, 1 << 20, log.fetch));
  CHECK(state.result == value{5 + 10 * (597 + 598 + 599)});
}

TEST_CASE("a function that fails ends a reduction and names the entry") {
  stored_log log;
  log.add_numbers(300);
  log.add({-1});
  log.add_numbers(300);
  log_reduction state;
  auto done = reduce_some(log.head, state, sum, {}, 1 << 20, log.fetch);
  REQUIRE_FALSE(done);
  CHECK(done.error() == errc::wrong_type);
  CHECK(done.error().message() == "the entry at 300: negative");
  named_function throwing = [](auto...) -> expected<value> { throw 1; };
  CHECK(reduce_some(log.head, state, throwing, {}, 1 << 20, log.fetch).error()
        == errc::function_failed);
}

TEST_CASE("a result that outgrows a message is refused") {
  stored_log log;
  log.add_numbers(5000);
  named_function collect
    = [](const value* old, std::span<const value> args) -> expected<value> {
    auto items = old ? value{*old}.take_items() : std::vector<value>{};
    items.push_back(args[0]);
    return value::vector(std::move(items));
  };
  log_reduction state;
  CHECK(reduce_some(log.head, state, collect, {}, 1000, log.fetch).error()
        == errc::limit_exceeded);
}
