// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/tier_front.hpp"

#include "larder/header.hpp"

namespace larder::detail {

namespace {

/// Returns whether nothing is lost if the store is destroyed.
expected<bool> is_scratch(backend& store) {
  auto marked = has_front_mark(store);
  if (!marked || *marked)
    return marked;
  // Whoever made it may have ended before it was marked.
  list_request request;
  request.limit = 1;
  do {
    auto page = store.list(request);
    if (!page)
      return fail(page.error());
    if (!page->entries.empty())
      return false;
    request.after = page->next;
  } while (!request.after.empty());
  return true;
}

expected<void> mark(backend& store) {
  bytes blob;
  header{}.encode(blob);
  mutation x{std::string{front_mark},
             std::make_shared<const bytes>(std::move(blob)),
             {}};
  auto outcome = std::move(store.commit({&x, 1})[0]);
  if (!outcome)
    return fail(outcome.error());
  return {};
}

} // namespace

expected<bool> has_front_mark(backend& store) {
  read_request mark;
  mark.key = front_mark;
  mark.part = blob_part::none;
  return store.read({&mark, 1})[0].map(
    [](const std::optional<blob_view>& x) { return x.has_value(); });
}

expected<void> clear_front(const engine& impl, const uri& where,
                           const backend* back) {
  auto exists = impl.exists(where);
  if (!exists)
    return fail(exists.error());
  if (!*exists)
    return {};
  auto opened = impl.open(where);
  if (!opened)
    return fail(opened.error());
  if (back != nullptr && (*opened)->id() == back->id())
    return fail(errc::invalid_argument, "a store cannot be its own front");
  auto scratch = is_scratch(**opened);
  if (!scratch)
    return fail(scratch.error());
  if (!*scratch)
    return fail(errc::already_exists,
                (*opened)->name()
                  + " is a store with keys of its own, not the front of a "
                    "tiered store; name another place");
  opened->reset();
  return impl.destroy(where);
}

expected<std::shared_ptr<backend>>
make_front(const engine& impl, const uri& where, const backend* back) {
  if (auto ok = clear_front(impl, where, back); !ok)
    return fail(ok.error());
  auto created = impl.create(where);
  if (!created)
    return fail(created.error());
  std::shared_ptr<backend> result{created->release(),
                                  [destroy = impl.destroy, where](backend* x) {
                                    delete x;
                                    // What cannot be destroyed now is when the
                                    // store is opened again.
                                    static_cast<void>(destroy(where));
                                  }};
  if (auto ok = mark(*result); !ok)
    return fail(ok.error());
  return result;
}

} // namespace larder::detail
