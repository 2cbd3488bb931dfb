// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/builtin_codecs.hpp"
#include "larder/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

namespace larder::detail {

namespace {

/// Whether all text in `x` is UTF-8. Recurses as deep as `x` is nested.
bool has_only_utf8(const value& x) {
  switch (x.type()) {
    case value::kind::string:
    case value::kind::keyword:
    case value::kind::symbol:
      return is_utf8(x.as_string());
    case value::kind::vector:
    case value::kind::list:
    case value::kind::set:
      return std::all_of(x.items().begin(), x.items().end(), has_only_utf8);
    case value::kind::map:
      return std::all_of(x.entries().begin(), x.entries().end(), [](auto& y) {
        return has_only_utf8(y.first) && has_only_utf8(y.second);
      });
    case value::kind::tagged:
      return is_utf8(x.tag()) && has_only_utf8(x.content());
    default:
      return true;
  }
}

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
    if (x.depth() > lim.max_depth)
      return fail(errc::limit_exceeded,
                  fmt::format("edn: the value is nested {} deep, at most {} "
                              "are allowed",
                              x.depth(), lim.max_depth));
    if (!has_only_utf8(x))
      return fail(errc::invalid_argument,
                  "edn: a string, keyword, symbol or tag is not UTF-8");
    append(out, as_bytes(to_edn(x)));
    return {};
  }

  expected<value> decode(bytes_view in, const limits& lim) const override {
    if (in.size() > lim.max_value_size)
      return fail(errc::limit_exceeded,
                  fmt::format("edn: {} bytes are more than the limit of {}",
                              in.size(), lim.max_value_size));
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
