// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Messages on one key that holds a binary.

#pragma once

#include "larder/messages/values.hpp"

#include <cstdint>

namespace larder {

/// Replaces the key by a binary that fits into one message (at most
/// `store_config::max_message_size`). -> put_reply
struct write_request {
  using reply_type = struct put_reply;

  value key;
  shared_bytes content;
  value extras;
  time_to_live ttl;
  write_condition condition;

  static constexpr auto fields(auto& x) {
    return std::tie(x.key, x.content, x.extras, x.ttl, x.condition);
  }
};

/// Reads a range of a binary. -> read_reply
/// Errors: `not_found`, `wrong_type` for values, `limit_exceeded` if the range
/// does not fit into one message, `out_of_range` for an offset past the end,
/// `conflict` if the key has another revision than `pinned`.
struct read_range_request {
  using reply_type = struct read_reply;

  value key;
  uint64_t offset = 0;
  /// Nothing: up to the end.
  std::optional<uint64_t> length;
  /// The revision that the answer must be of: keeps the ranges of one stream
  /// together.
  std::optional<revision> pinned;

  static constexpr auto fields(auto& x) {
    return std::tie(x.key, x.offset, x.length, x.pinned);
  }
};

struct read_reply {
  /// The bytes, fewer than asked for at the end.
  shared_bytes content;
  /// Size of the whole binary.
  uint64_t size = 0;
  revision rev;

  static constexpr auto fields(auto& x) {
    return std::tie(x.content, x.size, x.rev);
  }
};

/// Starts to write a binary of any size piece by piece; nobody sees it before
/// it is closed. -> open_stream_reply
/// Errors: `overloaded` if too many streams are open, `unsupported`.
struct open_stream_request {
  using reply_type = struct open_stream_reply;

  value key;
  value extras;
  time_to_live ttl;
  write_condition condition;

  static constexpr auto fields(auto& x) {
    return std::tie(x.key, x.extras, x.ttl, x.condition);
  }
};

struct open_stream_reply {
  uint64_t stream = 0;

  static constexpr auto fields(auto& x) {
    return std::tie(x.stream);
  }
};

/// Adds bytes. Pieces are numbered from 0 without gaps; keep a few under way
/// and wait for their answers before sending more. -> append_stream_reply
/// Errors: `not_found` for a stream that is closed, was idle for too long or
/// failed; any error ends the stream.
struct append_stream_request {
  using reply_type = struct append_stream_reply;

  uint64_t stream = 0;
  uint64_t sequence = 0;
  shared_bytes content;

  static constexpr auto fields(auto& x) {
    return std::tie(x.stream, x.sequence, x.content);
  }
};

struct append_stream_reply {
  /// Bytes received so far.
  uint64_t size = 0;

  static constexpr auto fields(auto& x) {
    return std::tie(x.size);
  }
};

/// Makes what was written the key's content. -> put_reply
struct close_stream_request {
  using reply_type = struct put_reply;

  uint64_t stream = 0;

  static constexpr auto fields(auto& x) {
    return std::tie(x.stream);
  }
};

/// Throws away what was written. -> erase_reply
struct abort_stream_request {
  using reply_type = struct erase_reply;

  uint64_t stream = 0;

  static constexpr auto fields(auto& x) {
    return std::tie(x.stream);
  }
};

} // namespace larder
