// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Every value that the EDN reader accepts has a hash, which does not depend on
/// how the value was written.

#include "larder/konserve/hasch.hpp"
#include "larder/text.hpp"

#include <cstdlib>

using namespace larder;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto x = parse_edn({reinterpret_cast<const char*>(data), size});
  if (!x)
    return 0;
  auto digest = konserve::hasch(*x);
  if (!digest && digest.error() != errc::limit_exceeded)
    std::abort();
  auto again = parse_edn(to_edn(*x));
  if (!again || konserve::hasch(*again) != digest)
    std::abort();
  auto name = konserve::file_name(*x);
  if (name.has_value() != digest.has_value() || (name && name->size() != 40))
    std::abort();
  return 0;
}
