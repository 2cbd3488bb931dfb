// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/builtin_codecs.hpp"
#include "larder/detail/codec_limits.hpp"
#include "larder/text.hpp"

#include <memory>

namespace larder::detail {

namespace {

class edn_serializer final : public serializer {
public:
  uint8_t id() const noexcept override {
    return 0;
  }

  std::string_view name() const noexcept override {
    return "edn";
  }

  expected<void> encode(const value& x, bytes& out,
                        const limits& lim) const override {
    if (auto ok = check_text(x, lim); !ok)
      return fail(ok.error().with_context("edn"));
    append(out, as_bytes(to_edn(x)));
    return {};
  }

  expected<value> decode(bytes_view in, const limits& lim) const override {
    if (auto ok = check_size(name(), in, lim); !ok)
      return fail(ok.error());
    auto result = parse_edn(as_chars(in), lim);
    if (result || result.error() == errc::limit_exceeded)
      return result;
    return fail(errc::corruption, "edn: " + result.error().message());
  }
};

} // namespace

std::shared_ptr<const serializer> make_edn_serializer() {
  return std::make_shared<edn_serializer>();
}

} // namespace larder::detail
