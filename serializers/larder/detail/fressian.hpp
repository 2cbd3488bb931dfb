// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// How values look in Fressian (https://github.com/Datomic/fressian) as
/// konserve uses it, shared by encoder and decoder.
///
///     nil, boolean       F7, F5, F6
///     integer            1 to 7 bytes, or F8 and 8 bytes; over 64 bits C6 and
///                        the bytes of its two's complement
///     real               FB (0.0), FC (1.0), else FA and 8 bytes
///     decimal            C7, the bytes of the unscaled number, the scale
///     character          struct "char" of a UTF-16 unit; over U+FFFF, which
///                        konserve cannot hold, struct "larder/char"
///     string             DA to E1, E3, in chunks E2: CESU-8
///     keyword, symbol    CA, C9: namespace or nil, and name, both through the
///                        priority cache
///     bytes              D0 to D7, D9, in chunks D8
///     uuid               C3 with 16 bytes
///     instant            C8 and milliseconds
///     vector, list       structs "pvec", "plist" of a count and items
///     set, map           C1, C0 and a Fressian list
///     tagged element     "irecord" if the content is a map; a struct of that
///                        tag if it is a list, which are the fields; C4 and C5
///                        for fressian/regex and fressian/uri of a string; else
///                        struct "larder/tagged" of the tag and the content
///
/// Read, but never written, are Fressian's own lists (as lists), arrays (as
/// vectors), single floats (as reals) and bytes (as integers).

#pragma once

#include "larder/bytes.hpp"
#include "larder/error.hpp"
#include "larder/limits.hpp"
#include "larder/value.hpp"

#include <cstdint>
#include <limits>
#include <string_view>

namespace larder::detail::fressian {

// -- the bytes that objects begin with ----------------------------------------

inline constexpr uint8_t code_get_cached_packed = 0x80; // to 0x9F
inline constexpr uint8_t code_struct_packed = 0xA0;     // to 0xAF
inline constexpr uint8_t code_long_array = 0xB0;
inline constexpr uint8_t code_double_array = 0xB1;
inline constexpr uint8_t code_boolean_array = 0xB2;
inline constexpr uint8_t code_int_array = 0xB3;
inline constexpr uint8_t code_float_array = 0xB4;
inline constexpr uint8_t code_object_array = 0xB5;
inline constexpr uint8_t code_map = 0xC0;
inline constexpr uint8_t code_set = 0xC1;
inline constexpr uint8_t code_uuid = 0xC3;
inline constexpr uint8_t code_regex = 0xC4;
inline constexpr uint8_t code_uri = 0xC5;
inline constexpr uint8_t code_big_integer = 0xC6;
inline constexpr uint8_t code_decimal = 0xC7;
inline constexpr uint8_t code_instant = 0xC8;
inline constexpr uint8_t code_symbol = 0xC9;
inline constexpr uint8_t code_keyword = 0xCA;
inline constexpr uint8_t code_get_cached = 0xCC;
inline constexpr uint8_t code_put_cached = 0xCD;
inline constexpr uint8_t code_footer = 0xCF;
inline constexpr uint8_t code_bytes_packed = 0xD0; // to 0xD7
inline constexpr uint8_t code_bytes_chunk = 0xD8;
inline constexpr uint8_t code_bytes = 0xD9;
inline constexpr uint8_t code_string_packed = 0xDA; // to 0xE1
inline constexpr uint8_t code_string_chunk = 0xE2;
inline constexpr uint8_t code_string = 0xE3;
inline constexpr uint8_t code_list_packed = 0xE4; // to 0xEB
inline constexpr uint8_t code_list = 0xEC;
inline constexpr uint8_t code_closed_list = 0xED;
inline constexpr uint8_t code_open_list = 0xEE;
inline constexpr uint8_t code_struct_type = 0xEF;
inline constexpr uint8_t code_struct = 0xF0;
inline constexpr uint8_t code_true = 0xF5;
inline constexpr uint8_t code_false = 0xF6;
inline constexpr uint8_t code_nil = 0xF7;
inline constexpr uint8_t code_integer = 0xF8;
inline constexpr uint8_t code_float = 0xF9;
inline constexpr uint8_t code_real = 0xFA;
inline constexpr uint8_t code_real_0 = 0xFB;
inline constexpr uint8_t code_real_1 = 0xFC;
inline constexpr uint8_t code_end = 0xFD;
inline constexpr uint8_t code_reset_caches = 0xFE;

/// The first of the codes from which packed integers with so many bytes behind
/// it count, the code for zero, and the one past the last.
struct packed_integer {
  uint8_t first;
  uint8_t zero;
  uint8_t end;
};

/// Packed integers by the number of bytes behind the code, from 1.
inline constexpr packed_integer packed_integers[] = {
  {0x40, 0x50, 0x60}, {0x60, 0x68, 0x70}, {0x70, 0x72, 0x74},
  {0x74, 0x76, 0x78}, {0x78, 0x7A, 0x7C}, {0x7C, 0x7E, 0x80},
};

inline constexpr size_t packed_sizes = 8;     // of strings, bytes and lists
inline constexpr size_t packed_cached = 32;   // indexes
inline constexpr size_t packed_structs = 16;  // indexes
inline constexpr size_t bytes_chunk = 65'535; // what writers take at once
inline constexpr size_t string_chunk = 65'536;
inline constexpr size_t max_count = std::numeric_limits<int32_t>::max();

// -- tags ---------------------------------------------------------------------

inline constexpr std::string_view tag_character = "char";
inline constexpr std::string_view tag_any_character = "larder/char";
inline constexpr std::string_view tag_vector = "pvec";
inline constexpr std::string_view tag_list = "plist";
inline constexpr std::string_view tag_record = "irecord";
inline constexpr std::string_view tag_tagged = "larder/tagged";
inline constexpr std::string_view tag_ratio = "ratio";
inline constexpr std::string_view tag_clojure_record = "record";

/// Of elements, for what konserve reads as `java.util.regex.Pattern`.
inline constexpr std::string_view regex_element = "fressian/regex";

/// Of elements, for what konserve reads as `java.net.URI`.
inline constexpr std::string_view uri_element = "fressian/uri";

/// Whether structs of this tag are more to konserve's reader, or to this one,
/// than a tag and fields.
bool is_known_tag(std::string_view tag) noexcept;

// -- functions ----------------------------------------------------------------

/// Appends the encoding of `x`.
/// @returns `invalid_argument`, `limit_exceeded`, `out` being as before
expected<void> encode(const value& x, bytes& out);

/// Decodes all of `in`: one object, and a footer if there is one.
/// @returns `corruption`, `limit_exceeded`
expected<value> decode(bytes_view in, const limits& lim);

} // namespace larder::detail::fressian
