// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The codecs that every registry knows; one source file each in codecs/.

#pragma once

#include "larder/codec.hpp"

#include <memory>

namespace larder::detail {

/// "edn", id 0: text in the extensible data notation.
std::shared_ptr<const serializer> make_edn_serializer();

/// "fressian", id 1: what konserve writes by default.
std::shared_ptr<const serializer> make_fressian_serializer();

/// "clj-cbor", id 2: what konserve writes with clj-cbor, for reading only.
std::shared_ptr<const serializer> make_clj_cbor_serializer();

/// "cbor", id 3: RFC 8949, deterministically encoded.
std::shared_ptr<const serializer> make_cbor_serializer();

/// "boost-binary": an archive of Boost.Serialization.
std::shared_ptr<const serializer> make_boost_binary_serializer();

/// "lz4", id 1: one frame in the LZ4 frame format.
std::shared_ptr<const compressor> make_lz4_compressor();

/// "zstd", id 2: one Zstandard frame (RFC 8878).
std::shared_ptr<const compressor> make_zstd_compressor();

/// "xaes-gcm": XAES-256-GCM.
std::shared_ptr<const encryptor> make_xaes_gcm_encryptor();

} // namespace larder::detail
