// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Engines for tests of actors.

#pragma once

#include "larder/header.hpp"
#include "larder/registry.hpp"
#include "larder/wrappers.hpp"

#include <catch2/catch.hpp>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace larder::test {

/// Makes a store of its own in memory.
inline std::shared_ptr<backend> make_memory() {
  backend_registry registry;
  auto result = (*registry.find("memory"))->create(*uri::parse("memory:"));
  REQUIRE(result);
  return std::move(*result);
}

/// A memory engine with other capabilities.
class disguised_backend : public backend_wrapper {
public:
  disguised_backend(std::shared_ptr<backend> inner,
                    std::function<void(capabilities&)> change)
    : backend_wrapper(std::move(inner)), change_(std::move(change)) {
    // nop
  }

  capabilities caps() const override {
    auto result = backend_wrapper::caps();
    change_(result);
    return result;
  }

private:
  std::function<void(capabilities&)> change_;
};

/// Makes a store in memory that other processes might write to.
inline std::shared_ptr<backend> make_shared_memory() {
  return std::make_shared<disguised_backend>(
    make_memory(), [](capabilities& x) { x.domain = write_domain::machine; });
}

/// An engine that cannot list for a while.
class faulty_listing : public backend_wrapper {
public:
  using backend_wrapper::backend_wrapper;

  bool broken = false;
  size_t good_pages = 0; ///< that are listed all the same

  expected<list_page> list(const list_request& request) override {
    if (broken && good_pages == 0)
      return fail(errc::io_error, "cannot list");
    if (broken)
      --good_pages;
    return backend_wrapper::list(request);
  }
};

/// An engine that cannot read one of its keys.
class damaged_backend : public backend_wrapper {
public:
  damaged_backend(std::shared_ptr<backend> inner, std::string key)
    : backend_wrapper(std::move(inner)), key_(std::move(key)) {
    // nop
  }

  std::vector<read_outcome>
  read(std::span<const read_request> requests) override {
    auto result = backend_wrapper::read(requests);
    for (size_t i = 0; i < requests.size(); ++i)
      if (requests[i].key == key_ && result[i] && *result[i])
        result[i] = fail(errc::corruption, "a checksum is wrong");
    return result;
  }

private:
  std::string key_;
};

/// Calls functions around calls, where another process might come between.
class interfering_backend : public backend_wrapper {
public:
  using backend_wrapper::backend_wrapper;

  std::function<void()> before_commit;
  std::function<void()> after_commit;
  std::function<void()> after_read;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    if (before_commit)
      before_commit();
    auto result = backend_wrapper::commit(batch);
    if (after_commit)
      after_commit();
    return result;
  }

  std::vector<read_outcome>
  read(std::span<const read_request> requests) override {
    auto result = backend_wrapper::read(requests);
    if (after_read)
      after_read();
    return result;
  }
};

/// Reads a whole blob; it must be there.
inline bytes read_blob(backend& engine, const std::string& encoded_key) {
  read_request req{encoded_key, blob_part::all, 0, 0, {}};
  auto outcome = engine.read(std::span{&req, 1});
  REQUIRE(outcome.size() == 1);
  REQUIRE(outcome[0]);
  REQUIRE(*outcome[0]);
  return to_bytes((*outcome[0])->data);
}

inline bool has_blob(backend& engine, const std::string& encoded_key) {
  read_request req{encoded_key, blob_part::none, 0, 0, {}};
  auto outcome = engine.read(std::span{&req, 1});
  return outcome.at(0) && *outcome[0];
}

/// Puts a blob past all actors.
inline void write_blob(backend& engine, const std::string& encoded_key,
                       bytes blob) {
  mutation mut{encoded_key, std::make_shared<const bytes>(std::move(blob)), {}};
  auto outcome = engine.commit(std::span{&mut, 1});
  REQUIRE(outcome.size() == 1);
  REQUIRE(outcome[0]);
}

} // namespace larder::test
