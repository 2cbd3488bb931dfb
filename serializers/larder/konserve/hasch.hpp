// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// How konserve names the files of keys: by hasch 0.3.96, a hash of EDN values
/// (https://github.com/replikativ/hasch).

#pragma once

#include "larder/bytes.hpp"
#include "larder/error.hpp"
#include "larder/limits.hpp"
#include "larder/uuid.hpp"
#include "larder/value.hpp"

#include <array>
#include <string>

namespace larder::konserve {

/// A SHA-512 digest.
using hasch_digest = std::array<std::byte, 64>;

/// Returns what hasch's `edn-hash` returns for the same value in Clojure.
///
/// Distinct values can have the same hash, since hasch tells apart less than
/// larder does: `[]` and `[nil]`, `()` and `(nil)`, `\a` and `"a"`. Integers
/// hash by their digits whatever their type, so that Clojure's `1` and `1N` are
/// one here and there; `1M` is the same as `1`, and `1.0M` the same as `1.0`.
///
/// Doubles hash by what `Double.toString` of Java 19 and later returns; older
/// Javas print some of them with a digit too many (JDK-4511638), so that
/// konserve itself does not find such a key again after an update of Java. A
/// tagged element hashes as an `IncognitoTaggedLiteral`, its tag as a symbol.
/// Characters over U+FFFF, which no Java character can be, hash as strings of
/// one character.
/// @returns `invalid_argument` for text that is not UTF-8, `limit_exceeded` for
///          values nested too deep and numbers of more than 100,000 digits
expected<hasch_digest> hasch(const value& x, const limits& lim = {});

/// Returns what hasch's `uuid` returns for `x`: the first 16 bytes of the hash,
/// marked as version 5, with the two highest bits cleared.
/// @returns as `hasch`
expected<uuid> hasch_uuid(const value& x, const limits& lim = {});

/// Returns the name of the file that konserve keeps the value of `key` in:
/// `"UUID.ksv"`.
/// @returns as `hasch`
expected<std::string> file_name(const value& key, const limits& lim = {});

} // namespace larder::konserve
