// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

namespace larder::test {

/// Whether the memory of the process is what the code has taken. Sanitizers of
/// addresses and threads keep what was freed, and more.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool memory_is_telling = false;
#else
constexpr bool memory_is_telling = true;
#endif

} // namespace larder::test
