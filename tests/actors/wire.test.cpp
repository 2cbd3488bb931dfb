// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "random_value.hpp"

#include "larder/internal/protocol.hpp"
#include "larder/limits.hpp"

#include <catch2/catch.hpp>

#include <set>

using namespace larder;
using namespace larder::internal;
using namespace larder::test;

namespace {

template <class F>
void for_each_message(F f) {
  [&]<class... Ts>(std::type_identity<std::tuple<Ts...>>) {
    (f(Ts{}), ...);
    (f(typename Ts::reply_type{}), ...);
  }(std::type_identity<remote_requests>{});
}

std::string encoded(const value& x) {
  auto result = detail::encode_wire(x);
  REQUIRE(!result.empty());
  return result;
}

template <class T>
bool decodes_as(const std::string& content) {
  T x;
  return decode_content(content, x);
}

} // namespace

TEST_CASE("every message with any content survives the wire") {
  random_source rng{1};
  for_each_message([&]<class T>(T) {
    for (int i = 0; i < 200; ++i) {
      T x;
      randomize(rng, x);
      auto content = encode_content(x);
      REQUIRE(content);
      T y;
      REQUIRE(decode_content(*content, y));
      REQUIRE(detail::to_wire(y) == detail::to_wire(x));
    }
  });
}

TEST_CASE("each field arrives as itself") {
  put_request x;
  x.key = value::keyword("key");
  x.steps = {"a", 1};
  x.content = std::numeric_limits<double>::quiet_NaN();
  x.extras = value::map({{"by", "me"}});
  x.ttl = std::chrono::milliseconds{-5};
  x.condition.must_be_absent = true;
  x.condition.must_match = revision{};
  x.condition.must_match->data[3] = std::byte{7};
  put_request y;
  REQUIRE(decode_content(*encode_content(x), y));
  CHECK(y.key == x.key);
  CHECK(y.steps == x.steps);
  CHECK(y.content == x.content);
  CHECK(y.extras == x.extras);
  CHECK(y.ttl == x.ttl);
  CHECK(y.condition.must_be_absent);
  CHECK(y.condition.must_match == x.condition.must_match);
  CHECK(y.condition.must_match != revision{});
}

TEST_CASE("numbers of 64 bits arrive whole") {
  for (uint64_t limit : {uint64_t{0}, uint64_t{1} << 63, ~uint64_t{0}}) {
    list_keys_request x;
    x.limit = limit;
    list_keys_request y;
    REQUIRE(decode_content(*encode_content(x), y));
    CHECK(y.limit == limit);
  }
}

TEST_CASE("no bytes and no shared bytes are two things") {
  write_request x;
  x.content = std::make_shared<const bytes>();
  write_request y;
  REQUIRE(decode_content(*encode_content(x), y));
  REQUIRE(y.content != nullptr);
  CHECK(y.content->empty());
  x.content = nullptr;
  REQUIRE(decode_content(*encode_content(x), y));
  CHECK(y.content == nullptr);
}

// -- what cannot be sent ------------------------------------------------------

TEST_CASE("text that is not UTF-8 is refused before it is sent") {
  get_request x;
  x.key = "\xFF";
  auto content = encode_content(x);
  REQUIRE(!content);
  CHECK(content.error() == errc::invalid_argument);
}

TEST_CASE("values may be as deep as a store keeps them, but not deeper") {
  auto nested = [](size_t depth) {
    value x;
    for (size_t i = 0; i < depth; ++i)
      x = value::vector({x});
    put_request result;
    result.content = x;
    return result;
  };
  auto content = encode_content(nested(limits{}.max_depth));
  REQUIRE(content);
  CHECK(decodes_as<put_request>(*content));
  auto deeper = encode_content(nested(limits{}.max_depth + 20));
  REQUIRE(!deeper);
  CHECK(deeper.error() == errc::invalid_argument);
}

// -- hostile bytes ------------------------------------------------------------

TEST_CASE("a message that is cut off or goes on is refused") {
  random_source rng{2};
  for_each_message([&]<class T>(T x) {
    randomize(rng, x);
    auto content = *encode_content(x);
    for (size_t n = 0; n < content.size(); ++n)
      REQUIRE(!decodes_as<T>(content.substr(0, n)));
    REQUIRE(!decodes_as<T>(content + '\0'));
  });
}

TEST_CASE("a message with a field too many or too few is refused") {
  random_source rng{3};
  for_each_message([&]<class T>(T x) {
    randomize(rng, x);
    auto fields = detail::to_wire(x).take_items();
    fields.push_back(1);
    REQUIRE(!decodes_as<T>(encoded(value::vector(fields))));
    fields.pop_back();
    REQUIRE(decodes_as<T>(encoded(value::vector(fields))));
    REQUIRE(!decodes_as<T>(encoded(value::list(fields))));
    if (fields.empty())
      return;
    fields.pop_back();
    REQUIRE(!decodes_as<T>(encoded(value::vector(fields))));
  });
}

TEST_CASE("a field of another kind is refused") {
  random_source rng{4};
  auto odd = value::tagged("odd", {});
  for_each_message([&]<class T>(T x) {
    randomize(rng, x);
    auto fields = detail::to_wire(x).take_items();
    size_t i = 0;
    auto check = [&]<class Field>(Field&) {
      auto changed = fields;
      changed[i++] = odd;
      auto takes_anything = std::is_same_v<Field, value>;
      REQUIRE(decodes_as<T>(encoded(value::vector(changed))) == takes_anything);
    };
    std::apply([&](auto&... xs) { (check(xs), ...); }, T::fields(x));
  });
}

TEST_CASE("metadata with another shape is refused") {
  metadata_reply x;
  auto good = detail::to_wire(x.meta);
  auto with = [&](size_t i, value y) {
    std::vector<value> xs{good.items().begin(), good.items().end()};
    xs[i] = std::move(y);
    return encoded(value::vector({value::vector(std::move(xs))}));
  };
  CHECK(decodes_as<metadata_reply>(with(0, 1)));
  CHECK(!decodes_as<metadata_reply>(with(1, 3)));
  CHECK(!decodes_as<metadata_reply>(with(2, "late")));
  CHECK(!decodes_as<metadata_reply>(with(3, value{})));
  CHECK(!decodes_as<metadata_reply>(with(4, bytes(11))));
  CHECK(!decodes_as<metadata_reply>(with(5, 1)));
}

TEST_CASE("damaged messages are read as something or refused, never more") {
  random_source rng{5};
  for_each_message([&]<class T>(T x) {
    for (int i = 0; i < 300; ++i) {
      randomize(rng, x);
      auto content = *encode_content(x);
      for (auto n = pick(rng, 3) + 1; n > 0; --n)
        content[pick(rng, content.size() - 1)] = static_cast<char>(rng());
      T y;
      if (decode_content(content, y))
        CHECK(encode_content(y).has_value());
    }
  });
}

// -- errors -------------------------------------------------------------------

TEST_CASE("errors travel with code, message and data-loss mark") {
  for (auto code : {errc::not_found, errc::io_error, errc::internal})
    for (auto data_loss : {false, true}) {
      error err{code, "k\xC3\xB6nnte sein", data_loss};
      auto msg = make_error_answer(42, err);
      CHECK(msg.id == 42);
      CHECK(msg.kind == error_kind);
      CHECK(read_error_answer(msg) == err);
    }
}

TEST_CASE("an error's message that is not UTF-8 arrives legibly") {
  auto msg = make_error_answer(1, {errc::io_error, "file \xFF.new"});
  CHECK(read_error_answer(msg) == error{errc::io_error, "file ?.new"});
}

TEST_CASE("a code of a newer version becomes an internal error") {
  for (uint64_t code : {uint64_t{0}, uint64_t{200}, uint64_t{257}}) {
    auto content = value::vector({static_cast<int64_t>(code), "what", true});
    wire_message msg{1, error_kind, detail::encode_wire(content)};
    auto err = read_error_answer(msg);
    CHECK(err == errc::internal);
    CHECK(err.data_loss());
    CHECK(err.message().find("what") != std::string::npos);
  }
}

TEST_CASE("an error that cannot be read is an error as well") {
  CHECK(read_error_answer({1, error_kind, "\xFF"}) == errc::internal);
  CHECK(read_error_answer({1, error_kind, ""}) == errc::internal);
}

// -- kinds --------------------------------------------------------------------

TEST_CASE("requests have numbers that never change") {
  CHECK(kind_of<get_request>() == 2);
  CHECK(kind_of<exists_request>() == 3);
  CHECK(kind_of<metadata_request>() == 4);
  CHECK(kind_of<put_request>() == 5);
  CHECK(kind_of<update_request>() == 6);
  CHECK(kind_of<erase_request>() == 7);
  CHECK(kind_of<write_request>() == 8);
  CHECK(kind_of<read_range_request>() == 9);
  CHECK(kind_of<open_stream_request>() == 10);
  CHECK(kind_of<append_stream_request>() == 11);
  CHECK(kind_of<close_stream_request>() == 12);
  CHECK(kind_of<abort_stream_request>() == 13);
  CHECK(kind_of<list_keys_request>() == 14);
  CHECK(kind_of<verify_request>() == 15);
  CHECK(kind_of<info_request>() == 16);
  CHECK(kind_of<statistics_request>() == 17);
  CHECK(kind_of<multi_get_request>() == 18);
  CHECK(kind_of<multi_put_request>() == 19);
  CHECK(kind_of<multi_erase_request>() == 20);
  CHECK(kind_of<transact_request>() == 21);
  CHECK(kind_of<append_request>() == 22);
  CHECK(kind_of<read_log_request>() == 23);
  CHECK(kind_of<reduce_log_request>() == 24);
  CHECK(kind_of<truncate_log_request>() == 25);
  CHECK(kind_of<watch_request>() == 26);
  CHECK(kind_of<fetch_events_request>() == 27);
  CHECK(kind_of<unwatch_request>() == 28);
  CHECK(kind_of<begin_sweep_request>() == 29);
  CHECK(kind_of<keep_request>() == 30);
  CHECK(kind_of<mark_request>() == 31);
  CHECK(kind_of<sweep_page_request>() == 32);
  CHECK(kind_of<end_sweep_request>() == 33);
  CHECK(kind_of<begin_publication_request>() == 34);
  CHECK(kind_of<renew_publication_request>() == 35);
  CHECK(kind_of<end_publication_request>() == 36);
  CHECK(kind_of<list_stored_request>() == 37);
  CHECK(kind_of<read_stored_request>() == 38);
  CHECK(kind_of<restore_request>() == 39);
  CHECK(kind_of<open_restore_request>() == 40);
  CHECK(kind_of<open_restore_log_request>() == 41);
  CHECK(kind_of<restore_entries_request>() == 42);
  CHECK(kind_of<put_stored_request>() == 43);
  CHECK(kind_of<open_stored_request>() == 44);
  CHECK(kind_of<rekey_request>() == 45);
  CHECK(kind_of<open_snapshot_request>() == 46);
  CHECK(kind_of<list_snapshot_request>() == 47);
  CHECK(kind_of<read_snapshot_request>() == 48);
  CHECK(kind_of<close_snapshot_request>() == 49);
}

TEST_CASE("kinds lead back to their requests") {
  std::set<uint16_t> known;
  for (uint16_t kind = 0; kind < 300; ++kind)
    if (with_request_of_kind(kind,
                             [&]<class T>(T) { CHECK(kind_of<T>() == kind); }))
      known.insert(kind);
  CHECK(known.size() == std::tuple_size_v<remote_requests>);
  CHECK(!known.contains(error_kind));
  CHECK(!known.contains(greeting_kind));
}
