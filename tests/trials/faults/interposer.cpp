// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Takes the place of functions of the C library, in this program and in the
/// shared libraries that it uses: the dynamic linker finds the program's
/// symbols first. All names are here under which a call on a file can come:
/// with large offsets, and those that fortified code calls.

#include "trials/faults/injector.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>

// This file defines what the headers of the C library promise.
#undef open
#undef creat
#undef openat

using trials::injector;

namespace {

injector& calls() {
  return injector::instance();
}

mode_t mode_argument(int flags, va_list args) {
  auto has_mode = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
  return has_mode ? va_arg(args, mode_t) : 0;
}

/// Writes several pieces as if they were one.
ssize_t write_pieces(int fd, const iovec* pieces, int count,
                     std::optional<off_t> offset) {
  larder::bytes all;
  for (int i = 0; i < count; ++i) {
    auto* data = static_cast<const std::byte*>(pieces[i].iov_base);
    all.insert(all.end(), data, data + pieces[i].iov_len);
  }
  return calls().write(fd, all.data(), all.size(), offset);
}

ssize_t read_pieces(int fd, const iovec* pieces, int count,
                    std::optional<off_t> offset) {
  ssize_t done = 0;
  for (int i = 0; i < count; ++i) {
    auto at = offset ? std::optional{*offset + done} : std::nullopt;
    auto n = calls().read(fd, pieces[i].iov_base, pieces[i].iov_len, at);
    if (n < 0)
      return done > 0 ? done : n;
    done += n;
    if (static_cast<size_t>(n) < pieces[i].iov_len)
      break;
  }
  return done;
}

} // namespace

#pragma GCC diagnostic ignored "-Wmissing-declarations"

extern "C" {

// -- open ---------------------------------------------------------------------

#define DEFINE_OPEN(name)                                                      \
  int name(const char* path, int flags, ...) {                                 \
    va_list args;                                                              \
    va_start(args, flags);                                                     \
    auto mode = mode_argument(flags, args);                                    \
    va_end(args);                                                              \
    return calls().open(AT_FDCWD, path, flags, mode);                          \
  }
#define DEFINE_OPENAT(name)                                                    \
  int name(int dir, const char* path, int flags, ...) {                        \
    va_list args;                                                              \
    va_start(args, flags);                                                     \
    auto mode = mode_argument(flags, args);                                    \
    va_end(args);                                                              \
    return calls().open(dir, path, flags, mode);                               \
  }
DEFINE_OPEN(open)
DEFINE_OPEN(open64)
DEFINE_OPENAT(openat)
DEFINE_OPENAT(openat64)

int creat(const char* path, mode_t mode) {
  return calls().open(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

int creat64(const char* path, mode_t mode) {
  return creat(path, mode);
}

int __open_2(const char* path, int flags) {
  return calls().open(AT_FDCWD, path, flags, 0);
}

int __open64_2(const char* path, int flags) {
  return calls().open(AT_FDCWD, path, flags, 0);
}

int __openat_2(int dir, const char* path, int flags) {
  return calls().open(dir, path, flags, 0);
}

int __openat64_2(int dir, const char* path, int flags) {
  return calls().open(dir, path, flags, 0);
}

int close(int fd) {
  return calls().close(fd);
}

/// Closes what was opened here; what a stream reads and writes is not seen.
int fclose(FILE* stream) {
  using function = int (*)(FILE*);
  static auto real = reinterpret_cast<function>(::dlsym(RTLD_NEXT, "fclose"));
  calls().closed(::fileno(stream));
  return real(stream);
}

// -- read ---------------------------------------------------------------------

ssize_t read(int fd, void* data, size_t size) {
  return calls().read(fd, data, size, std::nullopt);
}

ssize_t pread(int fd, void* data, size_t size, off_t offset) {
  return calls().read(fd, data, size, offset);
}

ssize_t pread64(int fd, void* data, size_t size, off64_t offset) {
  return calls().read(fd, data, size, offset);
}

ssize_t __read_chk(int fd, void* data, size_t size, size_t) {
  return calls().read(fd, data, size, std::nullopt);
}

ssize_t __pread_chk(int fd, void* data, size_t size, off_t offset, size_t) {
  return calls().read(fd, data, size, offset);
}

ssize_t __pread64_chk(int fd, void* data, size_t size, off64_t offset, size_t) {
  return calls().read(fd, data, size, offset);
}

ssize_t readv(int fd, const iovec* pieces, int count) {
  return read_pieces(fd, pieces, count, std::nullopt);
}

ssize_t preadv(int fd, const iovec* pieces, int count, off_t offset) {
  return read_pieces(fd, pieces, count, offset);
}

ssize_t preadv64(int fd, const iovec* pieces, int count, off64_t offset) {
  return read_pieces(fd, pieces, count, offset);
}

// -- write --------------------------------------------------------------------

ssize_t write(int fd, const void* data, size_t size) {
  return calls().write(fd, data, size, std::nullopt);
}

ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) {
  return calls().write(fd, data, size, offset);
}

ssize_t pwrite64(int fd, const void* data, size_t size, off64_t offset) {
  return calls().write(fd, data, size, offset);
}

ssize_t writev(int fd, const iovec* pieces, int count) {
  return write_pieces(fd, pieces, count, std::nullopt);
}

ssize_t pwritev(int fd, const iovec* pieces, int count, off_t offset) {
  return write_pieces(fd, pieces, count, offset);
}

ssize_t pwritev64(int fd, const iovec* pieces, int count, off64_t offset) {
  return write_pieces(fd, pieces, count, offset);
}

// -- sync ---------------------------------------------------------------------

int fsync(int fd) {
  return calls().sync(fd);
}

int fdatasync(int fd) {
  return calls().sync(fd);
}

int sync_file_range(int fd, off64_t offset, off64_t size, unsigned flags) {
  return calls().sync_range(fd, offset, size, flags);
}

// -- size ---------------------------------------------------------------------

int ftruncate(int fd, off_t size) noexcept {
  return calls().truncate(fd, size);
}

int ftruncate64(int fd, off64_t size) noexcept {
  return calls().truncate(fd, size);
}

int fallocate(int fd, int mode, off_t offset, off_t size) {
  return calls().allocate(fd, mode, offset, size);
}

int fallocate64(int fd, int mode, off64_t offset, off64_t size) {
  return calls().allocate(fd, mode, offset, size);
}

/// Returns the error instead of setting errno.
int posix_fallocate(int fd, off_t offset, off_t size) {
  return calls().allocate(fd, 0, offset, size) == 0 ? 0 : errno;
}

int posix_fallocate64(int fd, off64_t offset, off64_t size) {
  return posix_fallocate(fd, offset, size);
}

// -- names --------------------------------------------------------------------

int rename(const char* from, const char* to) noexcept {
  return calls().rename(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int renameat(int from_dir, const char* from, int to_dir,
             const char* to) noexcept {
  return calls().rename(from_dir, from, to_dir, to, 0);
}

int renameat2(int from_dir, const char* from, int to_dir, const char* to,
              unsigned flags) noexcept {
  return calls().rename(from_dir, from, to_dir, to, flags);
}

int unlink(const char* path) noexcept {
  return calls().unlink(AT_FDCWD, path, 0);
}

int unlinkat(int dir, const char* path, int flags) noexcept {
  return calls().unlink(dir, path, flags);
}

int rmdir(const char* path) noexcept {
  return calls().unlink(AT_FDCWD, path, AT_REMOVEDIR);
}

int remove(const char* path) noexcept {
  auto result = calls().unlink(AT_FDCWD, path, 0);
  return result != 0 && errno == EISDIR ? rmdir(path) : result;
}

int mkdir(const char* path, mode_t mode) noexcept {
  return calls().mkdir(AT_FDCWD, path, mode);
}

int mkdirat(int dir, const char* path, mode_t mode) noexcept {
  return calls().mkdir(dir, path, mode);
}

// -- memory -------------------------------------------------------------------

void* mmap(void* address, size_t size, int protection, int flags, int fd,
           off_t offset) noexcept {
  return calls().map(address, size, protection, flags, fd, offset);
}

void* mmap64(void* address, size_t size, int protection, int flags, int fd,
             off64_t offset) noexcept {
  return calls().map(address, size, protection, flags, fd, offset);
}

} // extern "C"
