// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/keyring_io.hpp"

#include "larder/uuid.hpp"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace larder::detail {

namespace {

constexpr size_t max_size = size_t{1} << 20;

/// Closes a file descriptor when it goes out of scope.
class descriptor {
public:
  explicit descriptor(int fd) : fd_(fd) {
    // nop
  }

  descriptor(const descriptor&) = delete;

  descriptor& operator=(const descriptor&) = delete;

  ~descriptor() {
    if (fd_ >= 0)
      ::close(fd_);
  }

  int get() const noexcept {
    return fd_;
  }

private:
  int fd_;
};

tl::unexpected<error> failed(const std::string& file, const char* what) {
  auto code = errno == ENOENT ? errc::not_found : errc::io_error;
  return fail(code, file + ": " + what + ": "
                      + std::generic_category().message(errno));
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    auto n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return false;
    text.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

std::string folder_of(const std::string& file) {
  auto folder = std::filesystem::path{file}.parent_path().string();
  return folder.empty() ? "." : folder;
}

} // namespace

expected<secret_file> read_secret_file(const std::string& file) {
  descriptor fd{::open(file.c_str(), O_RDONLY | O_CLOEXEC)};
  struct stat info {};
  if (fd.get() < 0)
    return failed(file, "cannot open");
  if (::fstat(fd.get(), &info) != 0)
    return failed(file, "cannot examine");
  secret_file result;
  result.open_to_others = (info.st_mode & (S_IRWXG | S_IRWXO)) != 0;
  // One byte more than allowed, and no reallocation, which would leave copies.
  result.text.resize(max_size + 1);
  size_t size = 0;
  while (size < result.text.size()) {
    auto n
      = ::read(fd.get(), result.text.data() + size, result.text.size() - size);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return failed(file, "cannot read");
    if (n == 0)
      break;
    size += static_cast<size_t>(n);
  }
  if (size > max_size)
    return fail(errc::limit_exceeded, file + ": larger than 1 MiB");
  result.text.resize(size);
  return result;
}

expected<void> write_secret_file(const std::string& file,
                                 std::string_view text) {
  auto fresh = file + "." + to_string(uuid::random()) + ".new";
  {
    descriptor fd{
      ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
    if (fd.get() < 0)
      return failed(fresh, "cannot create");
    if (!write_all(fd.get(), text) || ::fsync(fd.get()) != 0) {
      auto result = failed(fresh, "cannot write");
      ::unlink(fresh.c_str());
      return result;
    }
  }
  if (::rename(fresh.c_str(), file.c_str()) != 0) {
    auto result = failed(file, "cannot rename to it");
    ::unlink(fresh.c_str());
    return result;
  }
  auto folder = folder_of(file);
  descriptor dir{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (dir.get() < 0 || ::fsync(dir.get()) != 0)
    return fail(errc::io_error,
                folder
                  + ": cannot sync: " + std::generic_category().message(errno),
                true);
  return {};
}

} // namespace larder::detail
