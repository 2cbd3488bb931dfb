// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/builtin_engines.hpp"
#include "larder/metered.hpp"
#include "larder/wrappers.hpp"

namespace larder::detail {

namespace {

/// Finds the engine of the URI inside `x` and calls `f` with both.
template <class F>
auto with_inner(const engine_finder& find, const uri& x, F f)
  -> decltype(f(std::declval<const engine&>(), x)) {
  auto inner = x.inner();
  if (!inner)
    return fail(inner.error());
  auto impl = find(inner->scheme);
  if (!impl)
    return fail(impl.error());
  return f(*impl, *inner);
}

template <class Wrapper>
expected<std::unique_ptr<backend>>
wrap(expected<std::unique_ptr<backend>> inner) {
  if (!inner)
    return inner;
  return std::make_unique<Wrapper>(std::move(*inner));
}

/// An engine whose stores are those of another one in a `Wrapper`.
template <class Wrapper>
engine make_wrapping_engine(std::string scheme, std::string description,
                            engine_finder find) {
  engine result;
  result.scheme = std::move(scheme);
  result.description = std::move(description);
  result.create = [find](const uri& x) {
    return with_inner(find, x, [](const engine& impl, const uri& inner) {
      return wrap<Wrapper>(impl.create(inner));
    });
  };
  result.open = [find](const uri& x) {
    return with_inner(find, x, [](const engine& impl, const uri& inner) {
      return wrap<Wrapper>(impl.open(inner));
    });
  };
  result.exists = [find](const uri& x) {
    return with_inner(find, x, [](const engine& impl, const uri& inner) {
      return impl.exists(inner);
    });
  };
  result.destroy = [find](const uri& x) {
    return with_inner(find, x, [](const engine& impl, const uri& inner) {
      return impl.destroy(inner);
    });
  };
  result.plain_blobs = [find](const uri& x) {
    return with_inner(find, x, [](const engine& impl, const uri& inner) {
      return impl.plain_blobs(inner);
    });
  };
  return result;
}

} // namespace

engine make_readonly_engine(engine_finder find) {
  auto result = make_wrapping_engine<readonly_backend>(
    "readonly", "readonly:URI, a store that nobody can change through it",
    std::move(find));
  result.create = [](const uri&) -> expected<std::unique_ptr<backend>> {
    return fail(errc::unsupported, "readonly: makes no stores; create it "
                                   "without readonly:");
  };
  result.destroy = [](const uri&) -> expected<void> {
    return fail(errc::unsupported, "readonly: destroys no stores; destroy it "
                                   "without readonly:");
  };
  return result;
}

engine make_metered_engine(engine_finder find) {
  return make_wrapping_engine<metered_backend>(
    "metered", "metered:URI, a store that measures calls, see docs/wrappers.md",
    std::move(find));
}

} // namespace larder::detail
