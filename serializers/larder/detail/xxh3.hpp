// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// XXH3 (https://xxhash.com), with the widest instructions that the processor
/// has where the library can choose them: several times as fast on x86-64 as
/// what every such processor has.

#pragma once

#ifdef LARDER_XXH3_DISPATCH
#  include <xxh_x86dispatch.h>
#else
#  include <xxhash.h>
#endif
