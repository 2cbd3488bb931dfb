// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "trials/faults/unsynced.hpp"

#include <catch2/catch.hpp>

using larder::as_bytes;
using larder::to_bytes;
using trials::unsynced;

namespace {

/// What is lost, as offset and text.
std::map<uint64_t, std::string> lost(const unsynced& x) {
  std::map<uint64_t, std::string> result;
  for (auto& [offset, data] : x.lost())
    result[offset] = larder::as_chars(data);
  return result;
}

using texts = std::map<uint64_t, std::string>;

} // namespace

TEST_CASE("nothing is lost without a failed sync") {
  unsynced uut;
  uut.write(10, 3, as_bytes("abc"));
  CHECK(lost(uut).empty());
  uut.sync_succeeded();
  uut.sync_failed();
  CHECK(lost(uut).empty());
}

TEST_CASE("a failed sync loses what was written since the last good one") {
  unsynced uut;
  uut.write(0, 3, as_bytes("old"));
  uut.sync_succeeded();
  uut.write(10, 4, as_bytes("abcd"));
  uut.write(12, 4, as_bytes("XXef"));
  uut.sync_failed();
  CHECK(lost(uut) == texts{{10, "ab"}, {12, "cdef"}});
}

TEST_CASE("what was lost is safe when it was written and synced anew") {
  unsynced uut;
  uut.write(10, 6, as_bytes("abcdef"));
  uut.sync_failed();
  uut.write(12, 2, as_bytes("XX"));
  CHECK(lost(uut) == texts{{10, "ab"}, {14, "ef"}});
  uut.sync_succeeded();
  CHECK(lost(uut) == texts{{10, "ab"}, {14, "ef"}});
  uut.write(10, 6, as_bytes("XXXXXX"));
  uut.sync_succeeded();
  CHECK(lost(uut).empty());
}

TEST_CASE("what was lost twice goes back to what the disk had first") {
  unsynced uut;
  uut.write(10, 2, as_bytes("ab"));
  uut.sync_failed();
  uut.write(10, 2, as_bytes("XX"));
  uut.sync_failed();
  CHECK(lost(uut) == texts{{10, "ab"}});
}

TEST_CASE("behind the end of a file the disk has zeros") {
  unsynced uut;
  uut.write(10, 3, as_bytes("a"));
  uut.sync_failed();
  CHECK(lost(uut) == texts{{10, std::string{"a\0\0", 3}}});
}

TEST_CASE("what was cut off cannot be lost") {
  unsynced uut;
  uut.write(10, 4, as_bytes("abcd"));
  uut.sync_failed();
  uut.truncate(12);
  CHECK(lost(uut) == texts{{10, "ab"}});
  uut.truncate(0);
  CHECK(lost(uut).empty());
}
