// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

// A binary of 1 GiB, streamed in and out of a file store: the memory it takes.
// A program of its own, as the most memory that a process ever had counts.

#include "load.hpp"

#include "larder/keyring.hpp"

#include <algorithm>
#include <random>

using namespace larder;
using namespace bench;

namespace {

constexpr uint64_t total = uint64_t{1} << 30;
constexpr size_t piece_size = size_t{1} << 20;
constexpr double mebibyte = 1 << 20;

/// Makes the same bytes each time: half noise, half easy to compress.
class content {
public:
  content() : noise_(piece_size / 2) {
    std::minstd_rand random{1};
    for (auto& x : noise_)
      x = static_cast<std::byte>(random());
  }

  /// Piece number `i` of the binary.
  bytes piece(uint64_t i) const {
    bytes result(piece_size, static_cast<std::byte>(i));
    auto shift = static_cast<std::ptrdiff_t>(i % noise_.size());
    std::rotate_copy(noise_.begin(), noise_.begin() + shift, noise_.end(),
                     result.begin());
    return result;
  }

private:
  bytes noise_;
};

double write(blocking_client& client, const content& data) {
  stopwatch watch;
  uint64_t next = 0;
  auto source = [&]() -> expected<bytes> {
    if (next == total / piece_size)
      return bytes{};
    return data.piece(next++);
  };
  need(client.write("binary", source));
  return watch.seconds();
}

double read(blocking_client& client, const content& data) {
  stopwatch watch;
  uint64_t size = 0;
  bytes expected_piece;
  auto sink = [&](bytes_view xs) -> expected<void> {
    while (!xs.empty()) {
      auto offset = size % piece_size;
      if (offset == 0)
        expected_piece = data.piece(size / piece_size);
      auto n = std::min<size_t>(xs.size(), piece_size - offset);
      if (!std::equal(xs.begin(), xs.begin() + static_cast<std::ptrdiff_t>(n),
                      expected_piece.begin()
                        + static_cast<std::ptrdiff_t>(offset)))
        return fail(errc::internal, "read something else than was written");
      size += n;
      xs = xs.subspan(n);
    }
    return {};
  };
  if (need(client.read("binary", sink)) != total)
    give_up("read another size than was written");
  return watch.seconds();
}

} // namespace

int main(int argc, char** argv) {
  scratch where{argc, argv};
  keyring keys;
  need(keys.add(encryption_key::random()));
  need(keys.save(where.file("keyring")));
  init_actor_types();
  system_config cfg;
  caf::actor_system sys{cfg};
  running_store store{sys, "file:" + where.file("store")
                             + "?compressor=lz4&encryptor=xaes-gcm&keyring="
                             + where.file("keyring")};
  content data;
  auto written = write(store.client(), data);
  auto read_back = read(store.client(), data);
  print({"binary of 1 GiB streamed in and out: most memory",
         static_cast<double>(memory("VmHWM")) / mebibyte,
         "MiB",
         "at most",
         100,
         {{"MiB per second in", total / mebibyte / written},
          {"MiB per second out", total / mebibyte / read_back}}});
  return EXIT_SUCCESS;
}
