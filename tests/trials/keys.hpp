// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The keys of the kill trial.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace trials {

constexpr unsigned num_writers = 2;
constexpr unsigned num_threads = 4;
/// Keys that only one thread of one writer changes.
constexpr unsigned keys_per_thread = 20;
/// Keys that all change, and whose amounts always have the same sum.
constexpr unsigned num_accounts = 8;
constexpr uint64_t initial_amount = 1000;

/// Names a key in a few bytes.
using key_index = uint32_t;

constexpr key_index first_account = num_writers * num_threads * keys_per_thread;
constexpr key_index num_keys = first_account + num_accounts;

constexpr key_index own_key(unsigned writer, unsigned thread, unsigned i) {
  return (writer * num_threads + thread) * keys_per_thread + i;
}

constexpr bool is_account(key_index x) {
  return x >= first_account;
}

/// Returns the key; among them are long ones and all kinds of bytes.
std::string key_name(key_index x);

/// Returns which key has this name, if any has.
std::optional<key_index> find_key(const std::string& name);

} // namespace trials
