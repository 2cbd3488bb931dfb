// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/cbor.hpp"

#include "larder/detail/builtin_codecs.hpp"
#include "larder/detail/codec_limits.hpp"

#include <memory>

namespace larder::detail {

namespace {

class cbor_serializer final : public serializer {
public:
  uint8_t id() const noexcept override {
    return cbor::serializer_id;
  }

  std::string_view name() const noexcept override {
    return "cbor";
  }

  expected<void> encode(const value& x, bytes& out,
                        const limits& lim) const override {
    if (auto ok = check_depth(name(), x, lim); !ok)
      return ok;
    return cbor::encode(x, out);
  }

  expected<value> decode(bytes_view in, const limits& lim) const override {
    return cbor::decode(in, cbor::boring_dialect, lim);
  }

  expected<value>
  decode_shared(bytes_view in, const limits& lim,
                const std::shared_ptr<const void>& owner) const override {
    return cbor::decode(in, cbor::boring_dialect, lim, owner);
  }
};

} // namespace

std::shared_ptr<const serializer> make_cbor_serializer() {
  return std::make_shared<cbor_serializer>();
}

} // namespace larder::detail
