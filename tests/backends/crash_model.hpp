// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What a disk may hold after a crash.
///
/// A recorder notes every change that the engine makes. For each prefix of
/// these notes the model yields every state that a file system may be in
/// afterwards: what was synced is there; of everything else each change of a
/// directory, alone, is there or not (a rename counts as two changes unless it
/// is told otherwise), and the content of a file is there, missing, cut short,
/// or full of zeros in part.

#pragma once

#include "backends/watched_ops.hpp"

#include "larder/bytes.hpp"

#include <fcntl.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace crash_model {

using larder::bytes;
using larder::bytes_view;

/// A change, a barrier, or a remark of the test.
struct event {
  enum class kind {
    create,    ///< file `inode` at `path`
    make_dir,  ///< directory at `path`
    truncate,  ///< file `inode` to nothing
    write,     ///< `data` at `offset` to file `inode`
    sync_file, ///< file `inode`
    sync_dir,  ///< entries of the directory `path`
    rename,    ///< `inode` from `path` to `to`
    unlink,    ///< `path`
    begin,     ///< the next operation of the test begins
    ack,       ///< it has been acknowledged
  };

  kind what;
  int inode = 0;
  std::string path = {};
  std::string to = {};
  uint64_t offset = 0;
  bytes data = {};
};

// -- recording ----------------------------------------------------------------

/// What the recorder does wrong on purpose, to prove that the test sees it.
struct sabotage {
  bool skip_file_sync = false;
  bool skip_dir_sync = false;  ///< of the fan-out directories
  bool skip_root_sync = false; ///< of the store's directory
  bool in_place = false;       ///< write to the final name without rename
};

/// Notes the changes to the files in `root`, whose state at the start counts as
/// durable. For one thread.
class recorder : public watched_ops {
public:
  explicit recorder(std::string root, sabotage wrong = {})
    : root_(std::move(root)), wrong_(wrong) {
    namespace fs = std::filesystem;
    for (auto& x : fs::recursive_directory_iterator{root_}) {
      auto path = x.path().string();
      if (x.is_directory()) {
        note({.what = event::kind::make_dir, .path = path});
        continue;
      }
      note_created(path);
      std::ifstream in{path, std::ios::binary};
      std::string text{std::istreambuf_iterator<char>{in}, {}};
      note({.what = event::kind::write,
            .inode = inodes_[path],
            .data = larder::to_bytes(text)});
      note({.what = event::kind::sync_file, .inode = inodes_[path]});
    }
    for (auto& x : fs::recursive_directory_iterator{root_})
      if (x.is_directory())
        note({.what = event::kind::sync_dir, .path = x.path().string()});
    note({.what = event::kind::sync_dir, .path = root_});
    base_ = events_.size();
  }

  void begin() {
    note({.what = event::kind::begin});
  }

  void ack() {
    note({.what = event::kind::ack});
  }

  const std::string& root() const {
    return root_;
  }

  const std::vector<event>& events() const {
    return events_;
  }

  /// How many events describe the state at the start.
  size_t base() const {
    return base_;
  }

protected:
  int do_open(const std::string& name, int flags) override {
    auto path = name;
    if (wrong_.in_place && path.ends_with(".new") && (flags & O_EXCL) != 0) {
      path.resize(path.size() - 37);
      flags = (flags & ~O_EXCL) | O_TRUNC;
    }
    auto fd = watched_ops::do_open(path, flags);
    if (fd < 0)
      return fd;
    if ((flags & O_CREAT) != 0 && !inodes_.contains(path))
      note_created(path);
    else if ((flags & O_TRUNC) != 0)
      note({.what = event::kind::truncate, .inode = inodes_.at(path)});
    if (inodes_.contains(path))
      open_inodes_[fd] = inodes_.at(path);
    return fd;
  }

  void do_close(int fd) override {
    open_inodes_.erase(fd);
    watched_ops::do_close(fd);
  }

  ssize_t do_write(int fd, bytes_view data, uint64_t offset) override {
    auto n = watched_ops::do_write(fd, data, offset);
    if (n > 0)
      note({.what = event::kind::write,
            .inode = open_inodes_.at(fd),
            .offset = offset,
            .data = larder::to_bytes(data.first(static_cast<size_t>(n)))});
    return n;
  }

  int do_sync(int fd) override {
    if (auto i = open_inodes_.find(fd); i != open_inodes_.end()) {
      if (!wrong_.skip_file_sync)
        note({.what = event::kind::sync_file, .inode = i->second});
      return 0;
    }
    auto path = path_of(fd);
    if (path == root_ ? !wrong_.skip_root_sync : !wrong_.skip_dir_sync)
      note({.what = event::kind::sync_dir, .path = path});
    return 0;
  }

  int do_rename(const std::string& from, const std::string& to) override {
    if (wrong_.in_place)
      return 0;
    auto err = watched_ops::do_rename(from, to);
    if (err == 0) {
      auto inode = inodes_.extract(from).mapped();
      inodes_[to] = inode;
      note(
        {.what = event::kind::rename, .inode = inode, .path = from, .to = to});
    }
    return err;
  }

  int do_unlink(const std::string& path) override {
    auto err = watched_ops::do_unlink(path);
    if (err == 0) {
      inodes_.erase(path);
      note({.what = event::kind::unlink, .path = path});
    }
    return err;
  }

  int do_make_directory(const std::string& path) override {
    auto err = watched_ops::do_make_directory(path);
    if (err == 0)
      note({.what = event::kind::make_dir, .path = path});
    return err;
  }

private:
  void note(event x) {
    events_.push_back(std::move(x));
  }

  void note_created(const std::string& path) {
    auto inode = static_cast<int>(++last_inode_);
    inodes_[path] = inode;
    note({.what = event::kind::create, .inode = inode, .path = path});
  }

  std::string root_;
  sabotage wrong_;
  size_t base_ = 0;
  int last_inode_ = 0;
  std::vector<event> events_;
  std::map<std::string, int> inodes_;
  std::map<int, int> open_inodes_;
};

// -- the disk -----------------------------------------------------------------

/// What may have become of content that was not synced.
enum class tear {
  kept,
  dropped,
  cut_to_one_byte,
  cut_in_half,
  cut_by_one_byte,
  zeros,
  zeros_behind,
  zeros_in_front,
};

constexpr size_t num_tears = 8;

/// One possible state: what each path holds.
struct disk_state {
  std::set<std::string> dirs;
  /// A file's inode and how it was torn.
  std::map<std::string, std::pair<int, tear>> files;

  auto operator<=>(const disk_state&) const = default;
};

/// The disk after some of the events.
class disk {
public:
  /// @param atomic_renames the old name goes when the new one comes, as in all
  ///        file systems with a journal
  disk(std::string root, bool atomic_renames)
    : root_(std::move(root)), atomic_renames_(atomic_renames) {
    // nop
  }

  void apply(const event& x) {
    using kind = event::kind;
    switch (x.what) {
      case kind::create:
        files_[x.inode];
        change(x.path, entry{x.inode});
        break;
      case kind::make_dir:
        change(x.path, entry{is_dir});
        break;
      case kind::truncate:
      case kind::write:
        files_[x.inode].pending.push_back(&x);
        break;
      case kind::sync_file:
        files_[x.inode].durable = content(x.inode, tear::kept);
        files_[x.inode].pending.clear();
        break;
      case kind::sync_dir:
        sync_dir(x.path);
        break;
      case kind::rename:
        change(x.to, entry{x.inode});
        if (atomic_renames_)
          pending_.back().emplace_back(x.path, std::nullopt);
        else
          change(x.path, std::nullopt);
        break;
      case kind::unlink:
        change(x.path, std::nullopt);
        break;
      case kind::begin:
      case kind::ack:
        break;
    }
  }

  /// All states that a crash may leave now.
  std::set<disk_state> states() const {
    if (pending_.size() > 12)
      throw std::logic_error("too many changes at once for this model");
    std::set<disk_state> result;
    for (size_t chosen = 0; chosen < size_t{1} << pending_.size(); ++chosen)
      for (size_t torn = 0; torn < num_tears; ++torn)
        result.insert(state(chosen, static_cast<tear>(torn)));
    return result;
  }

  /// Returns the content of a file after the crash.
  bytes content(int inode, tear torn) const {
    auto& file = files_.at(inode);
    if (file.pending.empty() || torn == tear::dropped)
      return file.durable;
    auto result = file.durable;
    for (auto* x : file.pending) {
      if (x->what == event::kind::truncate) {
        result.clear();
        continue;
      }
      result.resize(
        std::max<size_t>(result.size(), x->offset + x->data.size()));
      std::copy(x->data.begin(), x->data.end(),
                result.begin() + static_cast<ptrdiff_t>(x->offset));
    }
    auto half = static_cast<ptrdiff_t>(result.size() / 2);
    switch (torn) {
      case tear::cut_to_one_byte:
        result.resize(std::min<size_t>(result.size(), 1));
        break;
      case tear::cut_in_half:
        result.resize(result.size() / 2);
        break;
      case tear::cut_by_one_byte:
        result.resize(result.empty() ? 0 : result.size() - 1);
        break;
      case tear::zeros:
        std::fill(result.begin(), result.end(), std::byte{0});
        break;
      case tear::zeros_behind:
        std::fill(result.begin() + half, result.end(), std::byte{0});
        break;
      case tear::zeros_in_front:
        std::fill(result.begin(), result.end() - half, std::byte{0});
        break;
      default:
        break;
    }
    return result;
  }

  /// Makes a directory `to` that is as `root` is in `x`.
  void build(const disk_state& x, const std::string& to) const {
    namespace fs = std::filesystem;
    fs::remove_all(to);
    fs::create_directories(to);
    for (auto& dir : x.dirs)
      fs::create_directories(to + dir.substr(root_.size()));
    for (auto& [path, what] : x.files) {
      auto data = content(what.first, what.second);
      std::ofstream out{to + path.substr(root_.size()), std::ios::binary};
      out.write(reinterpret_cast<const char*>(data.data()),
                static_cast<std::streamsize>(data.size()));
    }
  }

private:
  struct file {
    bytes durable;
    std::vector<const event*> pending;
  };

  static constexpr int is_dir = -1;
  using entry = std::optional<int>; // inode, `is_dir`, or nothing there
  using entries = std::map<std::string, entry>;

  void change(const std::string& path, entry x) {
    pending_.push_back({{path, x}});
  }

  void sync_dir(const std::string& dir) {
    std::erase_if(pending_, [&](auto& changes) {
      auto& path = changes.front().first; // the others are in the same one
      if (path.substr(0, path.rfind('/')) != dir)
        return false;
      for (auto& [name, x] : changes)
        durable_[name] = x;
      return true;
    });
  }

  disk_state state(size_t chosen, tear torn) const {
    auto all = durable_;
    for (size_t i = 0; i < pending_.size(); ++i)
      if ((chosen >> i & 1) != 0)
        for (auto& [path, x] : pending_[i])
          all[path] = x;
    disk_state result;
    for (auto& [path, x] : all) { // parents come before what is in them
      auto parent = path.substr(0, path.rfind('/'));
      if (!x || (parent != root_ && !result.dirs.contains(parent)))
        continue;
      if (*x == is_dir)
        result.dirs.insert(path);
      else
        result.files[path]
          = {*x, files_.at(*x).pending.empty() ? tear::kept : torn};
    }
    return result;
  }

  std::string root_;
  bool atomic_renames_;
  std::map<int, file> files_;
  entries durable_;
  /// Changes of a directory, each with all that comes and goes with it.
  std::vector<std::vector<std::pair<std::string, entry>>> pending_;
};

} // namespace crash_model
