// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Values in a binary archive of Boost.Serialization.
///
/// The archive has no header of its own and consists of primitives only, in the
/// byte order of the machine that wrote it, hence the mark in front:
///
///     mark               uint16 0x4201
///     value              uint8 kind (its number in value::kind), content
///
///     boolean            uint8
///     integer, instant   int64
///     real               double (IEEE 754)
///     character          uint32
///     string, keyword,   uint32 size, bytes
///     symbol, bytes
///     uuid               16 bytes
///     big integer        uint8 negative, uint32 size, magnitude without
///     leading
///                        zeros, most significant byte first
///     decimal            int32 scale, unscaled value as a big integer
///     vector, list, set  uint32 count, values
///     map                uint32 count, keys and values in turn
///     tagged             tag as a string, value
///
/// Sets and maps are in the total order of values, so equal values have equal
/// bytes.

#pragma once

#include "larder/bytes.hpp"
#include "larder/detail/utf8.hpp"
#include "larder/error.hpp"
#include "larder/value.hpp"

#include <boost/archive/basic_archive.hpp>

#include <cstdint>

namespace larder::detail::boost_binary {

constexpr uint16_t mark = 0x4201;

constexpr uint16_t swapped_mark = 0x0142;

static_assert(static_cast<int>(value::kind::tagged) == 17,
              "the numbers of the kinds are stored: do not change them");

constexpr auto archive_flags = boost::archive::no_header
                               | boost::archive::no_codecvt
                               | boost::archive::no_tracking;

/// What reader and writer throw, as Boost's archives do.
struct refusal {
  errc code;
  const char* why;
};

[[noreturn]] inline void refuse(errc code, const char* why) {
  throw refusal{code, why};
}

/// Appends the archive of `x` to `out`; throws what Boost throws, or a refusal.
void encode(const value& x, bytes& out);

/// Reads an archive; throws what Boost throws, or a refusal.
value decode(bytes_view in, size_t max_depth);

} // namespace larder::detail::boost_binary
