// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "commit.hpp"
#include "read.hpp"
#include "snapshot.hpp"
#include "stage.hpp"
#include "store.hpp"

#include "larder/detail/builtin_engines.hpp"
#include "larder/detail/exceptions.hpp"
#include "larder/detail/file/identity.hpp"

namespace larder::detail {

namespace {

struct lmdb_config {
  std::string dir;
  lmdb_write_options options;
};

class lmdb_backend : public backend {
public:
  lmdb_backend(std::shared_ptr<lmdb_environment> env, lmdb_config config)
    : env_(std::move(env)),
      config_(std::move(config)),
      committer_(env_, config_.options) {
    // nop
  }

  capabilities caps() const override {
    capabilities result;
    result.atomic_groups = true;
    result.ordered_listing = true;
    result.partial_reads = true;
    result.durable = config_.options.sync;
    result.concurrent_commits = true;
    result.staging = true;
    result.snapshots = true;
    result.domain = write_domain::machine;
    result.max_key_size = lmdb_max_key_size;
    result.max_blob_size = lmdb_max_blob_size;
    return result;
  }

  const uuid& id() const override {
    return env_->id();
  }

  std::string name() const override {
    return to_string(uri{"lmdb", {}, config_.dir, {}});
  }

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    if (batch.empty())
      return {};
    return committer_.commit(batch);
  }

  std::vector<read_outcome>
  read(std::span<const read_request> requests) override {
    if (requests.empty())
      return {};
    auto reader = env_->begin_read();
    if (!reader)
      return {requests.size(), fail(reader.error())};
    std::vector<read_outcome> result;
    result.reserve(requests.size());
    for (auto& x : requests)
      result.push_back(read_one(reader->txn(), x));
    return result;
  }

  expected<list_page> list(const list_request& request) override {
    return without_exceptions([&] { return lmdb_list(*env_, request); });
  }

  expected<std::unique_ptr<staged_blob>> stage(std::string_view key,
                                               uint64_t prefix_size) override {
    if (auto ok = lmdb_check_key(key); !ok)
      return fail(ok.error());
    if (prefix_size > lmdb_max_prefix_size)
      return fail(errc::limit_exceeded, "header and metadata have more than "
                                          + std::to_string(lmdb_max_prefix_size)
                                          + " bytes");
    using result_type = expected<std::unique_ptr<staged_blob>>;
    return without_exceptions([&]() -> result_type {
      return std::make_unique<lmdb_staged_blob>(env_, config_.options, key,
                                                prefix_size);
    });
  }

  expected<std::unique_ptr<backend_snapshot>> open_snapshot() override {
    return without_exceptions(
      [&] { return make_lmdb_snapshot(env_, config_.options); });
  }

  std::vector<engine_figure> figures() const override {
    return env_->figures();
  }

private:
  read_outcome read_one(MDB_txn* txn, const read_request& request) const {
    return without_exceptions([&] { return lmdb_read(*env_, txn, request); });
  }

  std::shared_ptr<lmdb_environment> env_;
  lmdb_config config_;
  lmdb_committer committer_;
};

// -- engine -------------------------------------------------------------------

expected<lmdb_config> parse_config(uri x) {
  auto dir = directory_of(x);
  if (!dir)
    return fail(dir.error());
  auto sync = x.take_flag("sync", true);
  if (!sync)
    return fail(sync.error());
  auto max_size = x.take_number("max-size", 0);
  if (!max_size)
    return fail(max_size.error());
  if (*max_size != 0 && *max_size < lmdb_environment::initial_size)
    return fail(errc::invalid_argument,
                "max-size must be at least "
                  + std::to_string(lmdb_environment::initial_size));
  if (auto ok = x.check_all_taken(); !ok)
    return fail(ok.error());
  return lmdb_config{std::move(*dir), {*sync, *max_size, 0, 0}};
}

expected<std::unique_ptr<backend>> open_store(lmdb_config config) {
  auto env = lmdb_environment::open(config.dir, std::make_shared<file_ops>());
  if (!env)
    return fail(env.error());
  return std::make_unique<lmdb_backend>(std::move(*env), std::move(config));
}

} // namespace

engine make_lmdb_engine() {
  return {
    "lmdb",
    "lmdb:DIR, a memory-mapped tree in one file; options: sync=on|off, "
    "max-size=BYTES",
    with_config(parse_config,
                [](lmdb_config config) -> expected<std::unique_ptr<backend>> {
                  auto ops = std::make_shared<file_ops>();
                  if (auto ok = create_lmdb_store(config.dir, ops); !ok)
                    return fail(ok.error());
                  return open_store(std::move(config));
                }),
    with_config(parse_config, open_store),
    with_config(parse_config,
                [](lmdb_config config) {
                  file_ops ops;
                  return lmdb_store_exists(config.dir, ops);
                }),
    with_config(parse_config, [](lmdb_config config) {
      return destroy_lmdb_store(config.dir, std::make_shared<file_ops>());
    })};
}

} // namespace larder::detail
