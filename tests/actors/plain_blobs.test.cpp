// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

// Stores on engines that share their files with other software.

#include "actors/backups.hpp"
#include "actors/engines.hpp"
#include "actors/log_tools.hpp"

#include "larder/detail/hidden_key.hpp"

#include <atomic>
#include <variant>

using namespace larder;
using namespace larder::test;

namespace {

/// Memory that takes only such blobs as the capability says.
class plain_engine : public disguised_backend {
public:
  plain_engine()
    : disguised_backend(make_memory(), [](capabilities& x) {
        x.plain_blobs = true;
        x.atomic_groups = false;
      }) {
    // nop
  }

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    for (auto& x : batch)
      good_ = good_ && fits(x);
    return disguised_backend::commit(batch);
  }

  bool good() const {
    return good_;
  }

private:
  static bool fits(const mutation& x) {
    if (is_hidden_key(x.key) || x.group != 0)
      return false;
    auto blob = std::get_if<std::shared_ptr<const bytes>>(&x.content);
    if (blob == nullptr)
      return true;
    auto h = header::decode(**blob);
    return h && h->encryptor_id == 0 && !h->has(header::flag_chunked);
  }

  std::atomic<bool> good_ = true;
};

struct fixture {
  threaded_world world;
  std::shared_ptr<plain_engine> engine = std::make_shared<plain_engine>();
  blocking_client plain{world.system(), world.spawn(config())};
  blocking_client other{world.system(), world.spawn("memory:")};

  store_config config() {
    auto result = *open_store("memory:");
    result.engine = engine;
    return result;
  }

  ~fixture() {
    CHECK(engine->good());
  }
};

const auto content = mixed_bytes(700'000);

void fill(blocking_client& client) {
  REQUIRE(client.put("value", value::vector({1, "two"})));
  REQUIRE(client.write("binary", pieces_of(content)));
  REQUIRE(client.write("small", to_bytes("hello")));
  REQUIRE(client.append("log", numbers(0, 1000)));
  REQUIRE(client.append("log", numbers(1000, 1001)));
  REQUIRE(client.append("truncated", numbers(0, 1000)));
  REQUIRE(client.truncate_log("truncated", 300));
  for (int i = 0; i < 2; ++i)
    REQUIRE(client.append("large", large_entries(300)));
}

} // namespace

TEST_CASE("logs go whole into engines with plain blobs") {
  fixture f;
  fill(f.plain);
  CHECK(raw_keys(*f.engine).size() == 6);
  auto page = f.plain.read_log("log", 990, 100);
  REQUIRE(page);
  CHECK(page->entries == numbers(990, 1001));
  page = f.plain.read_log("truncated", 300, 2);
  REQUIRE(page);
  CHECK(page->begin == 300);
  CHECK(page->entries == numbers(300, 302));
  REQUIRE(f.plain.erase("log"));
  CHECK(raw_keys(*f.engine).size() == 5);
}

TEST_CASE("binaries go into engines with plain blobs as they are") {
  fixture f;
  fill(f.plain);
  auto blob = read_blob(*f.engine, *encode_key("binary"));
  auto h = header::decode(blob);
  REQUIRE(h);
  CHECK(h->has(header::flag_plain));
  CHECK(to_bytes(bytes_view{blob}.subspan(h->value_offset())) == content);
  CHECK(f.plain.call(verify_request{"binary"}));
}

TEST_CASE("stores are copied to and from engines with plain blobs") {
  fixture f;
  auto copies = [](blocking_client& from, blocking_client& to) {
    fill(from);
    auto before = state_of(from);
    CHECK(before.size() == 6);
    auto counts = copy_store(from, to);
    REQUIRE(counts);
    CHECK(counts->failed == 0);
    CHECK(state_of(to) == before);
    // They can be written to as before.
    auto more = to.append("large", {1});
    REQUIRE(more);
    CHECK(more->first == 600);
  };
  SECTION("from") {
    copies(f.plain, f.other);
  }
  SECTION("to") {
    copies(f.other, f.plain);
    CHECK(raw_keys(*f.engine).size() == 6);
  }
}

TEST_CASE("atomic batches are refused by engines with plain blobs") {
  fixture f;
  auto reply = f.plain.multi_put({{"a", 1}, {"b", 2}});
  REQUIRE_FALSE(reply);
  CHECK(reply.error() == errc::unsupported);
  CHECK(f.plain.get("a").error() == errc::not_found);
}
