// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include <rocksdb/file_system.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>

namespace larder::detail {

/// A file system on which no directory is synced any more after one sync of a
/// directory has failed: all later ones fail as well. RocksDB ignores such a
/// failure when it makes a database (that of the options file), and would take
/// the success of the next sync for a promise about everything before it.
class directory_guard : public rocksdb::FileSystemWrapper {
public:
  using FileSystemWrapper::FileSystemWrapper;

  const char* Name() const override {
    return "larder_directory_guard";
  }

  rocksdb::IOStatus NewDirectory(const std::string& name,
                                 const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* result,
                                 rocksdb::IODebugContext* dbg) override {
    std::unique_ptr<rocksdb::FSDirectory> inner;
    auto status = target()->NewDirectory(name, options, &inner, dbg);
    if (status.ok())
      *result = std::make_unique<directory>(std::move(inner), failed_);
    return status;
  }

  /// Whether a sync of a directory has failed, be it that RocksDB said so or
  /// not.
  bool failed() const noexcept {
    return *failed_;
  }

private:
  using flag = std::shared_ptr<std::atomic<bool>>;

  class directory : public rocksdb::FSDirectoryWrapper {
  public:
    directory(std::unique_ptr<rocksdb::FSDirectory> inner, flag failed)
      : FSDirectoryWrapper(std::move(inner)), failed_(std::move(failed)) {
      // nop
    }

    rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                            rocksdb::IODebugContext* dbg) override {
      return once([&] { return FSDirectoryWrapper::Fsync(options, dbg); });
    }

    rocksdb::IOStatus
    FsyncWithDirOptions(const rocksdb::IOOptions& options,
                        rocksdb::IODebugContext* dbg,
                        const rocksdb::DirFsyncOptions& dir_options) override {
      return once([&] {
        return FSDirectoryWrapper::FsyncWithDirOptions(options, dbg,
                                                       dir_options);
      });
    }

  private:
    template <class F>
    rocksdb::IOStatus once(F sync) {
      if (*failed_)
        return rocksdb::IOStatus::IOError(
          "an earlier sync of the directory has failed");
      auto status = sync();
      if (!status.ok())
        *failed_ = true;
      return status;
    }

    flag failed_;
  };

  flag failed_ = std::make_shared<std::atomic<bool>>(false);
};

} // namespace larder::detail
