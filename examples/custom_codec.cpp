// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

// A compressor of one's own: run-length encoding. docs/writing-a-codec.md
// explains it step by step.

#include "larder/codec_compliance.hpp"

#include <algorithm>
#include <cstdio>

using namespace larder;

namespace {

/// Writes each run of equal bytes as its length (1 to 255) and the byte, and a
/// zero at the end.
class run_length final : public compressor {
public:
  uint8_t id() const noexcept override {
    return 200;
  }

  std::string_view name() const noexcept override {
    return "run-length";
  }

  expected<void> compress(bytes_view in, bytes& out) const override {
    while (!in.empty()) {
      auto window = in.first(std::min<size_t>(in.size(), 255));
      auto run = std::find_if(window.begin(), window.end(),
                              [&](auto x) { return x != in.front(); })
                 - window.begin();
      out.push_back(static_cast<std::byte>(run));
      out.push_back(in.front());
      in = in.subspan(static_cast<size_t>(run));
    }
    out.push_back(std::byte{0});
    return {};
  }

  expected<bytes> decompress(bytes_view in, size_t max_size) const override {
    bytes result;
    while (in.size() >= 2 && in.front() != std::byte{0}) {
      auto run = std::to_integer<size_t>(in[0]);
      if (run > max_size - result.size())
        return fail(errc::limit_exceeded, "run-length: content too large");
      result.insert(result.end(), run, in[1]);
      in = in.subspan(2);
    }
    if (in.size() != 1 || in.front() != std::byte{0})
      return fail(errc::corruption, "run-length: cut off or too long");
    return result;
  }
};

} // namespace

int main() {
  // Check it as a test would.
  for (auto& violation : check_compressor(run_length{}))
    std::printf("violation: %s\n", violation.c_str());
  // Register it.
  codec_registry registry;
  if (auto res = registry.add(std::make_shared<run_length>()); !res) {
    std::printf("%s\n", to_string(res.error()).c_str());
    return 1;
  }
  // From here on it is found by name in configurations, and by id in blobs.
  auto codec = registry.find_compressor("run-length").value();
  bytes packed;
  if (auto res = codec->compress(bytes(1000), packed); !res) {
    std::printf("%s\n", to_string(res.error()).c_str());
    return 1;
  }
  std::printf("1000 bytes became %zu\n", packed.size());
  return codec->decompress(packed, 1000) == bytes(1000) ? 0 : 1;
}
