// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "files.hpp"

#include "larder/detail/file/identity.hpp"
#include "larder/limits.hpp"
#include "larder/uuid.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace larder::cli {

namespace {

constexpr mode_t new_file_mode = 0666; // less the umask

constexpr size_t piece_size = size_t{256} << 10;

tl::unexpected<failure> system_error(const std::string& name, int code) {
  return fail(exit_code::failed, name + ": " + std::strerror(code));
}

/// What is at a path, symbolic links followed.
enum class occupant { nothing, regular_file, directory, other };

occupant look_at(const std::string& name) {
  struct stat info;
  if (::stat(name.c_str(), &info) != 0)
    return occupant::nothing;
  if (S_ISDIR(info.st_mode))
    return occupant::directory;
  return S_ISREG(info.st_mode) ? occupant::regular_file : occupant::other;
}

std::string folder_of(const std::string& name) {
  auto res = std::filesystem::path{name}.parent_path().string();
  return res.empty() ? "." : res;
}

std::string name_beside(const std::string& name) {
  return name + "." + to_string(uuid::random()) + ".new";
}

} // namespace

// -- file descriptors ---------------------------------------------------------

file_descriptor::file_descriptor(file_descriptor&& other) noexcept
  : fd_(std::exchange(other.fd_, -1)) {
  // nop
}

file_descriptor& file_descriptor::operator=(file_descriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

file_descriptor::~file_descriptor() {
  if (fd_ > STDERR_FILENO)
    ::close(fd_);
}

// -- reading ------------------------------------------------------------------

result<input_file> input_file::open(const std::string& name) {
  if (name == "-")
    return input_file{"standard input", file_descriptor{STDIN_FILENO}};
  file_descriptor fd{::open(name.c_str(), O_RDONLY | O_CLOEXEC)};
  if (fd.get() < 0)
    return system_error(name, errno);
  if (look_at(name) == occupant::directory)
    return system_error(name, EISDIR);
  return input_file{name, std::move(fd)};
}

result<size_t> input_file::read(std::span<std::byte> dst) {
  size_t used = 0;
  while (used < dst.size()) {
    auto n = ::read(fd_.get(), dst.data() + used, dst.size() - used);
    if (n == 0)
      break;
    if (n > 0)
      used += static_cast<size_t>(n);
    else if (errno != EINTR)
      return system_error(name_, errno);
  }
  return used;
}

std::optional<uint64_t> input_file::size() const {
  struct stat info;
  if (::fstat(fd_.get(), &info) != 0 || !S_ISREG(info.st_mode))
    return std::nullopt;
  return static_cast<uint64_t>(info.st_size);
}

result<std::string> read_file(const std::string& name) {
  auto file = input_file::open(name);
  if (!file)
    return fail(std::move(file.error()));
  std::string res;
  for (;;) {
    auto used = res.size();
    res.resize(used + piece_size);
    auto space = std::as_writable_bytes(std::span{res}).subspan(used);
    auto n = file->read(space);
    if (!n)
      return fail(std::move(n.error()));
    res.resize(used + *n);
    if (*n < piece_size)
      return res;
    if (res.size() > limits{}.max_value_size)
      return fail(exit_code::failed,
                  fmt::format("{}: too large for a value: larder write takes "
                              "it as a binary",
                              name == "-" ? "standard input" : name));
  }
}

// -- writing ------------------------------------------------------------------

result<output_file> output_file::open(const std::string& name) {
  output_file res{name};
  if (name == "-") {
    res.name_ = "standard output";
    res.fd_ = file_descriptor{STDOUT_FILENO};
    res.in_place_ = true;
    return res;
  }
  switch (look_at(name)) {
    case occupant::directory:
      return system_error(name, EISDIR);
    case occupant::other:
      res.fd_ = file_descriptor{::open(name.c_str(), O_WRONLY | O_CLOEXEC)};
      res.in_place_ = true;
      if (res.fd_.get() < 0)
        return system_error(name, errno);
      return res;
    case occupant::regular_file: {
      // Replace what a symbolic link points to, not the link.
      std::error_code ignored;
      auto target = std::filesystem::canonical(name, ignored);
      if (!target.empty())
        res.name_ = target.string();
      break;
    }
    case occupant::nothing:
      break;
  }
  if (auto opened = res.open_hidden(); !opened)
    return fail(std::move(opened.error()));
  return res;
}

result<void> output_file::open_hidden() {
  // A file without a name vanishes by itself, even when the process is killed.
  // Not all file systems have that.
  auto folder = folder_of(name_);
  fd_ = file_descriptor{
    ::open(folder.c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, new_file_mode)};
  if (fd_.get() >= 0)
    return {};
  auto beside = name_beside(name_);
  fd_ = file_descriptor{::open(
    beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, new_file_mode)};
  if (fd_.get() < 0)
    return system_error(name_, errno);
  temporary_ = beside;
  return {};
}

output_file::~output_file() {
  if (!temporary_.empty())
    ::unlink(temporary_.c_str());
}

result<void> output_file::write(bytes_view data) {
  while (!data.empty()) {
    auto n = ::write(fd_.get(), data.data(), data.size());
    if (n >= 0)
      data = data.subspan(static_cast<size_t>(n));
    else if (errno != EINTR)
      return system_error(name_, errno);
  }
  return {};
}

result<void> output_file::commit() {
  if (in_place_)
    return {};
  if (::fsync(fd_.get()) != 0)
    return system_error(name_, errno);
  if (temporary_.empty()) {
    auto beside = name_beside(name_);
    auto nameless = fmt::format("/proc/self/fd/{}", fd_.get());
    if (::linkat(AT_FDCWD, nameless.c_str(), AT_FDCWD, beside.c_str(),
                 AT_SYMLINK_FOLLOW)
        != 0)
      return system_error(name_, errno);
    temporary_ = beside;
  }
  if (::rename(temporary_.c_str(), name_.c_str()) != 0)
    return system_error(name_, errno);
  temporary_.clear();
  detail::file_ops ops;
  if (auto ok = detail::sync_if_allowed(ops, folder_of(name_)); !ok)
    return fail(exit_code::failed, ok.error().message());
  return {};
}

} // namespace larder::cli
