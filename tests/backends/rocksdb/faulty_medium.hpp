// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// A file system that fails on demand and counts what is read, for RocksDB.

#pragma once

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>

namespace rocks_tools {

enum class fault : uint8_t {
  none,
  write_error,
  no_space,
  sync_error,
  directory_sync_error,
  read_error
};

class faulty_medium : public rocksdb::FileSystemWrapper {
public:
  faulty_medium() : FileSystemWrapper(rocksdb::FileSystem::Default()) {
    // nop
  }

  const char* Name() const override {
    return "faulty_medium";
  }

  /// What goes wrong from now on, with files whose names hold `part`; of
  /// directories, the syncs that are to make such a name durable.
  void fail(fault what, std::string part) {
    part_ = std::move(part);
    what_ = what;
  }

  void heal() {
    what_ = fault::none;
  }

  /// How often a file was synced after a sync of it had failed.
  size_t repeated_syncs() const {
    return repeated_syncs_;
  }

  /// Bytes read from tables.
  size_t bytes_read() const {
    return bytes_read_;
  }

  rocksdb::IOStatus
  NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                  std::unique_ptr<rocksdb::FSWritableFile>* result,
                  rocksdb::IODebugContext* dbg) override {
    std::unique_ptr<rocksdb::FSWritableFile> file;
    auto status = target()->NewWritableFile(name, options, &file, dbg);
    if (status.ok())
      *result = std::make_unique<output>(*this, name, std::move(file));
    return status;
  }

  rocksdb::IOStatus
  NewRandomAccessFile(const std::string& name,
                      const rocksdb::FileOptions& options,
                      std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                      rocksdb::IODebugContext* dbg) override {
    std::unique_ptr<rocksdb::FSRandomAccessFile> file;
    auto status = target()->NewRandomAccessFile(name, options, &file, dbg);
    if (status.ok())
      *result = std::make_unique<input>(*this, name, std::move(file));
    return status;
  }

  rocksdb::IOStatus NewDirectory(const std::string& name,
                                 const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* result,
                                 rocksdb::IODebugContext* dbg) override {
    std::unique_ptr<rocksdb::FSDirectory> inner;
    auto status = target()->NewDirectory(name, options, &inner, dbg);
    if (status.ok())
      *result = std::make_unique<folder>(*this, std::move(inner));
    return status;
  }

private:
  class folder : public rocksdb::FSDirectoryWrapper {
  public:
    folder(faulty_medium& medium, std::unique_ptr<rocksdb::FSDirectory> inner)
      : FSDirectoryWrapper(std::move(inner)), medium_(medium) {
      // nop
    }

    rocksdb::IOStatus
    FsyncWithDirOptions(const rocksdb::IOOptions& options,
                        rocksdb::IODebugContext* dbg,
                        const rocksdb::DirFsyncOptions& what) override {
      if (medium_.fails(fault::directory_sync_error, what.renamed_new_name))
        return rocksdb::IOStatus::IOError("a sync failed",
                                          what.renamed_new_name);
      return FSDirectoryWrapper::FsyncWithDirOptions(options, dbg, what);
    }

  private:
    faulty_medium& medium_;
  };

  class output : public rocksdb::FSWritableFileOwnerWrapper {
  public:
    output(faulty_medium& medium, std::string name,
           std::unique_ptr<rocksdb::FSWritableFile> file)
      : FSWritableFileOwnerWrapper(std::move(file)),
        medium_(medium),
        name_(std::move(name)) {
      // nop
    }

    using FSWritableFileOwnerWrapper::Append;

    rocksdb::IOStatus Append(const rocksdb::Slice& data,
                             const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* dbg) override {
      if (medium_.fails(fault::no_space, name_))
        return rocksdb::IOStatus::NoSpace("the medium is full", name_);
      if (medium_.fails(fault::write_error, name_))
        return rocksdb::IOStatus::IOError("a write failed", name_);
      return FSWritableFileOwnerWrapper::Append(data, options, dbg);
    }

    rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* dbg) override {
      if (sync_failed_)
        ++medium_.repeated_syncs_;
      if (medium_.fails(fault::sync_error, name_)) {
        sync_failed_ = true;
        return rocksdb::IOStatus::IOError("a sync failed", name_);
      }
      return FSWritableFileOwnerWrapper::Sync(options, dbg);
    }

    rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                            rocksdb::IODebugContext* dbg) override {
      return Sync(options, dbg);
    }

  private:
    faulty_medium& medium_;
    std::string name_;
    bool sync_failed_ = false;
  };

  class input : public rocksdb::FSRandomAccessFileOwnerWrapper {
  public:
    input(faulty_medium& medium, std::string name,
          std::unique_ptr<rocksdb::FSRandomAccessFile> file)
      : FSRandomAccessFileOwnerWrapper(std::move(file)),
        medium_(medium),
        name_(std::move(name)) {
      // nop
    }

    rocksdb::IOStatus Read(uint64_t offset, size_t n,
                           const rocksdb::IOOptions& options,
                           rocksdb::Slice* result, char* scratch,
                           rocksdb::IODebugContext* dbg) const override {
      if (medium_.fails(fault::read_error, name_))
        return rocksdb::IOStatus::IOError("a read failed", name_);
      medium_.bytes_read_ += n;
      return FSRandomAccessFileOwnerWrapper::Read(offset, n, options, result,
                                                  scratch, dbg);
    }

  private:
    faulty_medium& medium_;
    std::string name_;
  };

  bool fails(fault what, const std::string& name) const {
    return what_ == what && name.find(part_) != std::string::npos;
  }

  std::atomic<fault> what_ = fault::none;
  std::string part_; ///< set before `what_`
  std::atomic<size_t> repeated_syncs_ = 0;
  std::atomic<size_t> bytes_read_ = 0;
};

} // namespace rocks_tools
