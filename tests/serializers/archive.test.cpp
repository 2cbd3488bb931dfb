// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "serializers/archives.hpp"
#include "serializers/documents.hpp"

using namespace larder;
using namespace larder::test;

namespace {

/// An archive with each kind of frame.
bytes sample_archive() {
  return make_archive(increment_header(2, 1), [](archive_writer& out) {
    add_record(out, "\"a", to_bytes("content of a"), revision_of(1));
    REQUIRE(out.begin_record({":b", revision_of(2), 10, 0}));
    REQUIRE(out.write(to_bytes("half")));
    REQUIRE(out.abort_record());
    add_record(out, ":b", to_bytes("now it is longer"), revision_of(3), 6);
    REQUIRE(out.add_unchanged("[1 2]", revision_of(4)));
    add_record(out, "\"", {}, revision_of(5));
    add_log(out, "l", revision_of(6), 3, 5, true);
    add_log(out, "l", revision_of(7), 3, 5);
    out.add_missing();
  });
}

const char* sample_events = "record \"a 01 12 0\npiece 12\nend\n"
                            "record :b 02 10 0\npiece 4\naborted\n"
                            "record :b 03 16 6\npiece 6\npiece 10\nend\n"
                            "unchanged [1 2] 04\n"
                            "record \" 05 0 0\nend\n"
                            "log l 06 8 2\npiece 8\nsegment 06 2\npiece 2\n"
                            "aborted\n"
                            "log l 07 8 2\npiece 8\nsegment 07 2\npiece 2\n"
                            "segment 07 2\npiece 2\nend\n";

void corrupt(const bytes& archive) {
  auto events = events_of(archive);
  REQUIRE(!events);
  REQUIRE((events.error() == errc::corruption
           || events.error() == errc::unsupported));
}

size_t index_of(const std::vector<bytes>& frames, char type) {
  auto found = std::ranges::find(frames, static_cast<std::byte>(type),
                                 [](auto& x) { return x.front(); });
  REQUIRE(found != frames.end());
  return static_cast<size_t>(found - frames.begin());
}

/// Changes the frames of the sample and sees to it that checksums fit.
void refused(const std::function<void(std::vector<bytes>&)>& change) {
  auto archive = sample_archive();
  auto frames = frames_of(archive);
  change(frames);
  auto events = events_of(joined(archive, frames));
  REQUIRE(!events);
  CHECK(events.error() == errc::corruption);
}

} // namespace

TEST_CASE("what is written to an archive is read from it") {
  auto archive = sample_archive();
  for (size_t step : {size_t{1}, size_t{7}, SIZE_MAX}) {
    auto in = archive_reader::open(source_of(archive, step));
    REQUIRE(in);
    CHECK(in->head().id == uuid_of(2));
    CHECK(in->head().base == uuid_of(1));
    CHECK(in->head().store == store_id);
    CHECK(in->head().created == 1'700'000'000'123);
    CHECK(in->head().store_name == "memory:");
    CHECK(events_of(*in) == std::string{sample_events});
    CHECK(in->counts() == archive_counts{4, 1, 40, 1});
    CHECK(in->position() == archive.size());
  }
}

TEST_CASE("an archive of nothing is an archive") {
  CHECK(events_of(make_archive(full_header())) == std::string{});
}

TEST_CASE("large blobs and long keys pass in pieces of bounded size") {
  auto content = sample_bytes(5 * archive_writer::piece_size + 1);
  std::string key(5'000, 'k');
  size_t largest = 0;
  bytes result;
  archive_writer out{[&](bytes_view data) -> expected<void> {
    largest = std::max(largest, data.size());
    append(result, data);
    return {};
  }};
  REQUIRE(out.begin(full_header()));
  add_record(out, key, content, revision_of(1), 100);
  REQUIRE(out.finish());
  CHECK(largest < 2 * archive_writer::piece_size);
  auto in = archive_reader::open(source_of(result));
  REQUIRE(in);
  bytes read;
  while (*in->next() != archive_reader::event::finished)
    if (!in->piece().empty() && in->piece().size() != 32 + key.size())
      append(read, in->piece());
  REQUIRE(read.size() == content.size());
  CHECK(std::equal(read.begin(), read.begin() + 100, content.end() - 100));
  CHECK(std::equal(read.begin() + 100, read.end(), content.begin()));
  CHECK(in->record().key == key);
}

TEST_CASE("a sink that fails ends the writing with its error") {
  archive_writer out{[](bytes_view) -> expected<void> {
    return fail(errc::io_error, "disk full");
  }};
  REQUIRE(out.begin(full_header()));
  REQUIRE(out.begin_record({"\"a", revision_of(1), 1'000'000, 0}));
  auto written = out.write(bytes(1'000'000));
  REQUIRE(!written);
  CHECK(written.error() == error{errc::io_error, "disk full"});
}

TEST_CASE("a source that fails ends the reading with its error") {
  auto archive = sample_archive();
  auto in = archive_reader::open(
    [&, used = false](std::span<std::byte> dst) mutable -> expected<size_t> {
      if (used)
        return fail(errc::io_error, "unplugged");
      used = true;
      std::copy_n(archive.begin(), 150, dst.begin());
      return 150;
    });
  REQUIRE(in);
  auto events = events_of(*in);
  REQUIRE(!events);
  CHECK(events.error() == error{errc::io_error, "unplugged"});
}

// -- damage -------------------------------------------------------------------

TEST_CASE("every flipped bit of an archive is noticed") {
  auto archive = sample_archive();
  for (size_t bit = 0; bit < archive.size() * 8; ++bit) {
    auto copy = archive;
    copy[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
    corrupt(copy);
  }
}

TEST_CASE("an archive that was cut off anywhere is called incomplete") {
  auto archive = sample_archive();
  for (size_t size = 0; size < archive.size(); ++size) {
    auto events = events_of(
      bytes{archive.begin(), archive.begin() + static_cast<ptrdiff_t>(size)});
    REQUIRE(!events);
    CHECK(events.error() == errc::corruption);
    CHECK(events.error().message().find("incomplete") != std::string::npos);
  }
}

TEST_CASE("whatever follows an archive is noticed") {
  auto archive = sample_archive();
  archive.push_back(std::byte{});
  for (size_t step : {size_t{1}, SIZE_MAX})
    CHECK(events_of(archive, step).error().message().find("follows")
          != std::string::npos);
  corrupt([&] {
    auto twice = sample_archive();
    append(twice, sample_archive());
    return twice;
  }());
}

TEST_CASE("frames that are swapped, left out or repeated are noticed") {
  auto archive = sample_archive();
  auto frames = frames_of(archive);
  auto plain = [&](const std::vector<bytes>& xs) {
    auto result = to_bytes(bytes_view{archive}.first(12));
    for (auto& x : xs)
      append(result, x);
    return result;
  };
  REQUIRE(plain(frames) == archive);
  for (size_t i = 0; i < frames.size(); ++i) {
    auto without = frames;
    without.erase(without.begin() + static_cast<ptrdiff_t>(i));
    corrupt(plain(without));
    auto twice = frames;
    twice.insert(twice.begin() + static_cast<ptrdiff_t>(i), frames[i]);
    corrupt(plain(twice));
    for (size_t j = 0; j < i; ++j) {
      if (frames[i] == frames[j])
        continue;
      auto swapped = frames;
      std::swap(swapped[i], swapped[j]);
      corrupt(plain(swapped));
    }
  }
}

TEST_CASE("frames in a wrong place are refused though their checksums fit") {
  auto archive = sample_archive();
  REQUIRE(joined(archive, frames_of(archive)) == archive);
  for (auto type : {'H', 'R', 'L', 'S', 'D', 'E', 'A', 'U'})
    refused([type](auto& xs) {
      auto copy = xs[index_of(xs, type)];
      auto where = type == 'D' || type == 'E' || type == 'A' ? 1 : 2;
      xs.insert(xs.begin() + where, copy);
    });
  SECTION("a record without an end") {
    refused([](auto& xs) {
      xs.erase(xs.begin() + static_cast<ptrdiff_t>(index_of(xs, 'E')));
    });
  }
  SECTION("a record with fewer or more bytes than it says") {
    for (auto size : {11, 13})
      refused([size](auto& xs) {
        xs[index_of(xs, 'R')][5 + 23] = static_cast<std::byte>(size);
      });
  }
  SECTION("a tail that is larger than its record") {
    refused([](auto& xs) { xs[index_of(xs, 'R')][5 + 31] = std::byte{13}; });
  }
  SECTION("an end with other numbers") {
    for (size_t i = 7; i < 24; i += 8)
      refused([i](auto& xs) { xs.back()[5 + i] ^= std::byte{1}; });
  }
  SECTION("a log with another number of segments than it says") {
    auto log = [](auto& xs) { return xs.size() - 8; };
    for (size_t next : {4, 6})
      refused([&](auto& xs) {
        REQUIRE(xs[log(xs)][0] == std::byte{'L'});
        xs[log(xs)][5 + 55] = static_cast<std::byte>(next);
      });
    refused([&](auto& xs) { xs[log(xs)][5 + 47] = std::byte{6}; });
  }
  SECTION("a segment before the blob before it is complete") {
    for (auto before : {1, 3})
      refused([before](auto& xs) { xs.erase(xs.end() - 8 + before); });
  }
  SECTION("a segment of what is no log") {
    refused([](auto& xs) { xs.insert(xs.begin() + 3, xs[index_of(xs, 'S')]); });
  }
  SECTION("a log in an archive of the format that had none") {
    auto archive_1 = archive;
    archive_1[11] = std::byte{1};
    auto events = events_of(joined(archive_1, frames_of(archive)));
    REQUIRE(!events);
    CHECK(events.error() == errc::corruption);
  }
  SECTION("an unknown kind") {
    refused([](auto& xs) { xs[1][0] = std::byte{'Z'}; });
  }
  SECTION("unchanged keys in an archive that is complete in itself") {
    refused(
      [](auto& xs) { std::fill_n(xs[0].begin() + 5 + 32, 16, std::byte{}); });
  }
}

TEST_CASE("a newer format is told from something else") {
  auto archive = sample_archive();
  archive[11] = std::byte{3};
  CHECK(events_of(archive).error() == errc::unsupported);
  archive[11] = std::byte{0};
  CHECK(events_of(archive).error() == errc::unsupported);
  CHECK(events_of(to_bytes("PK\3\4 something else")).error()
        == errc::corruption);
}

TEST_CASE("sizes are not believed before their bytes have come") {
  auto archive = sample_archive();
  auto size = GENERATE(uint32_t{0x1000000}, uint32_t{0xFFFFFFFF});
  store_big_endian(&archive[12 + 1], size);
  corrupt(archive);
}

// -- documents ----------------------------------------------------------------

TEST_CASE("the documented vector of an archive holds", "[format]") {
  auto blob = documented_vector("format.md", "The value, in the clear:");
  auto rev = *revision::parse("000102030405060708090a0b0c0d0e0f");
  auto archive = make_archive(full_header(), [&](archive_writer& out) {
    add_record(out, ":k", blob, rev);
  });
  CHECK(documented_vector("archive-format.md", "A full archive:") == archive);
  auto with_log = make_archive(full_header(3), [&](archive_writer& out) {
    add_log(out, ":l", rev, 1, 3);
  });
  CHECK(documented_vector("archive-format.md", "An archive with a log:")
        == with_log);
  auto next = make_archive(increment_header(2, 1), [&](archive_writer& out) {
    REQUIRE(out.add_unchanged(":k", rev));
  });
  CHECK(documented_vector("archive-format.md", "An archive that builds on it:")
        == next);
}

TEST_CASE("archives of the format before are read", "[format]") {
  auto archive
    = documented_vector("archive-format.md", "A full archive of format 1:");
  CHECK(events_of(archive)
        == std::string{"record :k 00 148 0\npiece 148\nend\n"});
}
