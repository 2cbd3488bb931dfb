// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/file/handle.hpp"
#include "larder/detail/file/identity.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

namespace larder::detail {

namespace {

constexpr std::string_view format = "1";
constexpr std::string_view id_head = "\nid ";

std::string head_of(std::string_view kind) {
  return "larder " + std::string{kind} + " store\nformat ";
}

bool is_number(std::string_view str) {
  return !str.empty() && std::all_of(str.begin(), str.end(), [](char c) {
    return c >= '0' && c <= '9';
  });
}

} // namespace

std::string print_identity(std::string_view kind, const uuid& id) {
  auto result = head_of(kind);
  result += format;
  result += id_head;
  return result + to_string(id) + "\n";
}

expected<uuid> parse_identity(std::string_view kind, std::string_view str,
                              const std::string& path) {
  auto damaged = fail(errc::corruption, path + " is damaged");
  auto head = head_of(kind);
  if (!str.starts_with(head))
    return damaged;
  str.remove_prefix(head.size());
  auto end = str.find('\n');
  if (end == std::string_view::npos || !is_number(str.substr(0, end)))
    return damaged;
  if (str.substr(0, end) != format)
    return fail(errc::unsupported, path + " tells of format "
                                     + std::string{str.substr(0, end)}
                                     + "; this version of larder knows format "
                                     + std::string{format});
  str.remove_prefix(end);
  if (!str.starts_with(id_head) || !str.ends_with('\n'))
    return damaged;
  str.remove_prefix(id_head.size());
  str.remove_suffix(1);
  auto id = uuid::parse(str);
  if (!id)
    return damaged;
  return *id;
}

expected<bool> path_exists(file_ops& ops, const std::string& path) {
  struct stat info {};
  auto err = ops.stat(path, info);
  if (err == -ENOENT || err == -ENOTDIR)
    return false;
  if (err != 0)
    return fail(io_failure("look at", path, err));
  return true;
}

expected<void> sync_if_allowed(file_ops& ops, const std::string& path) {
  file_handle dir;
  auto err = dir.open(ops, path, O_RDONLY | O_DIRECTORY);
  if (err == -EACCES || err == -EPERM)
    return {};
  if (err != 0)
    return fail(io_failure("open", path, err));
  return dir.sync();
}

/// The parent of the deepest directory that exists is synced as well: whoever
/// made that may not have lived to do it.
expected<void> make_directories(file_ops& ops, const std::string& dir,
                                bool sync) {
  struct stat info {};
  auto err = ops.stat(dir, info);
  if (err == 0) {
    if (!S_ISDIR(info.st_mode))
      return fail(errc::invalid_argument, dir + " is not a directory");
    return sync && dir != "/" ? sync_if_allowed(ops, parent_of(dir))
                              : expected<void>{};
  }
  if (err != -ENOENT || dir == "/")
    return fail(io_failure("look at", dir, err));
  if (auto ok = make_directories(ops, parent_of(dir), sync); !ok)
    return ok;
  err = ops.make_directory(dir);
  if (err != 0 && err != -EEXIST)
    return fail(io_failure("create", dir, err));
  if (sync)
    return sync_directory(ops, parent_of(dir));
  return {};
}

expected<void> remove_store_directory(file_ops& ops, const std::string& dir,
                                      bool sync) {
  std::string foreign;
  auto err = ops.list(dir, [&](std::string_view name, file_kind) {
    foreign += (foreign.empty() ? "" : ", ") + std::string{name};
  });
  if (err != 0)
    return fail(io_failure("list", dir, err));
  if (!foreign.empty())
    return fail(errc::io_error,
                "the store is destroyed, but " + dir
                  + " stays, as it has files that are not larder's: "
                  + foreign);
  err = ops.remove_directory(dir);
  if (err != 0)
    return fail(io_failure("remove", dir, err));
  if (sync)
    return sync_directory(ops, parent_of(dir));
  return {};
}

expected<std::string> directory_of(const uri& x) {
  if (!x.authority.empty())
    return fail(errc::invalid_argument, x.scheme + ": has no host; write "
                                          + x.scheme + ":DIR or " + x.scheme
                                          + ":/DIR");
  if (x.path.empty())
    return fail(errc::invalid_argument,
                "which directory? write " + x.scheme + ":DIR");
  std::error_code err;
  auto dir = std::filesystem::absolute(x.path, err).lexically_normal().string();
  if (err)
    return fail(errc::io_error,
                "cannot find the working directory: " + err.message());
  while (dir.size() > 1 && dir.ends_with('/'))
    dir.pop_back();
  return dir;
}

} // namespace larder::detail
