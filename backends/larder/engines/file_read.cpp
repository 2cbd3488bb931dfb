// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/blob_memory.hpp"
#include "larder/detail/blob_part.hpp"
#include "larder/detail/file/handle.hpp"
#include "larder/detail/file/names.hpp"
#include "larder/detail/file/read.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

namespace larder::detail {

namespace {

/// How much to read at once in the hope that it covers the metadata.
constexpr uint64_t metadata_guess = 4096;

tl::unexpected<error> damaged_trailer(const std::string& path) {
  return fail(errc::corruption,
              path + " does not end with the key it was written for");
}

/// Checks what stands behind the blob of a long key.
/// @returns the size of the blob
expected<uint64_t> check_trailer(const file_handle& file, uint64_t file_size,
                                 std::string_view key) {
  auto expected_trailer = make_trailer(key);
  if (file_size < expected_trailer.size())
    return damaged_trailer(file.path());
  auto blob_size = file_size - expected_trailer.size();
  auto found = file.read(blob_size, expected_trailer.size());
  if (!found)
    return fail(found.error());
  if (*found != expected_trailer)
    return damaged_trailer(file.path());
  return blob_size;
}

/// One blob that is being read.
class reader {
public:
  reader(const file_handle& file, uint64_t blob_size,
         const read_request& request)
    : file_(file), blob_size_(blob_size), request_(request) {
    // nop
  }

  read_outcome run() {
    if (request_.pinned) {
      auto start = read(0, header::max_size);
      if (!start)
        return fail(start.error());
      if (!has_revision(*start, *request_.pinned))
        return fail(errc::conflict,
                    "the blob was replaced by another revision");
    }
    switch (request_.part) {
      case blob_part::none:
        return wrap(bytes{});
      case blob_part::header:
        return wrap(read(0, header::max_size));
      case blob_part::metadata:
        return wrap(read_metadata());
      case blob_part::all:
        return read_part(0, blob_size_);
      case blob_part::range:
        return read_part(request_.offset, request_.length);
    }
    return fail(errc::invalid_argument, "unknown part of a blob");
  }

private:
  expected<bytes> read(uint64_t offset, uint64_t size) const {
    offset = std::min(offset, blob_size_);
    return file_.read(offset, std::min(size, blob_size_ - offset));
  }

  expected<bytes> read_metadata() const {
    auto result = read(0, metadata_guess);
    if (!result)
      return result;
    auto head = header::decode(*result);
    if (!head || head->value_offset() <= result->size())
      return result;
    auto rest = read(result->size(), head->value_offset() - result->size());
    if (!rest)
      return rest;
    append(*result, *rest);
    return result;
  }

  read_outcome wrap(expected<bytes> data) const {
    if (!data)
      return fail(data.error());
    auto owner = std::make_shared<const bytes>(std::move(*data));
    return blob_view{*owner, blob_size_, owner, true};
  }

  read_outcome read_part(uint64_t offset, uint64_t size) const {
    offset = std::min(offset, blob_size_);
    size = std::min(size, blob_size_ - offset);
    auto memory = allocate_blob(size);
    auto n = file_.read(offset, std::span{memory.get(), size});
    if (!n)
      return fail(n.error());
    return blob_view{{memory.get(), *n}, blob_size_, memory, true};
  }

  const file_handle& file_;
  uint64_t blob_size_;
  const read_request& request_;
};

/// Opens a file that may be missing.
/// @returns its size, nothing if it is missing
expected<std::optional<uint64_t>>
open_existing(file_ops& ops, const std::string& path, file_handle& file) {
  auto err = file.open(ops, path, O_RDONLY);
  if (err == -ENOENT)
    return std::nullopt;
  if (err != 0)
    return fail(io_failure("open", path, err));
  return file.status().map([](const struct stat& info) {
    return std::optional{static_cast<uint64_t>(info.st_size)};
  });
}

} // namespace

read_outcome read_blob(file_ops& ops, const std::string& path, bool is_long,
                       const read_request& request) {
  file_handle file;
  auto file_size = open_existing(ops, path, file);
  if (!file_size)
    return fail(file_size.error());
  if (!*file_size)
    return std::nullopt;
  expected<uint64_t> blob_size = **file_size;
  if (is_long)
    blob_size = check_trailer(file, **file_size, request.key);
  if (!blob_size)
    return fail(blob_size.error());
  return reader{file, *blob_size, request}.run();
}

expected<std::optional<std::string>> read_long_key(file_ops& ops,
                                                   const std::string& path) {
  file_handle file;
  auto opened = open_existing(ops, path, file);
  if (!opened)
    return fail(opened.error());
  if (!*opened)
    return std::nullopt;
  auto file_size = **opened;
  if (file_size < trailer_tail_size)
    return damaged_trailer(path);
  auto tail = file.read(file_size - trailer_tail_size, trailer_tail_size);
  if (!tail)
    return fail(tail.error());
  auto key_size = parse_trailer_tail(*tail);
  if (!key_size || file_size < trailer_size(*key_size))
    return damaged_trailer(path);
  auto key = file.read(file_size - trailer_size(*key_size), *key_size);
  if (!key)
    return fail(key.error());
  return std::string{as_chars(*key)};
}

} // namespace larder::detail
