// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Engines that break their promises, each in one way: what does not find them
/// out finds nothing. All but one are a file store whose wrapper lies.

#pragma once

#include "larder/registry.hpp"

namespace trials {

/// Adds them to a registry, which has them as
/// - `early-ack:DIR`: acknowledges a put and carries it out later,
/// - `late-erase:DIR`: the same with erases,
/// - `half-group:DIR`: carries out a part of each group and the rest later,
/// - `torn-put:DIR`: writes large blobs in two steps,
/// - `unconditional:DIR`: ignores preconditions,
/// - `gap:DIR`: leaves keys out of listings,
/// - `ghost:DIR`: adds a blob that nobody has sent,
/// - `litter:DIR`: leaves files of killed writers,
/// - `stale-lock:DIR`: a killed writer locks out all others,
/// - `ignored-sync:DIR`: takes a failed sync for a success,
/// - `repeated-sync:DIR`: syncs again after a failure.
void add_liars(larder::backend_registry& registry);

} // namespace trials
