// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/builtin_codecs.hpp"
#include "larder/detail/growing_buffer.hpp"

#include <fmt/format.h>
#include <lz4frame.h>

#include <memory>
#include <new>

namespace larder::detail {

namespace {

constexpr size_t smallest_header = 7;

constexpr std::byte magic[]
  = {std::byte{0x04}, std::byte{0x22}, std::byte{0x4D}, std::byte{0x18}};

/// Independent blocks, no checksums (blobs have their own), no content size:
/// what konserve writes.
LZ4F_preferences_t preferences() noexcept {
  LZ4F_preferences_t result = LZ4F_INIT_PREFERENCES;
  result.frameInfo.blockSizeID = LZ4F_max4MB;
  result.frameInfo.blockMode = LZ4F_blockIndependent;
  return result;
}

struct context_deleter {
  void operator()(LZ4F_dctx* ptr) const noexcept {
    LZ4F_freeDecompressionContext(ptr);
  }
};

/// Making a context costs more than decoding a small value, so each thread
/// keeps one.
LZ4F_dctx* decompression_context() {
  static thread_local std::unique_ptr<LZ4F_dctx, context_deleter> ctx;
  if (ctx == nullptr) {
    LZ4F_dctx* ptr = nullptr;
    if (LZ4F_isError(LZ4F_createDecompressionContext(&ptr, LZ4F_VERSION)))
      throw std::bad_alloc{};
    ctx.reset(ptr);
  }
  LZ4F_resetDecompressionContext(ctx.get());
  return ctx.get();
}

tl::unexpected<error> corrupt(std::string_view what) {
  return fail(errc::corruption, fmt::format("lz4: {}", what));
}

/// Refuses what the library would accept beside a plain frame: skippable
/// frames, and frames that need a dictionary.
bool is_plain_frame(bytes_view in) noexcept {
  constexpr auto needs_dictionary = std::byte{1};
  return in.size() >= smallest_header
         && std::equal(std::begin(magic), std::end(magic), in.begin())
         && (in[4] & needs_dictionary) == std::byte{0};
}

class lz4_compressor final : public compressor {
public:
  uint8_t id() const noexcept override {
    return 1;
  }

  std::string_view name() const noexcept override {
    return "lz4";
  }

  expected<void> compress(bytes_view in, bytes& out) const override {
    auto prefs = preferences();
    auto start = out.size();
    out.resize(start + LZ4F_compressFrameBound(in.size(), &prefs));
    auto size = LZ4F_compressFrame(out.data() + start, out.size() - start,
                                   in.data(), in.size(), &prefs);
    if (LZ4F_isError(size)) {
      out.resize(start);
      return fail(errc::internal,
                  fmt::format("lz4: {}", LZ4F_getErrorName(size)));
    }
    out.resize(start + size);
    return {};
  }

  expected<bytes> decompress(bytes_view in, size_t max_size) const override {
    if (!is_plain_frame(in))
      return corrupt("this is not a frame");
    auto ctx = decompression_context();
    growing_buffer buf{in.size(), in.size() * 4, max_size};
    for (;;) {
      buf.make_room();
      auto consumed = in.size();
      auto written = buf.free_size();
      auto hint = LZ4F_decompress(ctx, buf.free_data(), &written, in.data(),
                                  &consumed, nullptr);
      if (LZ4F_isError(hint))
        return corrupt(LZ4F_getErrorName(hint));
      in = in.subspan(consumed);
      buf.produced(written);
      if (buf.over_limit())
        return fail(
          errc::limit_exceeded,
          fmt::format("lz4: the content is larger than {} bytes", max_size));
      if (hint == 0)
        break;
      if (consumed == 0 && written == 0)
        return corrupt("the frame is cut off");
    }
    if (!in.empty())
      return corrupt("something follows the frame");
    return std::move(buf).take();
  }
};

} // namespace

std::shared_ptr<const compressor> make_lz4_compressor() {
  return std::make_shared<lz4_compressor>();
}

} // namespace larder::detail
