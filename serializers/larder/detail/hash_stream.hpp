// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/bytes.hpp"

#include <cstdint>
#include <memory>

namespace larder::detail {

/// XXH3 (64 bits) of bytes that come in pieces.
class hash_stream {
public:
  explicit hash_stream(uint64_t seed);

  void update(bytes_view data);

  /// The hash of everything so far.
  uint64_t digest() const;

private:
  struct deleter {
    void operator()(void* ptr) const noexcept;
  };

  std::unique_ptr<void, deleter> state_;
};

} // namespace larder::detail
