// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Lets the compliance suite check the engine `konserve`. Its keys and blobs
/// are any bytes, which a konserve store cannot keep: here each key becomes a
/// string, and each blob a binary with the same revision. What the suite then
/// sees of the contract is the engine's own doing.

#pragma once

#include "larder/chunks.hpp"
#include "larder/detail/blob_part.hpp"
#include "larder/key.hpp"
#include "larder/registry.hpp"

namespace larder::test {

/// Each byte as one character of two bytes, from U+0100 on, so that prefixes
/// and order stay and sizes do not depend on the bytes.
inline std::string disguised_key(std::string_view key) {
  std::string result = "\"";
  for (auto c : key) {
    auto x = static_cast<unsigned char>(c);
    result += static_cast<char>(0xC4 | x >> 6);
    result += static_cast<char>(0x80 | (x & 0x3F));
  }
  return result;
}

inline std::string plain_key(std::string_view key) {
  std::string result;
  for (size_t i = 1; i + 1 < key.size(); i += 2)
    result += static_cast<char>((key[i] & 3) << 6 | (key[i + 1] & 0x3F));
  return result;
}

/// The metadata of a disguised blob, of which the first bytes are `head`.
inline metadata disguised_metadata(std::string_view key, bytes_view head,
                                   const revision& rev) {
  metadata result;
  result.key = decode_key(key).value();
  result.type = content_type::binary;
  result.last_write = 1'700'000'000'000;
  result.extras = value::map({{value::keyword("head"), to_bytes(head)}});
  result.rev = rev;
  return result;
}

inline revision revision_in(bytes_view blob) {
  auto h = header::decode(blob);
  return h ? h->rev : revision{uuid::random().data};
}

/// A staged blob whose prefix becomes metadata, since it comes last.
class disguised_stage : public staged_blob {
public:
  disguised_stage(const chain& ch, std::string key, uint64_t prefix_size,
                  backend& engine)
    : chain_(ch), key_(std::move(key)), prefix_(prefix_size) {
    if (auto size = start({}).prefix_size())
      if (auto stage = engine.stage(key_, *size))
        inner_ = std::move(*stage);
  }

  expected<void> append(bytes_view data) override {
    auto result = inner_->append(data);
    if (result)
      size_ += data.size();
    return result;
  }

  expected<void> set_prefix(bytes_view data) override {
    if (auto open = inner_->append({}); !open)
      return open;
    if (data.size() != prefix_.size())
      return fail(errc::invalid_argument, "a prefix of another size");
    prefix_ = to_bytes(data);
    has_prefix_ = true;
    return {};
  }

  /// The staged blob below, complete unless the prefix is missing.
  expected<std::shared_ptr<staged_blob>> finish(const std::string& key) {
    if (key != key_ || (!has_prefix_ && !prefix_.empty()))
      return fail(errc::invalid_argument, "not complete, or another key's");
    auto out = start(revision_in(prefix_));
    bytes ignored;
    bytes zeros(size_t{64} << 10);
    for (uint64_t left = size_; left > 0;) {
      auto n = std::min<uint64_t>(left, zeros.size());
      ignored.clear();
      std::ignore = out.update(bytes_view{zeros}.first(n), ignored);
      left -= n;
    }
    return out.finish(ignored)
      .and_then([&] { return out.prefix(1'700'000'000'000); })
      .and_then([&](const bytes& prefix) { return inner_->set_prefix(prefix); })
      .map([&] { return inner_; });
  }

  bool valid() const {
    return inner_ != nullptr;
  }

private:
  chunk_encoder start(const revision& rev) const {
    return {chain_, key_, disguised_metadata(key_, prefix_, rev)};
  }

  const chain& chain_;
  std::string key_;
  bytes prefix_;
  bool has_prefix_ = false;
  uint64_t size_ = 0;
  std::shared_ptr<staged_blob> inner_;
};

class disguised_backend : public backend {
public:
  explicit disguised_backend(std::unique_ptr<backend> engine)
    : engine_(std::move(engine)), chain_(engine_->id(), config()) {
    // nop
  }

  capabilities caps() const override {
    auto result = engine_->caps();
    result.plain_blobs = false; // the suite's blobs are of all kinds
    result.partial_reads = false;
    result.max_key_size = (result.max_key_size - 1) / 2;
    return result;
  }

  const uuid& id() const override {
    return engine_->id();
  }

  std::string name() const override {
    return engine_->name();
  }

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    std::vector<commit_outcome> result(batch.size());
    std::vector<mutation> inner;
    std::vector<size_t> places;
    for (size_t i = 0; i < batch.size(); ++i) {
      auto x = disguise(batch[i]);
      if (!x) {
        result[i] = fail(x.error());
        continue;
      }
      inner.push_back(std::move(*x));
      places.push_back(i);
    }
    auto outcomes = engine_->commit(inner);
    for (size_t i = 0; i < places.size(); ++i)
      result[places[i]] = std::move(outcomes[i]);
    return result;
  }

  std::vector<read_outcome>
  read(std::span<const read_request> requests) override {
    std::vector<read_outcome> result;
    for (auto& x : requests)
      result.push_back(read_one(x));
    return result;
  }

  expected<list_page> list(const list_request& request) override {
    auto inner = request;
    inner.prefix = disguised_key(request.prefix);
    if (inner.part <= blob_part::metadata)
      inner.part = blob_part::none;
    auto page = engine_->list(inner);
    if (!page)
      return page;
    list_page result{{}, page->next};
    for (auto& x : page->entries) {
      auto key = plain_key(x.key);
      auto blob = read_one({key, request.part, 0, 0, std::nullopt});
      if (blob && !*blob)
        continue; // erased meanwhile
      result.entries.push_back(
        {key, blob ? expected<blob_view>{**blob} : fail(blob.error())});
    }
    return result;
  }

  expected<std::unique_ptr<staged_blob>> stage(std::string_view key,
                                               uint64_t prefix_size) override {
    auto result = std::make_unique<disguised_stage>(chain_, disguised_key(key),
                                                    prefix_size, *engine_);
    if (!result->valid())
      return fail(errc::limit_exceeded, "the key is too large");
    return result;
  }

private:
  static chain_config config() {
    auto result = make_chain_config(std::make_shared<const codec_registry>(),
                                    "fressian", "none", "none", nullptr)
                    .value();
    result.plain_binaries = true;
    return result;
  }

  expected<mutation> disguise(const mutation& x) const {
    auto result = x;
    result.key = disguised_key(x.key);
    if (auto* staged = std::get_if<std::shared_ptr<staged_blob>>(&x.content)) {
      auto* mine = dynamic_cast<disguised_stage*>(staged->get());
      if (mine == nullptr)
        return fail(errc::invalid_argument, "not staged here");
      auto inner = mine->finish(result.key);
      if (!inner)
        return fail(inner.error());
      result.content = *inner;
    }
    auto* blob = std::get_if<std::shared_ptr<const bytes>>(&x.content);
    if (blob == nullptr || *blob == nullptr)
      return result;
    chunk_encoder out{chain_, result.key,
                      disguised_metadata(result.key, {}, revision_in(**blob))};
    bytes rest;
    std::ignore = out.update(**blob, rest);
    std::ignore = out.finish(rest);
    auto all = out.prefix(1'700'000'000'000);
    if (!all)
      return fail(all.error());
    append(*all, rest);
    result.content = std::make_shared<const bytes>(std::move(*all));
    return result;
  }

  read_outcome read_one(const read_request& request) {
    auto inner = request;
    inner.key = disguised_key(request.key);
    inner.part = blob_part::all;
    auto found = std::move(engine_->read(std::span{&inner, 1}).front());
    if (!found || !*found)
      return found;
    auto blob = (*found)->data;
    auto meta = chain_.decode_metadata(inner.key, blob);
    if (!meta)
      return fail(meta.error());
    auto data = std::make_shared<bytes>(
      to_bytes(meta->extras.find(value::keyword("head"))->as_bytes()));
    append(*data, blob.subspan(header::decode(blob)->value_offset()));
    return blob_view{
      detail::slice(*data, request.part, request.offset, request.length),
      data->size(), data};
  }

  std::unique_ptr<backend> engine_;
  chain chain_;
};

/// The engine under the scheme `disguised-konserve`.
inline engine disguised_konserve() {
  static const backend_registry engines;
  auto result = **engines.find("konserve");
  auto inner = result;
  result.scheme = "disguised-konserve";
  auto wrap = [](expected<std::unique_ptr<backend>> x) {
    return std::move(x).map(
      [](std::unique_ptr<backend> y) -> std::unique_ptr<backend> {
        return std::make_unique<disguised_backend>(std::move(y));
      });
  };
  result.create = [=](const uri& x) { return wrap(inner.create(x)); };
  result.open = [=](const uri& x) { return wrap(inner.open(x)); };
  result.plain_blobs = [](const uri&) -> expected<bool> { return false; };
  return result;
}

} // namespace larder::test
