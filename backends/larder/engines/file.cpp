// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/builtin_engines.hpp"
#include "larder/detail/exceptions.hpp"
#include "larder/detail/file/commit.hpp"
#include "larder/detail/file/identity.hpp"
#include "larder/detail/file/list.hpp"
#include "larder/detail/file/read.hpp"
#include "larder/detail/file/stage.hpp"
#include "larder/detail/file/store.hpp"

#include <sys/statvfs.h>

namespace larder::detail {

namespace {

constexpr uint64_t default_threads = 16;
constexpr uint64_t max_threads = 256;

class file_backend : public backend {
public:
  explicit file_backend(std::shared_ptr<file_state> state)
    : state_(std::move(state)) {
    // nop
  }

  capabilities caps() const override {
    capabilities result;
    result.atomic_groups = true;
    result.partial_reads = true;
    result.durable = state_->config.sync;
    result.staging = true;
    result.domain = state_->config.shared ? write_domain::machine
                                          : write_domain::process;
    result.max_key_size = max_key_size;
    return result;
  }

  const uuid& id() const override {
    return state_->id;
  }

  std::string name() const override {
    return to_string(uri{"file", {}, state_->config.dir, {}});
  }

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    std::lock_guard guard{state_->writing};
    try {
      return file_commit{*state_, batch}.run();
    } catch (...) {
      return {batch.size(), fail(error_of_exception(true))};
    }
  }

  std::vector<read_outcome>
  read(std::span<const read_request> requests) override {
    std::vector<read_outcome> result;
    result.reserve(requests.size());
    auto read_all = [&] {
      result.clear();
      for (auto& x : requests)
        result.push_back(read_one(x));
    };
    expected<void> ok;
    if (requests.size() > 1) {
      ok = state_->groups.read_whole(read_all);
    } else {
      read_all();
      ok = wait_for_groups();
    }
    if (!ok)
      return {requests.size(), fail(ok.error())};
    return result;
  }

  expected<list_page> list(const list_request& request) override {
    return without_exceptions([&]() -> expected<list_page> {
      auto result = list_files(*state_, request);
      if (auto ok = wait_for_groups(); !ok)
        return fail(ok.error());
      return result;
    });
  }

  expected<std::unique_ptr<staged_blob>> stage(std::string_view key,
                                               uint64_t prefix_size) override {
    if (auto ok = check_key(key); !ok)
      return fail(ok.error());
    return without_exceptions(
      [&] { return file_staged_blob::make(state_, key, prefix_size); });
  }

  std::vector<engine_figure> figures() const override {
    std::vector<engine_figure> result{
      {"stages", state_->stages.load(std::memory_order_relaxed)},
      {"syncs-total", state_->ops->syncs()}};
    struct statvfs medium {};
    if (::statvfs(state_->config.dir.c_str(), &medium) == 0)
      result.push_back({"free-bytes", medium.f_bavail * medium.f_frsize});
    return result;
  }

private:
  /// What was read may be of a group that is not wholly visible yet: then it is
  /// when this returns.
  expected<void> wait_for_groups() {
    if (auto ok = state_->groups.version(); !ok)
      return fail(ok.error());
    return {};
  }

  read_outcome read_one(const read_request& request) {
    return without_exceptions([&] {
      auto name = name_of(request.key);
      return read_blob(*state_->ops, state_->path(name), name.is_long, request);
    });
  }

  std::shared_ptr<file_state> state_;
};

// -- engine -------------------------------------------------------------------

expected<file_config> parse_config(uri x) {
  auto dir = directory_of(x);
  if (!dir)
    return fail(dir.error());
  auto sync = x.take_flag("sync", true);
  if (!sync)
    return fail(sync.error());
  auto shared = x.take_flag("shared", true);
  if (!shared)
    return fail(shared.error());
  auto threads = x.take_number("threads", default_threads);
  if (!threads)
    return fail(threads.error());
  if (*threads < 1 || *threads > max_threads)
    return fail(errc::invalid_argument,
                "threads must be from 1 to " + std::to_string(max_threads));
  if (auto ok = x.check_all_taken(); !ok)
    return fail(ok.error());
  return file_config{std::move(*dir), *sync, *shared,
                     static_cast<size_t>(*threads)};
}

std::shared_ptr<file_ops> real_ops() {
  return std::make_shared<file_ops>();
}

} // namespace

std::unique_ptr<backend> make_file_backend(std::shared_ptr<file_state> state) {
  return std::make_unique<file_backend>(std::move(state));
}

engine make_file_engine() {
  return {"file",
          "file:DIR, one file per key; options: sync=on|off, shared=yes|no, "
          "threads=N",
          with_config(parse_config,
                      [](file_config config) {
                        return create_file_store(std::move(config), real_ops());
                      }),
          with_config(parse_config,
                      [](file_config config) {
                        return open_file_store(std::move(config), real_ops());
                      }),
          with_config(parse_config,
                      [](file_config config) {
                        return file_store_exists(config.dir, *real_ops());
                      }),
          with_config(parse_config, [](file_config config) {
            return destroy_file_store(config, real_ops());
          })};
}

} // namespace larder::detail
