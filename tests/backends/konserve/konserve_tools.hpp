// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "backends/child_process.hpp"
#include "serializers/konserve_samples.hpp"
#include "temp_dir.hpp"

#include "larder/chunks.hpp"
#include "larder/detail/konserve/store.hpp"
#include "larder/key.hpp"
#include "larder/konserve/hasch.hpp"
#include "larder/registry.hpp"

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <string>

namespace larder::test {

inline value kw(std::string_view name) {
  return value::keyword(name);
}

inline value edn(std::string_view text) {
  auto result = parse_edn(text);
  INFO(text);
  REQUIRE(result);
  return *result;
}

inline std::string encoded(const value& key) {
  return encode_key(key).value();
}

inline revision random_revision() {
  return {uuid::random().data};
}

/// The URI of a store in `dir`.
inline uri konserve_uri(const std::string& dir,
                        std::map<std::string, std::string> options = {}) {
  return {"konserve", {}, dir, std::move(options)};
}

inline const engine& konserve_engine() {
  static const backend_registry engines;
  return **engines.find("konserve");
}

/// An open konserve store, as the layers above the engine use it.
class konserve_store {
public:
  explicit konserve_store(std::unique_ptr<backend> engine,
                          const std::string& serializer = "cbor",
                          const std::string& compressor = "none")
    : engine_(std::move(engine)) {
    config_ = make_chain_config(std::make_shared<const codec_registry>(),
                                serializer, compressor, "none", nullptr)
                .value();
    config_.plain_binaries = true;
    chain_ = std::make_unique<chain>(engine_->id(), config_);
  }

  /// Opens what is in `dir`, or makes it.
  static konserve_store open(const std::string& dir,
                             std::map<std::string, std::string> options = {},
                             const std::string& serializer = "cbor",
                             const std::string& compressor = "none") {
    options.emplace("sync", "off"); // unless the test wants it
    auto where = konserve_uri(dir, std::move(options));
    auto& e = konserve_engine();
    auto opened = e.exists(where).value() ? e.open(where) : e.create(where);
    INFO((opened ? "" : to_string(opened.error())));
    REQUIRE(opened);
    return konserve_store{std::move(*opened), serializer, compressor};
  }

  backend& engine() {
    return *engine_;
  }

  const chain& blobs() const {
    return *chain_;
  }

  // -- reading ----------------------------------------------------------------

  read_outcome read(const value& key, blob_part part = blob_part::all) {
    read_request request{encoded(key), part, 0, 0, std::nullopt};
    return std::move(engine_->read(std::span{&request, 1}).front());
  }

  /// Reads and decodes; nothing if there is no such key.
  expected<std::optional<document>> find(const value& key) {
    auto blob = read(key);
    if (!blob)
      return fail(blob.error());
    if (!*blob)
      return std::nullopt;
    return chain_->decode(encoded(key), (*blob)->data).map([](document&& x) {
      return std::optional{std::move(x)};
    });
  }

  document get(const value& key) {
    INFO(to_edn(key));
    auto result = find(key);
    INFO((result ? "" : to_string(result.error())));
    REQUIRE(result);
    REQUIRE(*result);
    return std::move(**result);
  }

  /// Reads a range of a binary as the layers above do.
  expected<bytes> read_binary(const value& key, uint64_t offset = 0,
                              size_t length = 1 << 30) {
    auto name = encoded(key);
    auto head = read(key, blob_part::header);
    if (!head)
      return fail(head.error());
    REQUIRE(*head);
    auto fetch = [&](uint64_t from, size_t n) -> expected<bytes> {
      read_request request{name, blob_part::range, from, n, std::nullopt};
      auto part = std::move(engine_->read(std::span{&request, 1}).front());
      if (!part)
        return fail(part.error());
      return to_bytes((*part)->data);
    };
    return chunk_reader::open(*chain_, name, (*head)->blob_size, fetch)
      .and_then([&](const chunk_reader& x) { return x.read(offset, length); });
  }

  std::vector<list_entry> list(blob_part part = blob_part::metadata,
                               std::string prefix = {}, size_t limit = 7) {
    std::vector<list_entry> result;
    list_request request{std::move(prefix), {}, limit, part};
    do {
      auto page = engine_->list(request);
      INFO((page ? "" : to_string(page.error())));
      REQUIRE(page);
      for (auto& x : page->entries)
        result.push_back(std::move(x));
      request.after = page->next;
    } while (!request.after.empty());
    return result;
  }

  /// The encoded keys of a listing.
  std::set<std::string> keys(const std::string& prefix = {}) {
    std::set<std::string> result;
    for (auto& x : list(blob_part::none, prefix))
      CHECK(result.insert(x.key).second);
    return result;
  }

  // -- writing ----------------------------------------------------------------

  metadata meta_of(const value& key, content_type type = content_type::edn) {
    metadata result;
    result.key = key;
    result.type = type;
    result.last_write = ++clock_;
    result.rev = random_revision();
    return result;
  }

  std::shared_ptr<const bytes> encode(const metadata& meta,
                                      const value& content) {
    auto blob = chain_->encode(encoded(meta.key), meta, content);
    INFO((blob ? "" : to_string(blob.error())));
    REQUIRE(blob);
    return std::make_shared<const bytes>(std::move(*blob));
  }

  std::shared_ptr<const bytes> encode_binary(const metadata& meta,
                                             bytes_view content) {
    chunk_encoder out{*chain_, encoded(meta.key), meta};
    bytes rest;
    REQUIRE(out.update(content, rest));
    REQUIRE(out.finish(rest));
    auto blob = out.prefix(meta.last_write).value();
    append(blob, rest);
    return std::make_shared<const bytes>(std::move(blob));
  }

  commit_outcome commit(const value& key, mutation::content_type content,
                        precondition condition = {}) {
    mutation x{encoded(key), std::move(content), condition};
    return std::move(engine_->commit(std::span{&x, 1}).front());
  }

  commit_outcome put(const metadata& meta, const value& content,
                     precondition condition = {}) {
    return commit(meta.key, encode(meta, content), condition);
  }

  commit_outcome put(const value& key, const value& content,
                     precondition condition = {}) {
    return put(meta_of(key), content, condition);
  }

  commit_outcome erase(const value& key, precondition condition = {}) {
    return commit(key, std::monostate{}, condition);
  }

  revision revision_of(const value& key) {
    auto head = read(key, blob_part::header).value();
    REQUIRE(head);
    return header::decode(head->data).value().rev;
  }

  void must_put(const value& key, const value& content) {
    auto result = put(key, content);
    INFO((result ? "" : to_string(result.error())));
    REQUIRE(result);
  }

private:
  std::unique_ptr<backend> engine_;
  chain_config config_;
  std::unique_ptr<chain> chain_;
  int64_t clock_ = 1'700'000'000'000;
};

// -- files --------------------------------------------------------------------

/// The name of the file that a key has.
inline std::string file_of(const value& key) {
  return konserve::file_name(key).value();
}

inline void write_file(const std::string& path, bytes_view content) {
  std::ofstream out{path, std::ios::binary};
  out << as_chars(content);
  REQUIRE(out.flush());
}

/// Replaces the content of a file by as many bytes, in place: much faster where
/// the file system makes files durable that are cut and written anew.
inline void overwrite_file(const std::string& path, bytes_view content) {
  std::fstream out{path, std::ios::binary | std::ios::in | std::ios::out};
  out << as_chars(content);
  REQUIRE(out.flush());
}

/// The names in a directory.
inline std::set<std::string> names_in(const std::filesystem::path& dir) {
  std::set<std::string> result;
  for (auto& x : std::filesystem::directory_iterator{dir})
    result.insert(x.path().filename());
  return result;
}

/// Copies one of the sample stores, so that it can be written to.
inline void copy_sample(const std::string& name, const temp_dir& to) {
  for (auto& x : std::filesystem::directory_iterator{konserve_samples() / name})
    write_file(to / x.path().filename().string(), read_sample(x.path()));
}

/// The code of an error, or "none".
template <class T>
std::string code_of(const expected<T>& x) {
  return x ? "none" : std::string{to_string(x.error().code())};
}

} // namespace larder::test
