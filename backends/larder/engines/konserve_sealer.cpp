// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/konserve/names.hpp"
#include "larder/detail/konserve/sealer.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>

namespace larder::detail::ksv {

namespace {

constexpr uint8_t clear_id = 0;
constexpr uint8_t cbc_id = 1;
constexpr uint8_t gcm_id = 2;

// What a segment has besides its cipher text.
constexpr size_t cbc_salt_size = 64;
constexpr size_t cbc_block_size = 16;
constexpr size_t gcm_overhead = 32 + 12 + 16;

/// More bytes than any key file has.
constexpr size_t max_key_file = 4096;

expected<std::string> read_key_file(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  if (!file)
    return fail(errc::io_error, "cannot open the key file " + path);
  std::string result(max_key_file + 1, '\0');
  file.read(result.data(), static_cast<std::streamsize>(result.size()));
  if (file.bad()) // a directory, for example
    return fail(errc::io_error, "cannot read the key file " + path);
  result.resize(static_cast<size_t>(file.gcount()));
  if (result.size() > max_key_file)
    return fail(errc::invalid_argument,
                path + " is no key file: it has more than "
                  + std::to_string(max_key_file) + " bytes");
  // 32 bytes are a key as they are; text ends with its line.
  if (result.size() != 32 && result.ends_with('\n'))
    result.pop_back();
  return result;
}

/// Takes the key from the one place that is given.
expected<std::optional<std::string>> take_key(uri& x) {
  auto text = x.take("key");
  auto file = x.take("key-file");
  auto variable = x.take("key-env");
  if (!text.empty() + !file.empty() + !variable.empty() > 1)
    return fail(errc::invalid_argument,
                "give only one of key, key-file and key-env");
  if (!text.empty())
    return text;
  if (!file.empty())
    return read_key_file(file).map(
      [](std::string&& key) { return std::optional{std::move(key)}; });
  if (variable.empty())
    return std::nullopt;
  auto* value = std::getenv(variable.c_str());
  if (value == nullptr)
    return fail(errc::invalid_argument,
                "there is no environment variable " + variable);
  return std::string{value};
}

} // namespace

expected<sealer> sealer::take_options(uri& x) {
  sealer result;
  auto key = take_key(x);
  auto name = x.take("encryptor");
  auto legacy = x.take_flag("legacy", false);
  if (!key)
    return fail(key.error());
  if (!legacy)
    return fail(legacy.error());
  if (*key && (*key)->empty())
    return fail(errc::invalid_argument, "the key is empty");
  if (*key) {
    result.has_key_ = true;
    // What the key does not fit cannot be read or written with it.
    if (auto cbc = konserve::cipher::aes_cbc(value{**key}))
      result.cbc_ = std::move(*cbc);
    if (auto gcm = konserve::cipher::aes_gcm(as_bytes(**key)))
      result.gcm_ = std::move(*gcm);
  }
  if (name.empty())
    name = result.has_key_ ? "aes-gcm" : "none";
  if (name == "none")
    result.write_id_ = clear_id;
  else if (name == "aes-gcm")
    result.write_id_ = gcm_id;
  else if (name == "aes-cbc")
    result.write_id_ = cbc_id;
  else
    return fail(errc::invalid_argument,
                "encryptor must be none, aes-gcm or aes-cbc");
  if (result.write_id_ != clear_id && !result.has_key_)
    return fail(errc::invalid_argument,
                "the encryptor " + name
                  + " needs a key: give one of key, key-file and key-env");
  if (result.write_id_ == cbc_id && !*legacy)
    return fail(errc::invalid_argument,
                "aes-cbc does not notice changed bytes: take aes-gcm, or say "
                "legacy=yes to write for konserve before 0.9.376");
  return result;
}

const std::optional<konserve::cipher>* sealer::find(uint8_t id) const noexcept {
  return id == cbc_id ? &cbc_ : id == gcm_id ? &gcm_ : nullptr;
}

expected<void> sealer::check_writable() const {
  if (write_id_ == clear_id || *find(write_id_))
    return {};
  return fail(errc::invalid_argument,
              "nothing can be written: the key does not fit the encryptor "
                + std::string{write_id_ == gcm_id
                                ? "aes-gcm, which takes 32 bytes or 64 "
                                  "hexadecimal digits. encryptor=aes-cbc with "
                                  "legacy=yes writes with any key, and "
                                  "encryptor=none in the clear"
                                : "aes-cbc, which takes text in UTF-8"});
}

expected<bytes> sealer::seal(const uuid& blob, konserve::segment which,
                             bytes_view clear) const {
  if (write_id_ == clear_id)
    return to_bytes(clear);
  if (auto ok = check_writable(); !ok)
    return fail(ok.error());
  bytes result;
  if (auto ok = (*find(write_id_))->seal(blob_name(blob), which, clear, result);
      !ok)
    return fail(ok.error());
  return result;
}

expected<bytes> sealer::open(uint8_t encryptor_id, const uuid& blob,
                             konserve::segment which, bytes_view sealed) const {
  if (encryptor_id == clear_id)
    return to_bytes(sealed);
  auto* with = find(encryptor_id);
  if (with == nullptr)
    return fail(errc::unknown_codec,
                "the blob is encrypted in a way that larder does not know: "
                "number "
                  + std::to_string(encryptor_id));
  if (!has_key_)
    return fail(errc::unknown_encryption_key,
                "the blob is encrypted: open the store with one of key, "
                "key-file and key-env");
  if (!*with)
    return fail(errc::unknown_encryption_key,
                encryptor_id == gcm_id
                  ? "the blob is encrypted with aes-gcm, which takes a key of "
                    "32 bytes or 64 hexadecimal digits, and the store was "
                    "opened with another"
                  : "the blob is encrypted with aes-cbc, which takes a key of "
                    "text in UTF-8, and the store was opened with another");
  return (*with)->open(blob_name(blob), which, sealed);
}

size_t sealer::sealed_size(size_t size) const noexcept {
  switch (write_id_) {
    case cbc_id:
      return cbc_salt_size + (size / cbc_block_size + 1) * cbc_block_size;
    case gcm_id:
      return size + gcm_overhead;
    default:
      return size;
  }
}

uint64_t sealer::clear_size(uint8_t encryptor_id, uint64_t sealed) noexcept {
  auto overhead = encryptor_id == cbc_id   ? cbc_salt_size + 1
                  : encryptor_id == gcm_id ? gcm_overhead
                                           : 0;
  return sealed - std::min<uint64_t>(sealed, overhead);
}

} // namespace larder::detail::ksv
