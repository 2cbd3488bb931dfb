// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

// The messages that backups are made of.

#include "actors/backups.hpp"
#include "actors/engines.hpp"

using namespace larder;
using namespace larder::test;

namespace {

struct fixture {
  threaded_world world;
  std::shared_ptr<backend> engine = make_memory();
  blocking_client client = make_client();

  blocking_client make_client() {
    auto config = *open_store("memory:");
    config.engine = engine;
    return {world.system(), world.spawn(std::move(config))};
  }

  expected<read_stored_reply> read(uint64_t offset, uint64_t length,
                                   std::optional<revision> pinned = {}) {
    return client.call(read_stored_request{"a", offset, length, pinned});
  }

  errc refusal(restore_request req) {
    auto reply = client.call(std::move(req));
    REQUIRE(!reply);
    return reply.error().code();
  }
};

metadata meta_of(content_type type) {
  metadata result;
  result.type = type;
  result.last_write = 1'600'000'000'000;
  result.extras = value::map({{"owner", "ada"}});
  result.expiry = 4'000'000'000'000;
  return result;
}

} // namespace

TEST_CASE("the stored bytes of a key are read in ranges of one revision") {
  fixture f;
  auto rev = f.client.put("a", "content");
  auto blob = read_blob(*f.engine, "\"a");
  auto whole = f.read(0, 1'000'000);
  REQUIRE(whole);
  CHECK(*whole->content == blob);
  CHECK(whole->size == blob.size());
  CHECK(whole->rev == *rev);
  auto part = f.read(10, 5, *rev);
  REQUIRE(part);
  CHECK(std::ranges::equal(*part->content, bytes_view{blob}.subspan(10, 5)));
  CHECK(part->size == blob.size());
  CHECK(part->rev == *rev);
  CHECK(f.read(blob.size(), 5, *rev)->content->empty());
  CHECK(f.read(0, 10).error() == errc::invalid_argument);
  CHECK(f.read(10, 100).error() == errc::invalid_argument);
  CHECK(f.read(0, uint64_t{1} << 40).error() == errc::limit_exceeded);
  REQUIRE(f.client.put("a", "changed"));
  CHECK(f.read(10, 5, *rev).error() == errc::conflict);
  REQUIRE(f.client.erase("a"));
  CHECK(f.read(10, 5, *rev).error() == errc::not_found);
  CHECK(f.read(0, 100).error() == errc::not_found);
}

TEST_CASE("what is stored is listed in pages, damaged blobs included") {
  fixture f;
  std::map<value, revision> expected_keys;
  for (int i = 0; i < 25; ++i)
    expected_keys[i] = *f.client.put(i, "content");
  write_blob(*f.engine, "\"damaged", to_bytes("nonsense"));
  write_blob(*f.engine, "no key", to_bytes("nonsense"));
  write_blob(*f.engine, std::string("\0hidden", 7), to_bytes("nonsense"));
  std::map<value, revision> found;
  auto damaged = 0;
  auto pages = 0;
  list_stored_request request;
  request.limit = 10;
  do {
    auto page = f.client.call(request);
    REQUIRE(page);
    CHECK(page->entries.size() <= 10);
    for (auto& x : page->entries) {
      damaged += x.damage.has_value();
      if (!x.damage) {
        auto blob = read_blob(*f.engine, to_edn(x.key));
        CHECK(x.size == blob.size());
        CHECK(found.emplace(x.key, x.rev).second);
      }
    }
    request.after = page->next;
    ++pages;
  } while (!request.after.empty());
  CHECK(found == expected_keys);
  CHECK(damaged == 2);
  CHECK(pages >= 3);
  CHECK(f.client.call(list_stored_request{"", 0}).error()
        == errc::invalid_argument);
}

TEST_CASE("a key that is put back has all that it had") {
  fixture f;
  auto binary = std::make_shared<const bytes>(to_bytes("content"));
  for (auto content : {std::variant<value, shared_bytes>{value{1}},
                       std::variant<value, shared_bytes>{binary}}) {
    auto meta = meta_of(content.index() == 0 ? content_type::edn
                                             : content_type::binary);
    auto reply = f.client.call(restore_request{"a", content, meta, {}});
    REQUIRE(reply);
    auto now = f.client.meta("a");
    REQUIRE(now);
    CHECK(now->rev == reply->rev);
    CHECK(now->type == meta.type);
    CHECK(now->last_write == meta.last_write);
    CHECK(now->expiry == meta.expiry);
    CHECK(now->extras == meta.extras);
    // It is what is stored, not only what is remembered.
    auto other = f.make_client();
    CHECK(other.meta("a")->to_value() == now->to_value());
  }
  CHECK(f.client.read("a") == to_bytes("content"));
}

TEST_CASE("keys are put back on conditions, and only if they make sense") {
  fixture f;
  auto edn = meta_of(content_type::edn);
  auto binary = meta_of(content_type::binary);
  auto some = std::make_shared<const bytes>(3);
  CHECK(f.refusal({"a", value{1}, binary, {}}) == errc::invalid_argument);
  CHECK(f.refusal({"a", some, edn, {}}) == errc::invalid_argument);
  CHECK(f.refusal({"a", shared_bytes{}, binary, {}}) == errc::invalid_argument);
  auto log = meta_of(content_type::append_log);
  CHECK(f.refusal({"a", value{1}, log, {}}) == errc::invalid_argument);
  auto reserved = edn;
  reserved.extras = value::map({{value::keyword("key"), 1}});
  CHECK(f.refusal({"a", value{1}, reserved, {}}) == errc::invalid_argument);
  auto ancient = edn;
  ancient.expiry = -5;
  CHECK(f.refusal({"a", value{1}, ancient, {}}) == errc::invalid_argument);
  write_condition absent;
  absent.must_be_absent = true;
  REQUIRE(f.client.call(restore_request{"a", value{1}, edn, absent}));
  CHECK(f.refusal({"a", value{2}, edn, absent}) == errc::precondition_failed);
  CHECK(f.client.get("a") == value{1});
}

TEST_CASE("a binary of any size is put back as a stream") {
  fixture f;
  auto content = mixed_bytes(1'500'000);
  auto meta = meta_of(content_type::binary);
  auto opened = f.client.call(open_restore_request{"a", meta, {}});
  REQUIRE(opened);
  // Other than a new binary, it does not mind what the key had meanwhile.
  put_options options;
  options.extras = value::map({{"another", "owner"}});
  REQUIRE(f.client.put("a", 1, options));
  auto rev = f.client.fill_stream(opened->stream, pieces_of(content));
  REQUIRE(rev);
  auto now = f.client.meta("a");
  CHECK(now->extras == meta.extras);
  CHECK(now->expiry == meta.expiry);
  CHECK(now->last_write > meta.last_write); // never goes back
  CHECK(f.client.read("a") == content);
  CHECK(f.client.call(open_restore_request{"b", meta_of(content_type::edn), {}})
          .error()
        == errc::invalid_argument);
  write_condition absent;
  absent.must_be_absent = true;
  CHECK(f.client.call(open_restore_request{"a", meta, absent}).error()
        == errc::precondition_failed);
}
