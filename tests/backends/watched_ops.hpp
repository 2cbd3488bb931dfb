// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/detail/file/ops.hpp"

#include <cerrno>
#include <functional>
#include <map>
#include <mutex>
#include <string>

/// Real system calls with somebody who looks at each before it is made and can
/// make it fail. Nothing is really synced: what counts is who asks for it.
class watched_ops : public larder::detail::file_ops {
public:
  enum class call {
    open,
    read,
    write,
    sync,
    stat,
    rename,
    unlink,
    make_directory,
    remove_directory,
    list,
    lock
  };

  /// Gets the path (of a rename: the old one). Returns 0 to let the call
  /// happen, a negated errno to fail it, or `short_write`.
  using hook_fn = std::function<int(call what, const std::string& path)>;

  /// Lets a write of several bytes write half of them.
  static constexpr int short_write = 1;

  void hook(hook_fn f) {
    std::lock_guard guard{mutex_};
    hook_ = std::move(f);
  }

protected:
  std::string path_of(int fd) {
    std::lock_guard guard{mutex_};
    return paths_.at(fd);
  }

  int ask(call what, const std::string& path) {
    std::lock_guard guard{mutex_};
    return hook_ ? hook_(what, path) : 0;
  }

  int do_open(const std::string& path, int flags) override {
    if (auto err = ask(call::open, path); err < 0)
      return err;
    auto fd = file_ops::do_open(path, flags);
    std::lock_guard guard{mutex_};
    if (fd >= 0)
      paths_[fd] = path;
    return fd;
  }

  void do_close(int fd) override {
    {
      std::lock_guard guard{mutex_};
      paths_.erase(fd);
    }
    file_ops::do_close(fd);
  }

  ssize_t do_read(int fd, std::span<std::byte> dst, uint64_t offset) override {
    if (auto err = ask(call::read, path_of(fd)); err < 0)
      return err;
    return file_ops::do_read(fd, dst, offset);
  }

  ssize_t do_write(int fd, larder::bytes_view data, uint64_t offset) override {
    auto what = ask(call::write, path_of(fd));
    if (what < 0)
      return what;
    if (what == short_write && data.size() > 1)
      data = data.first(data.size() / 2);
    return file_ops::do_write(fd, data, offset);
  }

  int do_sync(int fd) override {
    return ask(call::sync, path_of(fd));
  }

  int do_stat(int fd, struct stat& out) override {
    if (auto err = ask(call::stat, path_of(fd)); err < 0)
      return err;
    return file_ops::do_stat(fd, out);
  }

  int do_stat(const std::string& path, struct stat& out) override {
    if (auto err = ask(call::stat, path); err < 0)
      return err;
    return file_ops::do_stat(path, out);
  }

  int do_rename(const std::string& from, const std::string& to) override {
    if (auto err = ask(call::rename, from); err < 0)
      return err;
    return file_ops::do_rename(from, to);
  }

  int do_unlink(const std::string& path) override {
    if (auto err = ask(call::unlink, path); err < 0)
      return err;
    return file_ops::do_unlink(path);
  }

  int do_make_directory(const std::string& path) override {
    if (auto err = ask(call::make_directory, path); err < 0)
      return err;
    return file_ops::do_make_directory(path);
  }

  int do_remove_directory(const std::string& path) override {
    if (auto err = ask(call::remove_directory, path); err < 0)
      return err;
    return file_ops::do_remove_directory(path);
  }

  int do_list(const std::string& path, const entry_fn& f) override {
    if (auto err = ask(call::list, path); err < 0)
      return err;
    return file_ops::do_list(path, f);
  }

  int do_lock(int fd, larder::detail::lock_kind kind, uint64_t offset,
              uint64_t size, bool wait) override {
    // Giving up a lock cannot fail.
    if (kind != larder::detail::lock_kind::none)
      if (auto err = ask(call::lock, path_of(fd)); err < 0)
        return err;
    return file_ops::do_lock(fd, kind, offset, size, wait);
  }

private:
  std::mutex mutex_;
  hook_fn hook_;
  std::map<int, std::string> paths_;
};
