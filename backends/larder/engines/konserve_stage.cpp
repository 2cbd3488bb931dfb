// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/konserve/names.hpp"
#include "larder/detail/konserve/stage.hpp"
#include "larder/detail/stage_checks.hpp"

#include <cerrno>

namespace larder::detail::ksv {

staged_file::staged_file(std::shared_ptr<store_state> state,
                         std::string_view key, const uuid& id,
                         uint64_t prefix_size)
  : state_(std::move(state)),
    key_(key),
    id_(id),
    prefix_size_(prefix_size),
    metadata_size_(reserved_metadata_size(static_cast<size_t>(prefix_size))),
    value_offset_(max_header_size
                  + state_->config.crypt.sealed_size(metadata_size_)),
    has_prefix_(prefix_size == 0) {
  state_->stages.fetch_add(1, std::memory_order_relaxed);
}

staged_file::~staged_file() {
  state_->stages.fetch_sub(1, std::memory_order_relaxed);
}

expected<std::unique_ptr<staged_file>>
staged_file::make(std::shared_ptr<store_state> state, std::string_view key,
                  const uuid& id, uint64_t prefix_size) {
  if (prefix_size > state->blobs.config().limits.max_metadata_size)
    return fail(errc::limit_exceeded,
                "a prefix of " + std::to_string(prefix_size)
                  + " bytes is more than metadata may have");
  std::unique_ptr<staged_file> result{
    new staged_file(std::move(state), key, id, prefix_size)};
  auto& at = *result->state_;
  if (auto ok
      = result->file_.create_locked(*at.ops, at.config.dir, blob_name(id));
      !ok)
    return fail(ok.error());
  return result;
}

expected<void> staged_file::append(bytes_view data) {
  if (auto ok = check_stage_open(!finished_); !ok)
    return ok;
  auto result = file_.handle().write(data, value_offset_ + size_);
  if (result)
    size_ += data.size();
  else
    finish();
  return result;
}

expected<void> staged_file::set_prefix(bytes_view data) {
  if (auto ok = check_stage_open(!finished_); !ok)
    return ok;
  if (auto ok = check_stage_prefix(data, prefix_size_); !ok)
    return ok;
  prefix_ = to_bytes(data);
  has_prefix_ = true;
  return {};
}

expected<void> staged_file::check_complete(const store_state& state,
                                           const std::string& key) const {
  if (auto ok = check_stage_open(!finished_); !ok)
    return ok;
  return check_stage_complete(&state == state_.get() && key == key_,
                              has_prefix_);
}

expected<bytes> staged_file::read_all() const {
  auto rest = file_.handle().read(value_offset_, static_cast<size_t>(size_));
  if (!rest)
    return rest;
  auto result = prefix_;
  larder::append(result, *rest);
  return result;
}

expected<void> staged_file::write_prefix(const incoming_blob& x,
                                         const private_metadata& own) {
  blob_layout layout; // what has to fill a given room is not compressed
  layout.serializer_id = x.serializer_id;
  auto result = make_prefix(*state_, id_, layout, stored_metadata(x.meta, own),
                            metadata_size_);
  if (!result)
    return fail(result.error());
  if (result->size() != value_offset_)
    return fail(errc::internal, "encrypted metadata have another size than "
                                "planned");
  return file_.handle().write(*result, 0);
}

bool sweep_orphans(store_state& state) {
  std::vector<std::string> found;
  auto err = state.ops->list(state.config.dir,
                             [&](std::string_view name, file_kind kind) {
                               if (classify(name, kind).role == file_role::ours)
                                 found.push_back(state.path(std::string{name}));
                             });
  auto result = err == 0;
  for (auto& path : found)
    result &= sweep_file(*state.ops, path);
  return result;
}

} // namespace larder::detail::ksv
