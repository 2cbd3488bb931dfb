// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/describe.hpp"

#include <limits>

namespace larder::internal {

namespace {

value key(std::string_view name) {
  return value::keyword(name);
}

value domain_name(write_domain x) {
  switch (x) {
    case write_domain::process:
      return key("process");
    case write_domain::machine:
      return key("machine");
    case write_domain::global:
      return key("global");
  }
  return {};
}

/// Limits that do not limit are nil.
value limit(uint64_t x) {
  return x == std::numeric_limits<uint64_t>::max() ? value{} : value{x};
}

} // namespace

value describe(const store_context& ctx) {
  auto& cfg = ctx.config();
  auto& caps = ctx.caps();
  std::vector<value> functions;
  for (auto& name : cfg.functions.names())
    functions.emplace_back(name);
  std::vector<value> validators;
  for (auto& x : cfg.validators)
    validators.emplace_back(x.name);
  return value::map({
    {key("name"), ctx.name()},
    {key("id"), ctx.blobs().store()},
    {key("engine"), value::map({
                      {key("atomic-groups"), caps.atomic_groups},
                      {key("plain-blobs"), caps.plain_blobs},
                      {key("ordered-listing"), caps.ordered_listing},
                      {key("partial-reads"), caps.partial_reads},
                      {key("durable"), caps.durable},
                      {key("staging"), caps.staging},
                      {key("snapshots"), caps.snapshots},
                      {key("domain"), domain_name(caps.domain)},
                      {key("max-key-size"), limit(caps.max_key_size)},
                      {key("max-blob-size"), limit(caps.max_blob_size)},
                    })},
    {key("chain"),
     value::map({
       {key("serializer"), codec_name(cfg.chain.write_serializer)},
       {key("compressor"), codec_name(cfg.chain.write_compressor)},
       {key("encryptor"), codec_name(cfg.chain.write_encryptor)},
     })},
    {key("actors"), value::map({
                      {key("key-actors"), cfg.key_actors},
                      {key("readers"), cfg.readers},
                    })},
    {key("limits"),
     value::map({
       {key("cache-size"), cfg.cache_size},
       {key("max-pending-operations"), cfg.max_pending_operations},
       {key("max-pending-bytes"), cfg.max_pending_bytes},
       {key("max-message-size"), cfg.max_message_size},
       {key("max-streams"), cfg.max_streams},
       {key("max-watches"), cfg.max_watches},
       {key("watch-buffer-bytes"), cfg.watch_buffer_bytes},
       {key("watch-timeout"), cfg.watch_timeout.count()},
     })},
    {key("functions"), value::vector(std::move(functions))},
    {key("validators"), value::vector(std::move(validators))},
    // Of several processes on one engine, each reports its own changes.
    {key("watching"), key(ctx.shared() ? "own-changes" : "all-changes")},
  });
}

value codec_name(const codec* x) {
  return x != nullptr ? x->name() : std::string_view{"none"};
}

} // namespace larder::internal
