// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/builtin_codecs.hpp"
#include "larder/detail/growing_buffer.hpp"

#include <fmt/format.h>
#include <zstd.h>

#include <memory>
#include <new>

namespace larder::detail {

namespace {

constexpr int level = 3;

/// Windows up to 8 MiB: what RFC 8878 (section 3.1.1.1.2) asks of decoders, and
/// more than level 3 ever uses. A decoder allocates a window before it has
/// decoded anything.
constexpr int max_window_log = 23;

constexpr std::byte magic[]
  = {std::byte{0x28}, std::byte{0xB5}, std::byte{0x2F}, std::byte{0xFD}};

struct context_deleter {
  void operator()(ZSTD_CCtx* ptr) const noexcept {
    ZSTD_freeCCtx(ptr);
  }

  void operator()(ZSTD_DCtx* ptr) const noexcept {
    ZSTD_freeDCtx(ptr);
  }
};

// Making a context costs more than coding a small value, so each thread keeps
// one of each.

ZSTD_CCtx* compression_context() {
  static thread_local std::unique_ptr<ZSTD_CCtx, context_deleter> ctx;
  if (ctx == nullptr) {
    ctx.reset(ZSTD_createCCtx());
    if (ctx == nullptr)
      throw std::bad_alloc{};
    ZSTD_CCtx_setParameter(ctx.get(), ZSTD_c_compressionLevel, level);
  }
  return ctx.get();
}

ZSTD_DCtx* decompression_context() {
  static thread_local std::unique_ptr<ZSTD_DCtx, context_deleter> ctx;
  if (ctx == nullptr) {
    ctx.reset(ZSTD_createDCtx());
    if (ctx == nullptr)
      throw std::bad_alloc{};
    ZSTD_DCtx_setParameter(ctx.get(), ZSTD_d_windowLogMax, max_window_log);
  }
  ZSTD_DCtx_reset(ctx.get(), ZSTD_reset_session_only);
  return ctx.get();
}

tl::unexpected<error> corrupt(std::string_view what) {
  return fail(errc::corruption, fmt::format("zstd: {}", what));
}

/// Refuses what the library would accept beside a plain frame: skippable
/// frames, and those of old format versions.
bool is_plain_frame(bytes_view in) noexcept {
  return in.size() > sizeof(magic)
         && std::equal(std::begin(magic), std::end(magic), in.begin());
}

class zstd_compressor final : public compressor {
public:
  uint8_t id() const noexcept override {
    return 2;
  }

  std::string_view name() const noexcept override {
    return "zstd";
  }

  expected<void> compress(bytes_view in, bytes& out) const override {
    auto start = out.size();
    out.resize(start + ZSTD_compressBound(in.size()));
    auto size = ZSTD_compress2(compression_context(), out.data() + start,
                               out.size() - start, in.data(), in.size());
    if (ZSTD_isError(size)) {
      out.resize(start);
      return fail(errc::internal,
                  fmt::format("zstd: {}", ZSTD_getErrorName(size)));
    }
    out.resize(start + size);
    return {};
  }

  expected<bytes> decompress(bytes_view in, size_t max_size) const override {
    if (!is_plain_frame(in))
      return corrupt("this is not a frame");
    auto declared = ZSTD_getFrameContentSize(in.data(), in.size());
    if (declared == ZSTD_CONTENTSIZE_ERROR)
      return corrupt("the frame's header is damaged");
    if (declared == ZSTD_CONTENTSIZE_UNKNOWN)
      declared = in.size() * 4;
    else if (declared > max_size)
      return too_large(max_size);
    auto ctx = decompression_context();
    growing_buffer buf{in.size(), declared, max_size};
    ZSTD_inBuffer src{in.data(), in.size(), 0};
    for (;;) {
      auto consumed = src.pos;
      ZSTD_outBuffer dst{buf.free_data(), buf.free_size(), 0};
      auto hint = ZSTD_decompressStream(ctx, &dst, &src);
      if (ZSTD_isError(hint))
        return corrupt(ZSTD_getErrorName(hint));
      buf.produced(dst.pos);
      if (buf.over_limit())
        return too_large(max_size);
      if (hint == 0)
        break;
      if (buf.free_size() == 0)
        buf.make_room();
      else if (src.pos == src.size || (src.pos == consumed && dst.pos == 0))
        return corrupt("the frame is cut off");
    }
    if (src.pos != src.size)
      return corrupt("something follows the frame");
    return std::move(buf).take();
  }

private:
  static tl::unexpected<error> too_large(size_t max_size) {
    return fail(
      errc::limit_exceeded,
      fmt::format("zstd: the content is larger than {} bytes", max_size));
  }
};

} // namespace

std::shared_ptr<const compressor> make_zstd_compressor() {
  return std::make_shared<zstd_compressor>();
}

} // namespace larder::detail
