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
///                        years 0 to 9999 tag 27 ["larder/instant", ms]
///     vector, map, set   array, map, tag 258 array
///     list               tag 27 ["larder/list", array]
///     tagged element     tag 27 [tag, content], and for tags that have another
///                        meaning here ["larder/tagged", [tag, content]]
///
///     #cbor/30 [1 3]     tag 30 [1, 3]: what has a tag but no kind here
///
/// This is what konserve writes with its "boring" serializer in plain profile
/// wherever that has a form of its own. The decoder also reads what the other
/// profiles write: references to strings, metadata (dropped), sorted
/// collections (as others), and an index behind the value (dropped).

#pragma once

#include "larder/bytes.hpp"
#include "larder/error.hpp"
#include "larder/limits.hpp"
#include "larder/metadata.hpp"
#include "larder/value.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

namespace larder::detail::cbor {

/// What headers call the serializer.
constexpr uint8_t serializer_id = 3;

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
constexpr uint64_t tag_epoch_seconds = 1;
constexpr uint64_t tag_big_natural = 2;
constexpr uint64_t tag_big_negative = 3;
constexpr uint64_t tag_decimal = 4;
constexpr uint64_t tag_string_reference = 25;
constexpr uint64_t tag_object = 27;
constexpr uint64_t tag_uuid = 37;
constexpr uint64_t tag_identifier = 39;
constexpr uint64_t tag_string_namespace = 256;
constexpr uint64_t tag_set = 258;
constexpr uint64_t tag_self_described = 55799;

constexpr std::string_view type_character = "clojure/char";
constexpr std::string_view type_instant = "larder/instant";
constexpr std::string_view type_list = "larder/list";
constexpr std::string_view type_symbol = "larder/symbol";
constexpr std::string_view type_tagged = "larder/tagged";
constexpr std::string_view type_sorted_map = "clojure/sorted-map";
constexpr std::string_view type_sorted_set = "clojure/sorted-set";
constexpr std::string_view type_with_metadata = "clojure/with-meta";

/// What tags of elements that stand for tags of CBOR begin with.
constexpr std::string_view opaque_prefix = "cbor/";

/// Whether an item with this tag becomes an element with the tag `cbor/…`, and
/// such an element an item with this tag. These are tags that libraries of
/// Clojure write: rational numbers (30), URIs (32), regular expressions (35),
/// arrays of numbers (40, 64 to 86), days (100, 1004), and durations (1002).
constexpr bool is_opaque_tag(uint64_t tag) noexcept {
  return tag == 30 || tag == 32 || tag == 35 || tag == 40
         || (tag >= 64 && tag <= 86) || tag == 100 || tag == 1002
         || tag == 1004;
}

/// What a decoder takes beyond the tags that all have in common.
struct dialect {
  std::string_view name;  ///< for messages
  bool epoch_seconds;     ///< tag 1, an instant
  bool string_references; ///< tags 25 and 256
  bool objects;           ///< types of tag 27 have the meanings above
  bool index_frame;       ///< may follow the value
};

/// What the encoder writes, and all that boring writes.
constexpr dialect boring_dialect{"cbor", false, true, true, true};

/// What clj-cbor writes.
constexpr dialect clj_cbor_dialect{"clj-cbor", true, false, false, false};

/// Appends the deterministic encoding (RFC 8949, section 4.2.1) of `x`.
/// @returns `invalid_argument`, `out` being as before
expected<void> encode(const value& x, bytes& out);

/// Decodes all of `in`.
/// @param how lives as long as the program
/// @param owner what keeps `in` alive for strings that make up most of it and
///              need not be copied then; may be null
/// @returns `corruption`, `limit_exceeded`
expected<value> decode(bytes_view in, const dialect& how, const limits& lim,
                       const std::shared_ptr<const void>& owner = nullptr);

/// Decodes metadata (without what the header has) in the form that nearly all
/// have, several times as fast as by way of a value: that of a key that is a
/// string, keyword or symbol, without extras, as `encode` writes it.
/// @returns nothing for all else, be it right or wrong: ask `decode` then
std::optional<metadata> decode_plain_metadata(bytes_view in);

} // namespace larder::detail::cbor
