// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/protocol.hpp"

namespace larder::internal {

wire_message make_error_answer(uint64_t id, const error& err) {
  return {id, error_kind, detail::encode_wire(detail::to_wire(err))};
}

error read_error_answer(const wire_message& msg) {
  error result{errc::internal, "the server's error cannot be read: it may be "
                               "of another version of larder"};
  decode_content(msg.content, result);
  return result;
}

} // namespace larder::internal
