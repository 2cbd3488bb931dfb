// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// How values look in CBOR (RFC 8949), shared by encoder and decoder.
///
///     nil, boolean       null, false, true
///     integer            major types 0 and 1, beyond 64 bits tags 2 and 3
///     real               the shortest float that has the same value
///     decimal            tag 4 [exponent, mantissa]
///     string, bytes      text string, byte string
///     keyword            tag 39 ":name"
///     symbol             tag 39 "name"; ":…" as tag 27 ["larder/symbol", "…"]
///     character          tag 27 ["clojure/char", "x"]
///     uuid               tag 37 with 16 bytes
///     instant            tag 0 "2026-11-22T05:01:50.539Z", outside of the
///     years
///                        0 to 9999 tag 27 ["larder/instant", milliseconds]
///     vector, map, set   array, map, tag 258 array
///     list               tag 27 ["larder/list", array]
///     tagged element     tag 27 [tag, content], and for tags that have another
///                        meaning here ["larder/tagged", [tag, content]]
///
/// This is what konserve writes with its "boring" serializer in plain profile
/// wherever that has a form of its own.

#pragma once

#include "larder/bytes.hpp"
#include "larder/error.hpp"
#include "larder/limits.hpp"
#include "larder/value.hpp"

#include <cstdint>
#include <string_view>

namespace larder::detail::cbor {

enum class major : uint8_t {
  natural,
  negative,
  bytes,
  text,
  array,
  map,
  tag,
  simple,
};

constexpr uint64_t tag_date_time = 0;
constexpr uint64_t tag_big_natural = 2;
constexpr uint64_t tag_big_negative = 3;
constexpr uint64_t tag_decimal = 4;
constexpr uint64_t tag_object = 27;
constexpr uint64_t tag_uuid = 37;
constexpr uint64_t tag_identifier = 39;
constexpr uint64_t tag_set = 258;
constexpr uint64_t tag_self_described = 55799;

constexpr std::string_view type_character = "clojure/char";
constexpr std::string_view type_instant = "larder/instant";
constexpr std::string_view type_list = "larder/list";
constexpr std::string_view type_symbol = "larder/symbol";
constexpr std::string_view type_tagged = "larder/tagged";

/// Appends the deterministic encoding (RFC 8949, section 4.2.1) of `x`.
/// @returns `invalid_argument`, `out` being as before
expected<void> encode(const value& x, bytes& out);

/// Decodes all of `in`.
/// @returns `corruption`, `limit_exceeded`
expected<value> decode(bytes_view in, size_t max_depth);

} // namespace larder::detail::cbor
