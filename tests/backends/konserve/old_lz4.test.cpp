// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Blobs with LZ4 frames as konserve wrote them before August 2026: without
/// the mark at their ends.

#include "backends/konserve/konserve_tools.hpp"

using namespace larder;
using namespace larder::test;

namespace {

bytes without_mark(bytes_view frame) {
  REQUIRE(frame.size() > 4);
  REQUIRE(to_hex(frame.last(4)) == "00000000");
  return to_bytes(frame.first(frame.size() - 4));
}

/// Makes the blob of `key` what an old konserve would have written.
void remove_marks(const temp_dir& dir, const value& key) {
  auto path = dir / file_of(key);
  auto blob = read_konserve_blob(path);
  auto file = to_bytes(bytes_view{read_sample(path)}.first(20));
  auto metadata = without_mark(blob.metadata);
  REQUIRE(metadata.size() < 0x100);
  file[7] = static_cast<std::byte>(metadata.size());
  append(file, metadata);
  append(file, without_mark(blob.content));
  write_file(path, file);
}

value long_value() {
  std::vector<value> items(500, "an item that is there again and again");
  return value::vector(std::move(items));
}

} // namespace

TEST_CASE("LZ4 frames that an old konserve did not end are read") {
  for (std::string serializer : {"fressian", "cbor"}) {
    CAPTURE(serializer);
    temp_dir dir;
    auto store = konserve_store::open(dir.path(), {}, serializer, "lz4");
    store.must_put(kw("short"), 42);
    store.must_put(kw("long"), long_value());
    remove_marks(dir, kw("short"));
    remove_marks(dir, kw("long"));
    CHECK(store.get(kw("short")).content == 42);
    CHECK(store.get(kw("long")).content == long_value());
    CHECK(store.get(kw("long")).meta.key == kw("long"));
    CHECK(store.keys() == std::set{encoded(kw("long")), encoded(kw("short"))});
    store.must_put(kw("short"), 43);
    CHECK(store.get(kw("short")).content == 43);
  }
}

TEST_CASE("an LZ4 frame that is cut elsewhere is damage") {
  temp_dir dir;
  auto store = konserve_store::open(dir.path(), {}, "fressian", "lz4");
  store.must_put(kw("a"), long_value());
  remove_marks(dir, kw("a"));
  auto file = read_sample(dir / file_of(kw("a")));
  file.pop_back();
  write_file(dir / file_of(kw("a")), file);
  CHECK(code_of(store.find(kw("a"))) == "corruption");
}
