// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/builtin_codecs.hpp"
#include "larder/detail/cbor.hpp"

#include <memory>

namespace larder::detail {

namespace {

/// What konserve writes with its CBORSerializer. Reading only: konserve cannot
/// give back all that it writes so (characters become strings, the sign of zero
/// is lost), and has better serializers.
class clj_cbor_serializer final : public serializer {
public:
  uint8_t id() const noexcept override {
    return 2;
  }

  std::string_view name() const noexcept override {
    return cbor::clj_cbor_dialect.name;
  }

  bool can_encode() const noexcept override {
    return false;
  }

  expected<void> encode(const value&, bytes&, const limits&) const override {
    return fail(errc::unsupported,
                "clj-cbor is for reading only: write with cbor, or fressian if "
                "an old konserve shall read it");
  }

  expected<value> decode(bytes_view in, const limits& lim) const override {
    return cbor::decode(in, cbor::clj_cbor_dialect, lim);
  }
};

} // namespace

std::shared_ptr<const serializer> make_clj_cbor_serializer() {
  return std::make_shared<clj_cbor_serializer>();
}

} // namespace larder::detail
