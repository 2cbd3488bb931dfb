// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/byte_pipe.hpp"

#include "actors/backups.hpp"

#include <thread>

using namespace larder;
using namespace larder::test;

namespace {

bytes read_all(detail::byte_pipe& pipe, expected<size_t>& last) {
  bytes result;
  bytes buffer(70'000);
  for (;;) {
    last = pipe.read(buffer);
    if (!last || *last == 0)
      return result;
    append(result, bytes_view{buffer}.first(*last));
  }
}

} // namespace

TEST_CASE("a pipe passes more than fits into it, in order") {
  detail::byte_pipe pipe;
  auto content = mixed_bytes(20 << 20);
  std::thread writer{[&] {
    for (auto rest = bytes_view{content}; !rest.empty();) {
      auto n = std::min<size_t>(rest.size(), 1'234'567);
      CHECK(pipe.write(rest.first(n)));
      rest = rest.subspan(n);
    }
    pipe.close_writing();
  }};
  expected<size_t> last;
  auto read = read_all(pipe, last);
  writer.join();
  CHECK(read == content);
  CHECK(last == size_t{0});
}

TEST_CASE("the reader of a pipe gets the writer's error behind its bytes") {
  detail::byte_pipe pipe;
  REQUIRE(pipe.write(bytes(10)));
  pipe.close_writing(error{errc::io_error, "unplugged"});
  expected<size_t> last;
  CHECK(read_all(pipe, last).size() == 10);
  REQUIRE(!last);
  CHECK(last.error() == error{errc::io_error, "unplugged"});
}

TEST_CASE("a writer that waits is told when nobody reads any more") {
  detail::byte_pipe pipe;
  std::thread reader{[&] {
    bytes buffer(1);
    CHECK(pipe.read(buffer));
    pipe.close_reading();
  }};
  auto written = pipe.write(bytes(20 << 20));
  reader.join();
  REQUIRE(!written);
  CHECK(written.error() == errc::closed);
}
