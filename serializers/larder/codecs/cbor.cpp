// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/cbor.hpp"

#include "larder/detail/builtin_codecs.hpp"

#include <fmt/format.h>

#include <memory>

namespace larder::detail {

namespace {

class cbor_serializer final : public serializer {
public:
  uint8_t id() const noexcept override {
    return 3;
  }

  std::string_view name() const noexcept override {
    return "cbor";
  }

  expected<void> encode(const value& x, bytes& out,
                        const limits& lim) const override {
    if (x.depth() > lim.max_depth)
      return fail(errc::limit_exceeded,
                  fmt::format("cbor: the value is nested {} deep, at most {} "
                              "are allowed",
                              x.depth(), lim.max_depth));
    return cbor::encode(x, out);
  }

  expected<value> decode(bytes_view in, const limits& lim) const override {
    return cbor::decode(in, cbor::boring_dialect, lim);
  }
};

} // namespace

std::shared_ptr<const serializer> make_cbor_serializer() {
  return std::make_shared<cbor_serializer>();
}

} // namespace larder::detail
