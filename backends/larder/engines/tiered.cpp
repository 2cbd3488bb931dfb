// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/tiered.hpp"

#include "larder/detail/builtin_engines.hpp"
#include "larder/detail/tier_front.hpp"

namespace larder::detail {

namespace {

/// A URI taken apart.
struct tiered_location {
  engine back;
  uri back_uri;
  engine front;
  uri front_uri;
  tier_options options;
};

constexpr auto front_context = "the front of a tiered store";

expected<tier_options> take_options(uri& x) {
  tier_options result;
  auto policy = x.take("policy", "write-through");
  if (policy != "write-through" && policy != "write-around")
    return fail(errc::invalid_argument,
                "option \"policy\" must be write-through or write-around");
  result.write_through = policy == "write-through";
  auto read_through = x.take_flag("read-through", true);
  if (!read_through)
    return fail(read_through.error());
  result.read_through = *read_through;
  if (!result.write_through && !result.read_through)
    return fail(errc::invalid_argument,
                "with policy=write-around and read-through=no nothing would "
                "ever get into the front");
  auto front_bytes = x.take_number("front-bytes", result.front_bytes);
  if (!front_bytes)
    return fail(front_bytes.error());
  result.front_bytes = *front_bytes;
  return result;
}

expected<tiered_location> locate(const engine_finder& find, uri x) {
  auto front_uri = uri::parse(x.take("front", "memory:"));
  if (!front_uri)
    return fail(front_uri.error().with_context("option \"front\""));
  auto front = find(front_uri->scheme);
  if (!front)
    return fail(front.error().with_context("option \"front\""));
  auto options = take_options(x);
  if (!options)
    return fail(options.error());
  auto back_uri = x.inner();
  if (!back_uri)
    return fail(back_uri.error());
  // memory: without a name is another store each time.
  if (*back_uri == *front_uri && !back_uri->path.empty())
    return fail(errc::invalid_argument, "a store cannot be its own front");
  auto back = find(back_uri->scheme);
  if (!back)
    return fail(back.error());
  // A bad option must not leave half a store behind.
  if (auto ok = front->exists(*front_uri); !ok)
    return fail(ok.error().with_context(front_context));
  return tiered_location{std::move(*back), std::move(*back_uri),
                         std::move(*front), std::move(*front_uri), *options};
}

expected<std::unique_ptr<backend>>
with_front(const tiered_location& at, expected<std::unique_ptr<backend>> back) {
  if (!back)
    return back;
  auto options = at.options;
  auto front = make_front(at.front, at.front_uri, back->get());
  if (!front && front.error() == errc::locked
      && (*back)->caps().domain != write_domain::process) {
    // A store with such a domain can be opened several times: whoever opened it
    // first has the front.
    options.front_bytes = 0;
    front = make_front(make_memory_engine(), uri{"memory", {}, {}, {}});
  }
  if (!front)
    return fail(front.error().with_context(front_context));
  return std::make_unique<tiered_backend>(std::move(*back), std::move(*front),
                                          options);
}

expected<std::unique_ptr<backend>> create_tiered(const tiered_location& at) {
  auto exists = at.back.exists(at.back_uri);
  if (!exists)
    return fail(exists.error());
  if (*exists)
    return with_front(at, at.back.create(at.back_uri));
  // First, as a front that cannot be had must not leave a store behind.
  auto front = make_front(at.front, at.front_uri);
  if (!front)
    return fail(front.error().with_context(front_context));
  auto back = at.back.create(at.back_uri);
  if (back)
    return std::make_unique<tiered_backend>(std::move(*back), std::move(*front),
                                            at.options);
  // Two names of one place look like this: with the front, the store is gone.
  front->reset();
  exists = at.back.exists(at.back_uri);
  if (back.error() == errc::already_exists && exists && !*exists)
    return fail(errc::invalid_argument, "a store cannot be its own front");
  return back;
}

expected<void> destroy_tiered(const tiered_location& at) {
  auto exists = at.back.exists(at.back_uri);
  if (!exists)
    return fail(exists.error());
  // A front in use tells that the store is.
  if (*exists)
    if (auto ok = clear_front(at.front, at.front_uri); !ok)
      return fail(ok.error().with_context(front_context));
  return at.back.destroy(at.back_uri);
}

/// Makes a function of the engine from one that takes a location.
template <class F>
auto with_location(const engine_finder& find, F f) {
  return [find, f](const uri& x) -> decltype(f(
                                   std::declval<const tiered_location&>())) {
    auto at = locate(find, x);
    if (!at)
      return fail(at.error());
    return f(*at);
  };
}

} // namespace

engine make_tiered_engine(engine_finder find) {
  engine result;
  result.scheme = "tiered";
  result.description
    = "tiered:URI, a store behind a fast one that holds copies; options: "
      "front=URI, front-bytes=N, policy=write-through|write-around, "
      "read-through=yes|no, and those of the store";
  result.create = with_location(find, create_tiered);
  result.open = with_location(find, [](const tiered_location& at) {
    return with_front(at, at.back.open(at.back_uri));
  });
  result.exists = with_location(find, [](const tiered_location& at) {
    return at.back.exists(at.back_uri);
  });
  result.destroy = with_location(find, destroy_tiered);
  result.plain_blobs = with_location(find, [](const tiered_location& at) {
    return at.back.plain_blobs(at.back_uri);
  });
  return result;
}

} // namespace larder::detail
