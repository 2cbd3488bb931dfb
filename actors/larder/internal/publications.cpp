// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/publications.hpp"

namespace larder::internal {

namespace {

tl::unexpected<error> damaged(std::string_view what) {
  return fail(errc::corruption,
              "the record of open publications: " + std::string{what}
                + "; docs/collection.md says how to remove it");
}

bool decode_entry(const value::entry& in, publication_map& out) {
  auto& [id, times] = in;
  if (!id.is(value::kind::integer) || !times.is(value::kind::vector)
      || times.size() != 2)
    return false;
  for (auto& x : times.items())
    if (!x.is(value::kind::instant))
      return false;
  out.emplace(static_cast<uint64_t>(id.as_integer()),
              open_publication{times.items()[0].as_instant(),
                               times.items()[1].as_instant()});
  return true;
}

} // namespace

expected<bytes> encode_publications(const chain& blobs,
                                    const publication_map& x,
                                    const revision& rev) {
  std::vector<value::entry> entries;
  for (auto& [id, times] : x)
    entries.emplace_back(static_cast<int64_t>(id),
                         value::vector({value::instant(times.stamp),
                                        value::instant(times.expiry)}));
  metadata meta;
  meta.key = value::keyword("larder/publications");
  meta.rev = rev;
  return blobs.encode(publications_key(), meta, value::map(std::move(entries)));
}

expected<stored_publications> decode_publications(const chain& blobs,
                                                  bytes_view blob) {
  auto doc = blobs.decode(publications_key(), blob);
  if (!doc)
    return damaged(doc.error().message());
  stored_publications result;
  result.rev = doc->meta.rev;
  if (!doc->content.is(value::kind::map))
    return damaged("it is no map");
  for (auto& x : doc->content.entries())
    if (!decode_entry(x, result.open))
      return damaged("an entry is malformed");
  return result;
}

} // namespace larder::internal
