// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/fressian.hpp"

#include "larder/detail/builtin_codecs.hpp"
#include "larder/detail/codec_limits.hpp"

#include <memory>

namespace larder::detail {

namespace {

class fressian_serializer final : public serializer {
public:
  uint8_t id() const noexcept override {
    return 1;
  }

  std::string_view name() const noexcept override {
    return "fressian";
  }

  expected<void> encode(const value& x, bytes& out,
                        const limits& lim) const override {
    if (auto ok = check_depth(name(), x, lim); !ok)
      return ok;
    return fressian::encode(x, out);
  }

  expected<value> decode(bytes_view in, const limits& lim) const override {
    if (auto ok = check_size(name(), in, lim); !ok)
      return fail(ok.error());
    return fressian::decode(in, lim);
  }

  bool has_fixed_size_instants() const noexcept override {
    return false;
  }
};

} // namespace

std::shared_ptr<const serializer> make_fressian_serializer() {
  return std::make_shared<fressian_serializer>();
}

} // namespace larder::detail
