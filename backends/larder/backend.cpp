// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/backend.hpp"

namespace larder {

expected<std::unique_ptr<staged_blob>> backend::stage(std::string_view,
                                                      uint64_t) {
  return fail(errc::unsupported, name() + " cannot write blobs in pieces");
}

expected<std::unique_ptr<backend_snapshot>> backend::open_snapshot() {
  return fail(errc::unsupported, name() + " cannot keep a moment of the store");
}

std::vector<engine_figure> backend::figures() const {
  return {};
}

} // namespace larder
