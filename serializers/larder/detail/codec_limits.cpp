// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/codec_limits.hpp"

#include <fmt/format.h>

namespace larder::detail {

expected<void> check_depth(std::string_view codec, const value& x,
                           const limits& lim) {
  if (x.depth() > lim.max_depth)
    return fail(errc::limit_exceeded,
                fmt::format("{}: the value is nested {} deep, at most {} are "
                            "allowed",
                            codec, x.depth(), lim.max_depth));
  return {};
}

expected<void> check_size(std::string_view codec, bytes_view in,
                          const limits& lim) {
  if (in.size() > lim.max_value_size)
    return fail(errc::limit_exceeded,
                fmt::format("{}: {} bytes are more than the limit of {}", codec,
                            in.size(), lim.max_value_size));
  return {};
}

} // namespace larder::detail
