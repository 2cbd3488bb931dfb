// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/fressian.hpp"

#include "larder/detail/builtin_codecs.hpp"

#include <fmt/format.h>

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
    if (x.depth() > lim.max_depth)
      return fail(errc::limit_exceeded,
                  fmt::format("fressian: the value is nested {} deep, at most "
                              "{} are allowed",
                              x.depth(), lim.max_depth));
    return fressian::encode(x, out);
  }

  expected<value> decode(bytes_view in, const limits& lim) const override {
    if (in.size() > lim.max_value_size)
      return fail(errc::limit_exceeded,
                  fmt::format("fressian: {} bytes are more than the limit of "
                              "{}",
                              in.size(), lim.max_value_size));
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
