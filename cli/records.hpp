// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Reading JSON records one by one.

#pragma once

#include "files.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace larder::cli {

/// The text of one record.
struct record {
  size_t line = 0; ///< where it begins, counted from 1
  std::string text;
};

/// Splits a file into records, in memory for one record: the elements of an
/// array if the first character is a bracket, else the lines that are not
/// blank. The text of a record is whatever stands there: it need not be JSON.
class record_reader {
public:
  explicit record_reader(input_file file) : file_(std::move(file)) {
    // nop
  }

  /// Returns the next record, or nothing at the end.
  /// @returns a failure for files that cannot be read, arrays that are not
  ///          closed, and what follows an array
  result<std::optional<record>> next();

  /// Number of bytes taken from the file so far.
  uint64_t position() const noexcept {
    return position_;
  }

  /// Size of the file, if known.
  std::optional<uint64_t> size() const {
    return file_.size();
  }

private:
  enum class shape { unknown, lines, array, done };

  /// The next character without taking it; -1 at the end.
  result<int> peek();

  void take();

  /// Skips white space and returns the character behind it.
  result<int> skip_space();

  result<void> find_shape();
  result<std::optional<record>> next_line();
  result<std::optional<record>> next_element();
  result<void> read_element(record& dst);
  result<void> check_end();
  failure broken(const std::string& what) const;

  input_file file_;
  std::string buffer_;
  size_t used_ = 0;
  uint64_t position_ = 0;
  size_t line_ = 1;
  shape shape_ = shape::unknown;
  bool first_ = true;
};

} // namespace larder::cli
