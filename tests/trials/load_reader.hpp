// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Reading during the kill trial: what must hold at any time.

#pragma once

#include "trials/notes.hpp"

#include "larder/backend.hpp"

#include <map>
#include <string>

namespace trials {

/// Reads one blob and checks it.
/// @returns version 0 if there is none
larder::expected<content> read_amount(larder::backend& store,
                                      const std::string& key);

/// Reads all accounts at once.
/// @returns `corruption` if their sum has changed
larder::expected<void> check_sum(larder::backend& store);

/// Goes through all pages, checks what it gets and returns it.
/// @param limit greatest number of keys in a page
larder::expected<std::map<std::string, version>>
list_all(larder::backend& store, size_t limit);

/// Lists, reads accounts and other keys, and complains if anything is wrong.
[[noreturn]] void read_for_ever(larder::backend& store, notebook& notes,
                                uint64_t seed);

} // namespace trials
