// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/konserve/blob.hpp"
#include "larder/detail/konserve/names.hpp"
#include "larder/detail/konserve/private_metadata.hpp"
#include "larder/detail/konserve/revision.hpp"
#include "larder/konserve/lz4_frame.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

namespace larder::detail::ksv {

namespace {

/// How much to read at once in the hope that it covers the metadata.
constexpr size_t metadata_guess = 4096;

/// Checks the size of a segment before it is read into memory. Compression and
/// encryption can make it somewhat larger than what is in it.
expected<void> check_stored_size(uint64_t size, size_t max_decoded) {
  constexpr uint64_t overhead = 4096;
  if (size <= max_decoded + max_decoded / 8 + overhead)
    return {};
  return fail(errc::limit_exceeded,
              "a segment of " + std::to_string(size)
                + " bytes is too large for what decodes to at most "
                + std::to_string(max_decoded));
}

/// Reads header and metadata as they are stored.
expected<bytes> read_prefix(const store_state& state, stored_blob& x) {
  auto result = x.file.read(0, metadata_guess);
  if (!result)
    return result;
  auto layout = parse_layout(*result, x.file_size());
  if (!layout)
    return fail(layout.error());
  x.layout = *layout;
  auto& lim = state.blobs.config().limits;
  if (auto ok = check_stored_size(layout->metadata_size, lim.max_metadata_size);
      !ok)
    return fail(ok.error());
  auto size = static_cast<size_t>(layout->value_offset());
  if (result->size() < size) {
    auto rest = x.file.read(result->size(), size - result->size());
    if (!rest)
      return rest;
    append(*result, *rest);
  }
  if (result->size() < size)
    return fail(errc::corruption, "the file was cut short while it was read");
  result->resize(size);
  return result;
}

/// AES-CBC cannot tell a wrong key: one in 256 seems to fit.
error explain(const blob_layout& layout, const error& x) {
  constexpr uint8_t aes_cbc = 1;
  if (layout.encryptor_id != aes_cbc)
    return x;
  return {errc::authentication_failed,
          "the key is wrong, or the blob is damaged: " + x.message()};
}

expected<void> read_metadata(const store_state& state, stored_blob& x) {
  auto prefix = read_prefix(state, x);
  if (!prefix)
    return fail(prefix.error());
  auto segment = bytes_view{*prefix}.subspan(x.layout.header_size);
  auto clear = state.config.crypt.open(x.layout.encryptor_id, x.id,
                                       konserve::segment::metadata, segment);
  if (!clear)
    return fail(clear.error());
  x.clear_metadata = std::move(*clear);
  konserve::add_end_mark(x.layout.compressor_id, x.clear_metadata);
  auto& lim = state.blobs.config().limits;
  auto stored
    = decode_segment(state, x.layout, x.clear_metadata, lim.max_metadata_size);
  auto meta = stored.and_then(metadata::from_stored_form);
  if (!meta)
    return fail(explain(x.layout, meta.error()));
  x.meta = std::move(*meta);
  x.has_private = take_private(x.meta, x.own);
  auto* token = stored->find(value::keyword("revision"));
  std::optional<revision> rev;
  if (token != nullptr && token->is(value::kind::string))
    rev = parse_token(token->as_string(), x.meta.last_write, x.status.st_mtim);
  x.meta.rev = rev ? *rev : derived_revision(*prefix, x.status);
  return {};
}

} // namespace

expected<bool> open_regular(file_ops& ops, const std::string& path,
                            file_handle& file, struct stat& status) {
  auto err = file.open(ops, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (err == -ENOENT)
    return false;
  if (err != 0 && err != -ELOOP)
    return fail(io_failure("open", path, err));
  if (err == 0) {
    auto found = file.status();
    if (!found)
      return fail(found.error());
    status = *found;
  }
  if (err != 0 || !S_ISREG(status.st_mode))
    return fail(errc::io_error, path
                                  + " has the name of a value's file, but is "
                                    "no regular file: move it away");
  return true;
}

expected<std::optional<stored_blob>> open_blob(const store_state& state,
                                               const uuid& id) {
  stored_blob result;
  result.id = id;
  auto name = blob_name(id);
  auto there
    = open_regular(*state.ops, state.path(name), result.file, result.status);
  if (!there)
    return fail(there.error());
  if (!*there)
    return std::nullopt;
  if (auto ok = read_metadata(state, result); !ok)
    return fail(ok.error().with_context(name));
  return result;
}

expected<value> decode_segment(const store_state& state,
                               const blob_layout& layout, bytes_view clear,
                               size_t max_size) {
  auto& config = state.blobs.config();
  auto ser = config.registry->find_serializer(layout.serializer_id);
  if (!ser)
    return fail(ser.error());
  auto comp = config.registry->find_compressor(layout.compressor_id);
  if (!comp)
    return fail(comp.error());
  bytes plain;
  if (*comp != nullptr) {
    auto result = (*comp)->decompress(clear, max_size);
    if (!result)
      return fail(result.error());
    plain = std::move(*result);
    clear = plain;
  }
  if (clear.size() > max_size)
    return fail(errc::limit_exceeded, "the decoded data has more than "
                                        + std::to_string(max_size) + " bytes");
  return (*ser)->decode(clear, config.limits);
}

// -- stored_blob --------------------------------------------------------------

expected<bytes> stored_blob::clear_value(const store_state& state) const {
  auto& lim = state.blobs.config().limits;
  if (auto ok = check_stored_size(value_size(), lim.max_value_size); !ok)
    return fail(ok.error().with_context(blob_name(id)));
  auto stored
    = file.read(layout.value_offset(), static_cast<size_t>(value_size()));
  if (!stored)
    return stored;
  if (stored->size() != value_size())
    return fail(errc::corruption, blob_name(id)
                                    + ": the file was cut short while it was "
                                      "read");
  auto result = state.config.crypt.open(layout.encryptor_id, id,
                                        konserve::segment::value, *stored);
  if (!result)
    return fail(result.error().with_context(blob_name(id)));
  konserve::add_end_mark(layout.compressor_id, *result);
  return result;
}

expected<value> stored_blob::decode_value(const store_state& state) const {
  auto clear = clear_value(state);
  if (!clear)
    return fail(clear.error());
  auto result = decode_segment(state, layout, *clear,
                               state.blobs.config().limits.max_value_size);
  if (!result)
    return fail(result.error().with_context(blob_name(id)));
  return result;
}

expected<bool> stored_blob::changed() const {
  auto now = file.status();
  if (!now)
    return fail(now.error());
  return now->st_size != status.st_size
         || now->st_mtim.tv_sec != status.st_mtim.tv_sec
         || now->st_mtim.tv_nsec != status.st_mtim.tv_nsec;
}

} // namespace larder::detail::ksv
