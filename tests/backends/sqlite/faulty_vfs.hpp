// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// A file system for SQLite whose calls fail on demand.

#pragma once

#include <sqlite3.h>

#include <map>
#include <new>
#include <string>

namespace sqlite_tools {

/// Which calls are counted and may fail.
enum class call : uint8_t { read, write, sync, truncate };

/// Stands between SQLite and the real file system while it lives, for databases
/// that are opened in the meantime. One thread at a time.
class faulty_vfs {
public:
  faulty_vfs() : real_(sqlite3_vfs_find(nullptr)), vfs_(*real_) {
    vfs_.zName = "larder-test";
    vfs_.szOsFile = static_cast<int>(sizeof(file)) + real_->szOsFile;
    vfs_.pNext = nullptr;
    vfs_.pAppData = this;
    vfs_.xOpen = open;
    vfs_.xDelete = [](sqlite3_vfs* x, const char* name, int sync) {
      auto* real = self(x).real_;
      return real->xDelete(real, name, sync);
    };
    vfs_.xAccess = [](sqlite3_vfs* x, const char* name, int flags, int* out) {
      auto* real = self(x).real_;
      return real->xAccess(real, name, flags, out);
    };
    vfs_.xFullPathname
      = [](sqlite3_vfs* x, const char* name, int size, char* out) {
          auto* real = self(x).real_;
          return real->xFullPathname(real, name, size, out);
        };
    sqlite3_vfs_register(&vfs_, 1);
  }

  ~faulty_vfs() {
    sqlite3_vfs_unregister(&vfs_);
    sqlite3_vfs_register(real_, 1);
  }

  faulty_vfs(const faulty_vfs&) = delete;
  faulty_vfs& operator=(const faulty_vfs&) = delete;

  /// Makes the `nth` call from now on fail with a result code.
  void fail(call which, int nth, int code, bool for_ever) {
    which_ = which;
    countdown_ = nth;
    code_ = code;
    for_ever_ = for_ever;
    failed_.clear();
    syncs_after_failure_ = 0;
  }

  void work() {
    countdown_ = 0;
    full_ = false;
  }

  /// Makes writes fail that would make a file larger.
  void fill() {
    full_ = true;
  }

  /// Whether any call has failed since `fail`.
  bool has_failed() const {
    return !failed_.empty();
  }

  /// How often a file was synced again whose sync had failed.
  int syncs_after_failure() const {
    return syncs_after_failure_;
  }

  int syncs() const {
    return syncs_;
  }

private:
  /// What SQLite takes for a file. The real one is behind it.
  struct file {
    sqlite3_file base;
    faulty_vfs* owner;
    std::string* name;

    sqlite3_file* real() {
      return reinterpret_cast<sqlite3_file*>(this + 1);
    }
  };

  static faulty_vfs& self(sqlite3_vfs* x) {
    return *static_cast<faulty_vfs*>(x->pAppData);
  }

  static file& cast(sqlite3_file* x) {
    return *reinterpret_cast<file*>(x);
  }

  static sqlite3_file* real(sqlite3_file* x) {
    return cast(x).real();
  }

  static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* out,
                  int flags, int* out_flags) {
    auto& owner = self(vfs);
    auto& x = cast(out);
    x.base.pMethods = nullptr;
    auto code
      = owner.real_->xOpen(owner.real_, name, x.real(), flags, out_flags);
    if (code != SQLITE_OK)
      return code;
    x.owner = &owner;
    x.name = new std::string{name == nullptr ? "" : name};
    x.base.pMethods = &methods();
    return code;
  }

  /// Returns the code to fail with, or `SQLITE_OK`.
  static int before(sqlite3_file* x, call which) {
    auto& owner = *cast(x).owner;
    auto& name = *cast(x).name;
    if (which == call::sync) {
      ++owner.syncs_;
      if (owner.failed_.contains(name) && owner.which_ == call::sync)
        ++owner.syncs_after_failure_;
    }
    if (which != owner.which_ || owner.countdown_ == 0)
      return SQLITE_OK;
    if (owner.countdown_ > 1) {
      --owner.countdown_;
      return SQLITE_OK;
    }
    if (!owner.for_ever_)
      owner.countdown_ = 0;
    ++owner.failed_[name];
    return owner.code_;
  }

  static const sqlite3_io_methods& methods() {
    static const sqlite3_io_methods result = [] {
      sqlite3_io_methods m{};
      m.iVersion = 2;
      m.xClose = [](sqlite3_file* x) {
        delete cast(x).name;
        return real(x)->pMethods->xClose(real(x));
      };
      m.xRead = [](sqlite3_file* x, void* dst, int n, sqlite3_int64 offset) {
        if (auto code = before(x, call::read); code != SQLITE_OK)
          return code;
        return real(x)->pMethods->xRead(real(x), dst, n, offset);
      };
      m.xWrite
        = [](sqlite3_file* x, const void* src, int n, sqlite3_int64 offset) {
            auto& f = *real(x)->pMethods;
            sqlite3_int64 size = 0;
            if (cast(x).owner->full_ && f.xFileSize(real(x), &size) == SQLITE_OK
                && offset + n > size)
              return SQLITE_FULL;
            if (auto code = before(x, call::write); code != SQLITE_OK) {
              f.xWrite(real(x), src, n / 2, offset); // a short write
              return code;
            }
            return f.xWrite(real(x), src, n, offset);
          };
      m.xTruncate = [](sqlite3_file* x, sqlite3_int64 size) {
        if (auto code = before(x, call::truncate); code != SQLITE_OK)
          return code;
        return real(x)->pMethods->xTruncate(real(x), size);
      };
      m.xSync = [](sqlite3_file* x, int flags) {
        if (auto code = before(x, call::sync); code != SQLITE_OK)
          return code;
        return real(x)->pMethods->xSync(real(x), flags);
      };
      m.xFileSize = [](sqlite3_file* x, sqlite3_int64* out) {
        return real(x)->pMethods->xFileSize(real(x), out);
      };
      m.xLock = [](sqlite3_file* x, int kind) {
        return real(x)->pMethods->xLock(real(x), kind);
      };
      m.xUnlock = [](sqlite3_file* x, int kind) {
        return real(x)->pMethods->xUnlock(real(x), kind);
      };
      m.xCheckReservedLock = [](sqlite3_file* x, int* out) {
        return real(x)->pMethods->xCheckReservedLock(real(x), out);
      };
      m.xFileControl = [](sqlite3_file* x, int what, void* arg) {
        return real(x)->pMethods->xFileControl(real(x), what, arg);
      };
      m.xSectorSize = [](sqlite3_file* x) {
        return real(x)->pMethods->xSectorSize(real(x));
      };
      m.xDeviceCharacteristics = [](sqlite3_file* x) {
        return real(x)->pMethods->xDeviceCharacteristics(real(x));
      };
      m.xShmMap
        = [](sqlite3_file* x, int n, int size, int extend, void volatile** p) {
            return real(x)->pMethods->xShmMap(real(x), n, size, extend, p);
          };
      m.xShmLock = [](sqlite3_file* x, int offset, int n, int flags) {
        return real(x)->pMethods->xShmLock(real(x), offset, n, flags);
      };
      m.xShmBarrier
        = [](sqlite3_file* x) { real(x)->pMethods->xShmBarrier(real(x)); };
      m.xShmUnmap = [](sqlite3_file* x, int remove) {
        return real(x)->pMethods->xShmUnmap(real(x), remove);
      };
      return m;
    }();
    return result;
  }

  sqlite3_vfs* real_;
  sqlite3_vfs vfs_;
  call which_ = call::read;
  int countdown_ = 0; // 0: nothing fails
  int code_ = SQLITE_OK;
  bool for_ever_ = false;
  bool full_ = false;
  std::map<std::string, int> failed_;
  int syncs_ = 0;
  int syncs_after_failure_ = 0;
};

} // namespace sqlite_tools
