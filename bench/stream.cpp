// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

// A binary of 1 GiB, streamed in and out of a store of each engine: the memory
// it takes. Each engine has a process of its own, as the most memory that a
// process ever had counts.
//
// usage: bench-stream [DIR [ENGINE]]    one process, for one engine only

#include "load.hpp"

#include "larder/keyring.hpp"
#include "larder/registry.hpp"

#include <sys/wait.h>
#include <unistd.h>

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

/// The most memory that was seen, without what is mapped from files: the
/// kernel takes that back when it likes, and LMDB maps all it has.
class meter {
public:
  void look() {
    most_ = std::max(most_, memory("RssAnon"));
  }

  double most() const {
    return static_cast<double>(most_) / mebibyte;
  }

private:
  uint64_t most_ = 0;
};

double write(blocking_client& client, const content& data, meter& most) {
  stopwatch watch;
  uint64_t next = 0;
  auto source = [&]() -> expected<bytes> {
    most.look();
    if (next == total / piece_size)
      return bytes{};
    return data.piece(next++);
  };
  need(client.write("binary", source));
  return watch.seconds();
}

double read(blocking_client& client, const content& data, meter& most) {
  stopwatch watch;
  uint64_t size = 0;
  bytes expected_piece;
  auto sink = [&](bytes_view xs) -> expected<void> {
    most.look();
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

void run(const std::string& scheme, const scratch& where) {
  keyring keys;
  need(keys.add(encryption_key::random()));
  need(keys.save(where.file("keyring")));
  init_actor_types();
  system_config cfg;
  caf::actor_system sys{cfg};
  running_store store{sys, scheme + ":" + where.file("store")
                             + "?compressor=lz4&encryptor=xaes-gcm&keyring="
                             + where.file("keyring")};
  content data;
  meter most;
  auto written = write(store.client(), data, most);
  auto read_back = read(store.client(), data, most);
  print({scheme + ": binary of 1 GiB streamed in and out: most memory",
         most.most(),
         "MiB",
         "at most",
         scheme == "rocksdb" ? 200.0 : 100.0, // its buffers and cache
         {{"MiB with what is mapped", memory("VmHWM") / mebibyte},
          {"MiB per second in", total / mebibyte / written},
          {"MiB per second out", total / mebibyte / read_back}}});
}

/// Runs this program for one engine.
void run_apart(const char* dir, const char* scheme) {
  auto child = ::fork();
  if (child == 0) {
    ::execl("/proc/self/exe", "bench-stream", dir, scheme, nullptr);
    ::_exit(EXIT_FAILURE);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child || status != 0)
    give_up(std::string{"the stream of "} + scheme + " failed");
}

} // namespace

int main(int argc, char** argv) {
  if (argc > 2) {
    run(argv[2], scratch{argc, argv});
    return EXIT_SUCCESS;
  }
  auto parent = argc > 1 ? std::string{argv[1]}
                         : std::filesystem::temp_directory_path().string();
  for (auto scheme : {"file", "sqlite", "lmdb", "rocksdb"})
    if (backend_registry{}.find(scheme))
      run_apart(parent.c_str(), scheme);
  return EXIT_SUCCESS;
}
