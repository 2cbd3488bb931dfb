// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "engine.hpp"

#include "commit.hpp"
#include "read.hpp"
#include "schema.hpp"
#include "snapshot.hpp"
#include "store.hpp"

#include "larder/detail/builtin_engines.hpp"
#include "larder/detail/exceptions.hpp"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <filesystem>

namespace larder::detail {

namespace sqlite {

namespace {

constexpr uint64_t max_busy_timeout = 86'400'000;
constexpr uint64_t max_readers = 256;

class sqlite_backend : public backend {
public:
  explicit sqlite_backend(std::shared_ptr<state> store)
    : store_(std::move(store)), committer_(*store_) {
    // nop
  }

  capabilities caps() const override {
    capabilities result;
    result.atomic_groups = true;
    result.ordered_listing = true;
    result.partial_reads = true;
    result.durable = store_->cfg.sync;
    result.concurrent_commits = true;
    result.staging = true;
    result.snapshots = true;
    result.domain = write_domain::machine;
    result.max_key_size = max_key_size;
    result.max_blob_size = max_blob_size;
    return result;
  }

  const uuid& id() const override {
    return store_->id;
  }

  std::string name() const override {
    return to_string(uri{"sqlite", {}, store_->cfg.path, {}});
  }

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    try {
      return committer_.commit(batch);
    } catch (...) { // before anything was done
      return {batch.size(), fail(error_of_exception())};
    }
  }

  std::vector<read_outcome>
  read(std::span<const read_request> requests) override {
    return with_reader<std::vector<read_outcome>>(
      [&](connection& conn) {
        if (requests.size() != 1)
          return read_blobs(conn, requests);
        std::vector<read_outcome> result;
        result.push_back(read_blob(conn, requests[0]));
        return result;
      },
      [&](const error& problem) {
        return std::vector<read_outcome>(requests.size(), fail(problem));
      });
  }

  expected<list_page> list(const list_request& request) override {
    return with_reader<expected<list_page>>(
      [&](connection& conn) { return list_blobs(conn, request); },
      [](const error& problem) { return fail(problem); });
  }

  expected<std::unique_ptr<staged_blob>> stage(std::string_view key,
                                               uint64_t prefix_size) override {
    if (key.size() > max_key_size)
      return fail(errc::limit_exceeded, "the key has more than "
                                          + std::to_string(max_key_size)
                                          + " bytes");
    if (prefix_size > max_prefix_size)
      return fail(errc::limit_exceeded, "header and metadata have more than "
                                          + std::to_string(max_prefix_size)
                                          + " bytes");
    using result_type = expected<std::unique_ptr<staged_blob>>;
    return without_exceptions([&]() -> result_type {
      return std::make_unique<staged>(store_, key, prefix_size);
    });
  }

  expected<std::unique_ptr<backend_snapshot>> open_snapshot() override {
    return without_exceptions([&] { return make_snapshot(store_); });
  }

  std::vector<engine_figure> figures() const override {
    std::vector<engine_figure> result{
      {"stages", store_->stages.load(std::memory_order_relaxed)},
      {"transactions-total", store_->out.commits()},
      {"checkpoints-total", store_->out.checkpoints()}};
    if (auto conn = store_->readers.acquire()) {
      auto page_size = (**conn).integer_of("PRAGMA page_size");
      auto add = [&](const char* name, const char* pragma) {
        auto pages = (**conn).integer_of(pragma);
        if (pages && page_size)
          result.push_back({name, static_cast<uint64_t>(*pages * *page_size)});
      };
      add("file-bytes", "PRAGMA page_count");
      add("unused-bytes", "PRAGMA freelist_count");
    }
    auto& path = store_->cfg.path;
    struct stat log {};
    if (::stat((path + "-wal").c_str(), &log) == 0)
      result.push_back({"log-bytes", static_cast<uint64_t>(log.st_size)});
    struct statvfs medium {};
    if (::statvfs(path.c_str(), &medium) == 0)
      result.push_back({"free-bytes", medium.f_bavail * medium.f_frsize});
    return result;
  }

private:
  /// Calls `f` with a connection, or `refuse` with the reason why there is
  /// none.
  template <class R, class F, class Refuse>
  R with_reader(F f, Refuse refuse) {
    try {
      auto conn = store_->readers.acquire();
      if (!conn)
        return refuse(conn.error());
      return f(**conn);
    } catch (...) {
      return refuse(error_of_exception());
    }
  }

  std::shared_ptr<state> store_;
  committer committer_;
};

// -- options ------------------------------------------------------------------

tl::unexpected<error> invalid(std::string message) {
  return fail(errc::invalid_argument, std::move(message));
}

/// Returns the path that all names of the file have in common.
expected<std::string> real_path(const std::string& path) {
  std::error_code err;
  auto result = std::filesystem::absolute(path, err);
  if (!err)
    result = std::filesystem::weakly_canonical(result, err);
  if (err)
    return fail(errc::io_error,
                "cannot resolve " + path + ": " + err.message());
  return result.string();
}

expected<config> parse_config(uri x) {
  if (!x.authority.empty())
    return invalid("sqlite: has no host; write sqlite:FILE or sqlite:/FILE");
  if (x.path.empty() || x.path.ends_with('/'))
    return invalid("which file? write sqlite:FILE");
  auto sync = x.take_flag("sync", true);
  if (!sync)
    return fail(sync.error());
  auto timeout = x.take_number("busy-timeout", 10'000);
  if (!timeout)
    return fail(timeout.error());
  if (*timeout > max_busy_timeout)
    return invalid("busy-timeout must be at most "
                   + std::to_string(max_busy_timeout) + " (milliseconds)");
  auto readers = x.take_number("readers", 16);
  if (!readers)
    return fail(readers.error());
  if (*readers < 1 || *readers > max_readers)
    return invalid("readers must be from 1 to " + std::to_string(max_readers));
  if (auto ok = x.check_all_taken(); !ok)
    return fail(ok.error());
  return real_path(x.path).map([&](std::string path) {
    return config{std::move(path), *sync,
                  std::chrono::milliseconds{static_cast<int64_t>(*timeout)},
                  static_cast<size_t>(*readers)};
  });
}

} // namespace

std::unique_ptr<backend> make_backend(std::shared_ptr<state> store) {
  return std::make_unique<sqlite_backend>(std::move(store));
}

} // namespace sqlite

engine make_sqlite_engine() {
  using namespace sqlite;
  return {"sqlite",
          "sqlite:FILE, one SQLite database; options: sync=on|off, "
          "busy-timeout=MILLISECONDS, readers=N",
          with_config(parse_config, create_store),
          with_config(parse_config, open_store),
          with_config(parse_config, store_exists),
          with_config(parse_config, destroy_store)};
}

} // namespace larder::detail
