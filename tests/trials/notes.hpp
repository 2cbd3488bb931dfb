// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What a writer tells the oracle through a pipe: what has been written to a
/// pipe outlives a killed writer.

#pragma once

#include "trials/content.hpp"
#include "trials/keys.hpp"

#include <array>
#include <optional>
#include <span>
#include <string_view>

namespace trials {

enum class note_kind : uint8_t {
  opened,       ///< the store is open, the load begins
  sent,         ///< the operation will be sent now
  acknowledged, ///< it was carried out
  refused,      ///< nothing has changed; it is the store's right to say so
  complaint,    ///< a broken promise: `text` has its kind and what it is
};

/// A change of one key.
struct note_change {
  key_index key = 0;
  version from = 0;
  version to = 0;
};

struct note {
  static constexpr size_t max_changes = 4;
  static constexpr size_t max_text = 160;

  note_kind kind = note_kind::opened;
  uint8_t num_changes = 0;
  uint8_t text_size = 0;
  /// Number of the operation, in the order in which one thread sends them.
  uint64_t operation = 0;
  std::array<note_change, max_changes> changes{};
  std::array<char, max_text> text{};

  std::string_view complaint() const {
    return {text.data(), text_size};
  }
};

/// The writing end. Thread-safe.
class notebook {
public:
  explicit notebook(int fd) : fd_(fd) {
    // nop
  }

  /// Writes all notes at once; if nobody reads any more, ends the process.
  /// @pre at most `max_notes`, which go through a pipe in one piece
  void write(std::span<const note> notes);

  void write(note_kind kind, uint64_t operation = 0);

  void complain(std::string_view kind, std::string_view what);

  static constexpr size_t max_notes = 4096 / sizeof(note);

private:
  int fd_;
};

/// The reading end.
class note_reader {
public:
  explicit note_reader(int fd) : fd_(fd) {
    // nop
  }

  /// Returns the next note, or nothing if none came within that time or the
  /// writer is gone, see `ended`.
  std::optional<note> next(int timeout_ms);

  bool ended() const {
    return ended_;
  }

private:
  int fd_;
  bool ended_ = false;
};

} // namespace trials
