// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "measure.hpp"
#include "raw/raw_engine.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>

namespace bench {

namespace {

int must(int result, const std::string& what) {
  if (result < 0)
    give_up(what + " failed");
  return result;
}

constexpr size_t metadata_bytes = 4096;

/// A file per key in 256 folders, metadata in front: written under another
/// name, synced, renamed, folder synced.
class engine : public raw_engine {
public:
  explicit engine(const std::string& dir) : dir_(dir) {
    for (size_t i = 0; i < folders_.size(); ++i) {
      auto name = dir + "/" + std::to_string(i);
      std::filesystem::create_directories(name);
      folders_[i] = must(open(name.c_str(), O_RDONLY | O_DIRECTORY), name);
    }
  }

  ~engine() override {
    for (auto x : folders_)
      close(x);
  }

  std::unique_ptr<raw_session> connect() override {
    return std::make_unique<session>(*this);
  }

  void list(const visitor& visit) override {
    std::string buffer;
    for (auto& x : std::filesystem::recursive_directory_iterator{dir_})
      if (x.is_regular_file()) {
        read(AT_FDCWD, x.path().string(), metadata_bytes, buffer);
        visit(x.path().filename().native(), buffer);
      }
  }

  void set_sync(bool on) override {
    sync_ = on;
  }

private:
  static void read(int folder, const std::string& name, size_t limit,
                   std::string& buffer) {
    auto fd = must(openat(folder, name.c_str(), O_RDONLY), name);
    auto size = std::min(limit, static_cast<size_t>(lseek(fd, 0, SEEK_END)));
    buffer.resize(size);
    if (pread(fd, buffer.data(), size, 0) != static_cast<ssize_t>(size))
      give_up("reading " + name + " failed");
    close(fd);
  }

  class session : public raw_session {
  public:
    explicit session(engine& parent) : parent_(parent) {
      // nop
    }

    void put(const std::string& key, std::string_view metadata,
             std::string_view value) override {
      auto folder = folder_of(key);
      auto staging = key + ".new";
      auto fd = must(
        openat(folder, staging.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644),
        staging);
      buffer_ = metadata;
      buffer_ += value;
      if (write(fd, buffer_.data(), buffer_.size())
          != static_cast<ssize_t>(buffer_.size()))
        give_up("writing " + key + " failed");
      if (parent_.sync_)
        must(fdatasync(fd), "sync");
      close(fd);
      must(renameat(folder, staging.c_str(), folder, key.c_str()), "rename");
      if (parent_.sync_)
        must(fsync(folder), "sync");
    }

    void get(const std::string& key, std::string& buffer) override {
      read(folder_of(key), key, SIZE_MAX, buffer);
    }

    void get_metadata(const std::string& key, std::string& buffer) override {
      read(folder_of(key), key, metadata_bytes, buffer);
    }

  private:
    int folder_of(const std::string& key) const {
      return parent_
        .folders_[std::hash<std::string>{}(key) % parent_.folders_.size()];
    }

    engine& parent_;
    std::string buffer_;
  };

  std::string dir_;
  std::array<int, 256> folders_{};
  bool sync_ = true;
};

} // namespace

std::unique_ptr<raw_engine> open_raw_file(const std::string& dir) {
  return std::make_unique<engine>(dir);
}

} // namespace bench
