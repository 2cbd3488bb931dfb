// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Backends around backends.

#pragma once

#include "larder/backend.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace larder {

/// Passes every call on; a base for wrappers that change only some.
class backend_wrapper : public backend {
public:
  explicit backend_wrapper(std::shared_ptr<backend> inner);

  capabilities caps() const override;
  const uuid& id() const override;
  std::string name() const override;
  std::vector<commit_outcome> commit(std::span<mutation> batch) override;
  std::vector<read_outcome>
  read(std::span<const read_request> requests) override;
  expected<list_page> list(const list_request& request) override;
  expected<std::unique_ptr<staged_blob>> stage(std::string_view key,
                                               uint64_t prefix_size) override;
  expected<std::unique_ptr<backend_snapshot>> open_snapshot() override;
  std::vector<engine_figure> figures() const override;

  backend& inner() const noexcept {
    return *inner_;
  }

private:
  std::shared_ptr<backend> inner_;
};

/// Refuses everything that would change the store as `unsupported`; what reads
/// passes. The URI for it is `readonly:URI`.
class readonly_backend : public backend_wrapper {
public:
  using backend_wrapper::backend_wrapper;

  /// Those of the store, without staging.
  capabilities caps() const override;
  std::vector<commit_outcome> commit(std::span<mutation> batch) override;
  expected<std::unique_ptr<staged_blob>> stage(std::string_view key,
                                               uint64_t prefix_size) override;
};

/// The calls that a wrapper can tell apart: those of staged blobs are `append`
/// and `set_prefix`, those of snapshots count as `read` and `list`.
enum class backend_call : uint8_t {
  commit,
  read,
  list,
  stage,
  append,
  set_prefix,
  open_snapshot,
};

/// Makes calls fail on purpose, without passing them on. Thread-safe.
class fault_injecting_backend : public backend_wrapper {
public:
  explicit fault_injecting_backend(std::shared_ptr<backend> inner);

  /// Decides for each mutation or request whether it fails: the function gets
  /// the call and the key (`list`: the prefix,
  /// `open_snapshot`: none) and returns the error, or
  /// nothing to let it pass. It is called by one thread at a time and must not
  /// call the backend.
  using decide_fn = std::function<std::optional<error>(backend_call call,
                                                       std::string_view key)>;

  /// Replaces the decision; an empty function lets everything pass.
  void inject(decide_fn f);

  /// The mutations that are not to fail go on as one batch, except those of a
  /// group of which another is to fail: they answer `conflict`.
  std::vector<commit_outcome> commit(std::span<mutation> batch) override;
  std::vector<read_outcome>
  read(std::span<const read_request> requests) override;
  expected<list_page> list(const list_request& request) override;
  expected<std::unique_ptr<staged_blob>> stage(std::string_view key,
                                               uint64_t prefix_size) override;
  expected<std::unique_ptr<backend_snapshot>> open_snapshot() override;

private:
  /// Shared with the staged blobs and the snapshots.
  class decision;
  class faulty_staged_blob;
  class faulty_snapshot;

  std::shared_ptr<decision> decision_;
};

/// One call as it was seen by a recording backend. Each key (of a listing: the
/// prefix, of `open_snapshot` nothing) has its entry in `succeeded`.
struct recorded_call {
  backend_call call;
  std::vector<std::string> keys;
  std::vector<bool> succeeded;

  friend bool operator==(const recorded_call&, const recorded_call&) = default;
};

/// Keeps a record of all calls but those of staged blobs and snapshots, in the
/// order in which they returned. Thread-safe.
class recording_backend : public backend_wrapper {
public:
  using backend_wrapper::backend_wrapper;

  /// Returns the calls so far and forgets them.
  std::vector<recorded_call> take_calls();

  std::vector<commit_outcome> commit(std::span<mutation> batch) override;
  std::vector<read_outcome>
  read(std::span<const read_request> requests) override;
  expected<list_page> list(const list_request& request) override;
  expected<std::unique_ptr<staged_blob>> stage(std::string_view key,
                                               uint64_t prefix_size) override;
  expected<std::unique_ptr<backend_snapshot>> open_snapshot() override;

private:
  void record(recorded_call x);

  std::mutex mutex_;
  std::vector<recorded_call> calls_;
};

} // namespace larder
