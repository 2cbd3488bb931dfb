// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/boost_binary.hpp"

#include "larder/detail/builtin_codecs.hpp"
#include "larder/detail/codec_limits.hpp"

#include <boost/archive/archive_exception.hpp>
#include <fmt/format.h>

#include <memory>

namespace larder::detail {

namespace {

/// Runs `f` and turns what it throws into an error.
template <class F>
auto guarded(errc archive_error, F f) -> decltype(f()) {
  try {
    return f();
  } catch (const boost_binary::refusal& x) {
    return fail(x.code, fmt::format("boost-binary: {}", x.why));
  } catch (const boost::archive::archive_exception& x) {
    return fail(archive_error, fmt::format("boost-binary: {}", x.what()));
  }
}

class boost_binary_serializer final : public serializer {
public:
  uint8_t id() const noexcept override {
    return 65;
  }

  std::string_view name() const noexcept override {
    return "boost-binary";
  }

  expected<void> encode(const value& x, bytes& out,
                        const limits& lim) const override {
    if (auto ok = check_depth(name(), x, lim); !ok)
      return ok;
    auto size = out.size();
    auto result = guarded(errc::internal, [&]() -> expected<void> {
      boost_binary::encode(x, out);
      return {};
    });
    if (!result)
      out.resize(size);
    return result;
  }

  expected<value> decode(bytes_view in, const limits& lim) const override {
    if (auto ok = check_size(name(), in, lim); !ok)
      return fail(ok.error());
    return guarded(errc::corruption, [&]() -> expected<value> {
      return boost_binary::decode(in, lim.max_depth);
    });
  }

  bool safe_on_untrusted_input() const noexcept override {
    return false;
  }
};

} // namespace

std::shared_ptr<const serializer> make_boost_binary_serializer() {
  return std::make_shared<boost_binary_serializer>();
}

} // namespace larder::detail
