// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Checks codecs against the contracts in codec.hpp: for the tests of those who
/// write one. docs/writing-a-codec.md shows how to use it.

#pragma once

#include "larder/codec.hpp"
#include "larder/keyring.hpp"
#include "larder/value.hpp"

#include <string>
#include <vector>

namespace larder {

/// One value or more of each kind, with the corner cases that codecs get wrong.
std::vector<value> sample_values();

/// Each of the functions below runs a codec through its contract, from four
/// threads as well, and describes every violation in a sentence. A codec that
/// keeps the contract gets an empty list. They take a second at most.

/// Checks that every sample survives, that equal values give equal bytes, that
/// instants give equally many, and that damaged input and values over the
/// limits are refused. Of a serializer that only reads: that it refuses to
/// write, and what is no encoding.
std::vector<std::string> check_serializer(const serializer& codec);

/// Checks that all kinds of content survive, that the bound on the result
/// holds, and that damaged input is refused.
std::vector<std::string> check_compressor(const compressor& codec);

/// Checks that only the same bytes with the same key and additional data
/// decrypt, that the overhead is as announced, and that no nonce repeats.
/// @pre `key` and `other` have different secrets
std::vector<std::string> check_encryptor(const encryptor& codec,
                                         const encryption_key& key,
                                         const encryption_key& other);

} // namespace larder
