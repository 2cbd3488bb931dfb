// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/bytes.hpp"

#include <array>
#include <memory>

namespace larder::detail {

/// SHA-512 (FIPS 180-4) of bytes that come in pieces.
class sha512 {
public:
  using digest = std::array<std::byte, 64>;

  /// @throws std::bad_alloc if OpenSSL has no memory
  sha512();

  void update(bytes_view xs);

  /// Returns the digest of everything. Nothing may follow.
  digest finish();

private:
  struct deleter {
    void operator()(void* ptr) const noexcept;
  };

  std::unique_ptr<void, deleter> context_;
};

/// Returns the digest of `xs`.
sha512::digest sha512_of(bytes_view xs);

} // namespace larder::detail
