// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/commit.hpp"

#include <utility>

namespace larder::internal {

namespace {

using content_type = mutation::content_type;

expected<content_type> finish_stream(const staged_content& stream,
                                     int64_t last_write) {
  auto prefix = stream.make_prefix(last_write);
  if (!prefix)
    return fail(std::move(prefix.error()));
  if (auto ok = stream.blob->set_prefix(*prefix); !ok)
    return fail(std::move(ok.error()));
  return stream.blob;
}

/// Makes the blob of a key.
expected<content_type> make_content(store_context& ctx, actor_statistics& stats,
                                    const std::string& encoded_key,
                                    const entry& state) {
  if (!state.present)
    return content_type{};
  if (state.new_stream)
    return finish_stream(*state.new_stream, state.meta.last_write);
  auto blob = state.new_blob;
  if (!blob) {
    auto encoded
      = ctx.blobs().encode_measured(encoded_key, state.meta, state.content);
    if (!encoded)
      return fail(std::move(encoded.error()));
    stats.plain_written.add(encoded->plain_size);
    blob = std::make_shared<const bytes>(std::move(encoded->blob));
  }
  if (blob->size() > ctx.caps().max_blob_size)
    return fail(errc::limit_exceeded,
                "a blob of " + std::to_string(blob->size())
                  + " bytes is too large for " + ctx.name());
  stats.stored_written.add(blob->size());
  return blob;
}

} // namespace

expected<void> make_mutations(store_context& ctx, actor_statistics& stats,
                              const std::string& encoded_key,
                              const entry& before, const entry& after,
                              uint64_t group, std::vector<mutation>& out) {
  auto content = make_content(ctx, stats, encoded_key, after);
  if (!content)
    return fail(std::move(content.error()));
  auto& own = out.emplace_back();
  own.key = encoded_key;
  own.content = std::move(*content);
  if (ctx.shared())
    own.condition = before.present ? precondition::matches(before.meta.rev)
                                   : precondition::absent();
  if (group == 0 && !after.side.empty())
    group = ctx.new_group();
  own.group = group;
  for (auto& x : after.side) {
    auto& other = out.emplace_back();
    other.key = x.key;
    if (x.blob) {
      stats.stored_written.add(x.blob->size());
      other.content = x.blob;
    }
    other.condition = x.condition;
    other.group = group;
  }
  return {};
}

commit_outcome& outcome_of_group(std::span<commit_outcome> outcomes) {
  for (auto& x : outcomes)
    if (!x && x.error() != errc::conflict)
      return x;
  return outcomes.front();
}

} // namespace larder::internal
