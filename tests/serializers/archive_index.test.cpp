// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/archive_index.hpp"

#include "serializers/archives.hpp"

using namespace larder;
using namespace larder::test;

namespace {

expected<archive_index> index_of(bytes archive, bool check_blobs = false) {
  auto in = archive_reader::open(source_of(std::move(archive)));
  if (!in)
    return fail(in.error());
  return archive_index::read(*in, check_blobs);
}

/// An archive with these keys; their revisions are made of the numbers, and
/// those whose number is negative are unchanged.
bytes archive_with(const archive_header& head,
                   const std::vector<std::pair<std::string, int>>& keys) {
  return make_archive(head, [&](archive_writer& out) {
    for (auto& [key, n] : keys)
      if (n < 0)
        REQUIRE(out.add_unchanged(key, revision_of(static_cast<uint8_t>(-n))));
      else
        add_record(out, key, to_bytes("x"),
                   revision_of(static_cast<uint8_t>(n)));
  });
}

} // namespace

TEST_CASE("an index has the revision of every key, changed or not") {
  auto index
    = index_of(archive_with(increment_header(2, 1), {{"a", 1}, {"b", -2}}));
  REQUIRE(index);
  CHECK(index->size() == 2);
  REQUIRE(index->find("a") != nullptr);
  CHECK(*index->find("a") == revision_of(1));
  REQUIRE(index->find("b") != nullptr);
  CHECK(*index->find("b") == revision_of(2));
  CHECK(index->find("c") == nullptr);
  CHECK(index->find("") == nullptr);
}

TEST_CASE("an index knows many keys") {
  std::vector<std::pair<std::string, int>> keys;
  for (int i = 0; i < 5'000; ++i)
    keys.emplace_back(std::to_string(i), i % 200);
  auto index = index_of(archive_with(full_header(), keys));
  REQUIRE(index);
  for (auto& [key, n] : keys)
    REQUIRE(*index->find(key) == revision_of(static_cast<uint8_t>(n)));
}

TEST_CASE("aborted records are no keys") {
  auto index = index_of(make_archive(full_header(), [](auto& out) {
    REQUIRE(out.begin_record({"a", revision_of(1), 5, 0}));
    REQUIRE(out.abort_record());
  }));
  REQUIRE(index);
  CHECK(index->size() == 0);
}

TEST_CASE("a key that occurs twice is damage") {
  auto index = index_of(archive_with(full_header(), {{"a", 1}, {"a", 2}}));
  REQUIRE(!index);
  CHECK(index.error() == errc::corruption);
}

TEST_CASE("archives on top of each other tell who has the blob of each key") {
  auto plan = *index_of(
    archive_with(full_header(1), {{"kept", 1}, {"new", 2}, {"gone", 3}}));
  auto first = archive_with(increment_header(2, 1),
                            {{"kept", -1}, {"new", 4}, {"late", 5}});
  auto second
    = archive_with(increment_header(3, 2),
                   {{"kept", -1}, {"new", -4}, {"late", 6}, {"gone", 7}});
  REQUIRE(plan.add(*index_of(first)));
  CHECK(!plan.takes_from("gone", 0));
  CHECK(plan.check_complete());
  CHECK(index_of(first)->check_complete().error() == errc::invalid_argument);
  REQUIRE(plan.add(*index_of(second)));
  CHECK(plan.size() == 4);
  CHECK(plan.head().id == uuid_of(3));
  auto source = [&plan](const std::string& key) {
    for (uint32_t i = 0; i < 3; ++i)
      if (plan.takes_from(key, i))
        return static_cast<int>(i);
    return -1;
  };
  CHECK(source("kept") == 0);
  CHECK(source("new") == 1);
  CHECK(source("late") == 2);
  CHECK(source("gone") == 2);
  CHECK(source("never") == -1);
}

TEST_CASE("an archive is put on the one that it builds on only") {
  auto full = *index_of(archive_with(full_header(1), {{"a", 1}}));
  for (auto& head : {increment_header(3, 2), full_header(2), full_header(1)}) {
    auto ok = full.add(*index_of(archive_with(head, {})));
    REQUIRE(!ok);
    CHECK(ok.error() == errc::invalid_argument);
  }
  CHECK(full.find("a") != nullptr);
}

TEST_CASE("what is called unchanged must be in the archive before") {
  auto full = *index_of(archive_with(full_header(1), {{"a", 1}}));
  for (auto& [key, n] : {std::pair{"a", -2}, std::pair{"b", -1}}) {
    auto ok
      = full.add(*index_of(archive_with(increment_header(2, 1), {{key, n}})));
    REQUIRE(!ok);
    CHECK(ok.error() == errc::corruption);
  }
}

TEST_CASE("blobs inside an archive are checked if asked for") {
  auto ch = make_chain();
  auto blob = make_blob(ch, kw("k"), sample_value());
  auto rev = header::decode(blob)->rev;
  auto good = make_archive(
    full_header(), [&](auto& out) { add_record(out, ":k", blob, rev); });
  CHECK(index_of(good, true));
  blob.back() ^= std::byte{1};
  auto bad = make_archive(full_header(),
                          [&](auto& out) { add_record(out, ":k", blob, rev); });
  CHECK(index_of(bad, false));
  auto found = index_of(bad, true);
  REQUIRE(!found);
  CHECK(found.error() == errc::corruption);
  CHECK(found.error().message().find(":k") != std::string::npos);
}
