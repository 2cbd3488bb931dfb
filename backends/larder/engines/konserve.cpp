// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/builtin_engines.hpp"
#include "larder/detail/exceptions.hpp"
#include "larder/detail/file/identity.hpp"
#include "larder/detail/konserve/commit.hpp"
#include "larder/detail/konserve/list.hpp"
#include "larder/detail/konserve/read.hpp"
#include "larder/detail/konserve/stage.hpp"
#include "larder/detail/konserve/store.hpp"

#include <sys/statvfs.h>

namespace larder::detail {

namespace ksv {

namespace {

class konserve_backend : public backend {
public:
  explicit konserve_backend(std::shared_ptr<store_state> state)
    : state_(std::move(state)) {
    // nop
  }

  capabilities caps() const override {
    capabilities result;
    result.partial_reads = true;
    result.durable = state_->config.sync;
    result.staging = true;
    result.plain_blobs = true;
    result.domain = write_domain::machine;
    result.max_key_size = max_key_size;
    return result;
  }

  const uuid& id() const override {
    return state_->id;
  }

  std::string name() const override {
    return to_string(uri{"konserve", {}, state_->config.dir, {}});
  }

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    std::lock_guard guard{state_->writing};
    try {
      return batch_commit{*state_, batch}.run();
    } catch (...) {
      return {batch.size(), fail(error_of_exception(true))};
    }
  }

  std::vector<read_outcome>
  read(std::span<const read_request> requests) override {
    std::vector<read_outcome> result;
    result.reserve(requests.size());
    for (auto& x : requests)
      result.push_back(
        without_exceptions([&] { return read_key(*state_, x); }));
    return result;
  }

  expected<list_page> list(const list_request& request) override {
    return without_exceptions([&] { return list_files(*state_, request); });
  }

  expected<std::unique_ptr<staged_blob>> stage(std::string_view key,
                                               uint64_t prefix_size) override {
    using result_type = expected<std::unique_ptr<staged_blob>>;
    return without_exceptions([&]() -> result_type {
      value decoded;
      auto id = blob_id(key, decoded);
      if (!id)
        return fail(id.error());
      return staged_file::make(state_, key, *id, prefix_size);
    });
  }

  std::vector<engine_figure> figures() const override {
    auto counts = state_->windows.counts();
    std::vector<engine_figure> result{
      {"stages", state_->stages.load(std::memory_order_relaxed)},
      {"syncs-total", state_->ops->syncs()},
      {"foreign-files", counts.foreign},
      {"old-files", counts.old},
      {"orphan-nodes", state_->orphans.load(std::memory_order_relaxed)},
      {"migrated-total", state_->migrated.load(std::memory_order_relaxed)}};
    struct statvfs medium {};
    if (::statvfs(state_->config.dir.c_str(), &medium) == 0)
      result.push_back({"free-bytes", medium.f_bavail * medium.f_frsize});
    return result;
  }

private:
  std::shared_ptr<store_state> state_;
};

// -- engine -------------------------------------------------------------------

expected<bool> take_fencing(uri& x) {
  auto fence = x.take("fence", "existing");
  if (fence == "yes" || fence == "existing")
    return fence == "yes";
  return fail(errc::invalid_argument, "fence must be yes or existing");
}

expected<std::optional<uuid>> take_id(uri& x) {
  auto text = x.take("id");
  if (text.empty())
    return std::nullopt;
  auto result = uuid::parse(text);
  if (!result || *result == uuid{})
    return fail(errc::invalid_argument, "id must be a UUID");
  return result;
}

std::shared_ptr<file_ops> real_ops() {
  return std::make_shared<file_ops>();
}

} // namespace

expected<store_config> parse_config(uri x) {
  store_config result;
  auto dir = directory_of(x);
  auto sync = x.take_flag("sync", true);
  auto binaries = x.take_flag("clear-binaries", true);
  auto migrate = x.take_flag("migrate", false);
  auto fences = take_fencing(x);
  auto id = take_id(x);
  auto crypt = sealer::take_options(x);
  if (!dir)
    return fail(dir.error());
  for (auto* flag : {&sync, &binaries, &migrate, &fences})
    if (!*flag)
      return fail(flag->error());
  if (!id)
    return fail(id.error());
  if (!crypt)
    return fail(crypt.error());
  if (auto ok = x.check_all_taken(); !ok)
    return fail(ok.error());
  result.dir = std::move(*dir);
  result.sync = *sync;
  result.clear_binaries = *binaries;
  result.migrate = *migrate;
  result.make_fences = *fences;
  result.id = *id;
  result.crypt = std::move(*crypt);
  return result;
}

std::unique_ptr<backend> make_backend(std::shared_ptr<store_state> state) {
  return std::make_unique<konserve_backend>(std::move(state));
}

} // namespace ksv

engine make_konserve_engine() {
  using namespace ksv;
  engine result;
  result.scheme = "konserve";
  result.description
    = "konserve:DIR, a store of konserve's; options: sync=on|off, key=TEXT, "
      "key-file=FILE, key-env=NAME, encryptor=none|aes-gcm|aes-cbc, "
      "legacy=yes|no, clear-binaries=yes|no, fence=existing|yes, "
      "migrate=yes|no, "
      "id=UUID";
  result.create = with_config(parse_config, [](store_config config) {
    return create_store(std::move(config), real_ops());
  });
  result.open = with_config(parse_config, [](store_config config) {
    return open_store(std::move(config), real_ops());
  });
  result.exists = with_config(parse_config, [](store_config config) {
    return store_exists(config.dir, *real_ops());
  });
  result.destroy = with_config(parse_config, [](store_config config) {
    return destroy_store(config, real_ops());
  });
  result.plain_blobs = [](const uri&) -> expected<bool> { return true; };
  return result;
}

} // namespace larder::detail
