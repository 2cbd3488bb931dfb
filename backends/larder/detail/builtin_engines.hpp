// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The engines that every registry knows.

#pragma once

#include "larder/registry.hpp"

namespace larder::detail {

/// `memory:` and `memory:NAME`.
engine make_memory_engine();

/// `file:DIR`.
engine make_file_engine();

/// `konserve:DIR`.
engine make_konserve_engine();

/// `rocksdb:DIR`, if built in.
engine make_rocksdb_engine();

/// `lmdb:DIR`, if built in.
engine make_lmdb_engine();

/// `sqlite:FILE`, if built in.
engine make_sqlite_engine();

/// `readonly:URI`.
engine make_readonly_engine(engine_finder find);

/// `metered:URI`.
engine make_metered_engine(engine_finder find);

/// `tiered:URI`.
engine make_tiered_engine(engine_finder find);

} // namespace larder::detail
