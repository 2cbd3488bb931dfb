// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/uuid.hpp"

#include <filesystem>
#include <string>

/// A directory of its own for one test, removed with everything in it.
class temp_dir {
public:
  temp_dir()
    : path_(std::filesystem::temp_directory_path()
            / ("larder-test-" + to_string(larder::uuid::random()))) {
    std::filesystem::create_directories(path_);
  }

  ~temp_dir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  temp_dir(const temp_dir&) = delete;
  temp_dir& operator=(const temp_dir&) = delete;

  const std::filesystem::path& path() const noexcept {
    return path_;
  }

  /// Returns the path of `name` inside.
  std::string operator/(const std::string& name) const {
    return (path_ / name).string();
  }

private:
  std::filesystem::path path_;
};
