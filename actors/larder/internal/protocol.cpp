// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/protocol.hpp"

#include "larder/actor_types.hpp"

namespace larder::internal {

wire_message make_error_answer(uint64_t id, const error& err) {
  wire_error content{static_cast<uint64_t>(err.code()), err.message(),
                     err.data_loss()};
  // A message may quote a file name or an exception, which can be anything.
  if (!is_utf8(content.message))
    for (auto& c : content.message)
      if (static_cast<unsigned char>(c) > 0x7F)
        c = '?';
  return {id, error_kind, detail::encode_wire(detail::to_wire(content))};
}

error read_error_answer(const wire_message& msg) {
  wire_error content;
  if (!decode_content(msg.content, content))
    return {errc::internal, "the server's error cannot be read: it may be of "
                            "another version of larder"};
  auto code = errc::internal;
  if (content.code > 0xFF
      || !from_integer(static_cast<uint8_t>(content.code), code))
    return {errc::internal,
            "error " + std::to_string(content.code)
              + ", which only a newer version of larder knows: "
              + content.message,
            content.data_loss};
  return {code, std::move(content.message), content.data_loss};
}

} // namespace larder::internal
