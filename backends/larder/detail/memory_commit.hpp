// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Writing to a store in memory.

#pragma once

#include "larder/detail/memory_store.hpp"

namespace larder::detail {

/// Carries out mutations and groups; see `backend::commit`.
std::vector<commit_outcome> commit_to_memory(memory_store& store,
                                             std::span<mutation> batch);

/// Starts a blob that grows in memory; see `backend::stage`.
expected<std::unique_ptr<staged_blob>>
stage_in_memory(std::shared_ptr<memory_store> store, std::string_view key,
                uint64_t prefix_size);

} // namespace larder::detail
