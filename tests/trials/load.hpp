// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What a writer does until it is killed.

#pragma once

#include "trials/notes.hpp"

#include "larder/backend.hpp"

#include <memory>

namespace trials {

struct load_options {
  unsigned writer = 0;
  /// Makes the versions of this process different from all others.
  uint64_t round = 0;
  uint64_t seed = 0;
};

/// Several threads put, overwrite, erase, stage, commit groups and transfer
/// amounts between accounts; one more lists and reads. All of it is noted
/// before and after. Returns never: somebody has to kill the process.
[[noreturn]] void run_load(larder::backend& store, notebook& notes,
                           const load_options& options);

} // namespace trials
