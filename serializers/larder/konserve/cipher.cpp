// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/konserve/cipher.hpp"

#include "larder/detail/openssl.hpp"
#include "larder/konserve/hasch.hpp"
#include "larder/uuid.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>

namespace larder::konserve {

namespace {

constexpr size_t key_size = 32;

constexpr std::string_view openssl_failed = "OpenSSL failed at a konserve blob";

/// Secret bytes that are wiped when they go.
template <size_t Size>
struct secret {
  std::array<std::byte, Size> data{};

  secret() = default;

  secret(const secret&) = delete;

  secret& operator=(const secret&) = delete;

  ~secret() {
    OPENSSL_cleanse(data.data(), Size);
  }
};

/// Wipes the plain text of what is not to be returned.
tl::unexpected<error> refuse(bytes& plain, errc code, std::string message) {
  OPENSSL_cleanse(plain.data(), plain.size());
  return fail(code, std::move(message));
}

} // namespace

struct cipher::state {
  uint8_t id = 0;
  value passphrase;        // AES-CBC
  secret<key_size> master; // AES-GCM
};

// -- AES-CBC ------------------------------------------------------------------

namespace cbc {

namespace {

constexpr uint8_t id = 1;
constexpr size_t salt_size = 64;
constexpr size_t block_size = 16;
constexpr size_t min_size = salt_size + block_size;

struct secrets {
  secret<key_size> key;
  secret<block_size> vector;
};

/// Sets `out` to the front of the hash of `[purpose salt key]`, where the salt
/// is a list of signed numbers.
template <size_t Size>
expected<void> derive(const char* purpose, const value& salt, const value& key,
                      secret<Size>& out) {
  auto digest = hasch(value::vector({purpose, salt, key}));
  if (!digest)
    return fail(digest.error());
  std::copy_n(digest->begin(), Size, out.data.begin());
  OPENSSL_cleanse(digest->data(), digest->size());
  return {};
}

expected<void> derive(bytes_view salt, const value& key, secrets& out) {
  std::vector<value> numbers;
  numbers.reserve(salt.size());
  for (auto x : salt)
    numbers.emplace_back(static_cast<int8_t>(x));
  auto list = value::list(std::move(numbers));
  if (auto ok = derive("key", list, key, out.key); !ok)
    return ok;
  return derive("initial-value", list, key, out.vector);
}

detail::cipher_context& context_of_thread() {
  thread_local detail::cipher_context instance{detail::aes_256_cbc()};
  return instance;
}

/// Returns the size of the padding (RFC 5652, section 6.3), or 0 if that is
/// malformed.
size_t padding_of(bytes_view plain) noexcept {
  auto size = std::to_integer<size_t>(plain.back());
  if (size == 0 || size > block_size)
    return 0;
  auto tail = plain.last(size);
  return std::all_of(tail.begin(), tail.end(),
                     [&](std::byte x) { return x == plain.back(); })
           ? size
           : 0;
}

expected<bytes> open(const value& key, bytes_view in) {
  if (in.size() < min_size || in.size() % block_size != 0)
    return fail(errc::corruption, "a segment encrypted by konserve's aes has "
                                  "an impossible size: it is cut off");
  secrets derived;
  if (auto ok = derive(in.first(salt_size), key, derived); !ok)
    return fail(ok.error());
  in = in.subspan(salt_size);
  bytes plain(in.size());
  auto& ctx = context_of_thread();
  if (!ctx.start_decrypt(derived.key.data, derived.vector.data)
      || !ctx.update(in, plain.data()) || !ctx.finish())
    return refuse(plain, errc::internal, std::string{openssl_failed});
  auto padding = padding_of(plain);
  if (padding == 0)
    return refuse(plain, errc::authentication_failed,
                  "the key is wrong or the segment damaged, which konserve's "
                  "aes cannot tell apart");
  plain.resize(plain.size() - padding);
  return plain;
}

/// ClojureScript misreads this byte of a salt.
constexpr auto avoided = std::byte{0x80};

expected<void> seal(const value& key, bytes_view in, bytes& out) {
  std::array<std::byte, salt_size> salt;
  fill_random(salt);
  for (auto& x : salt)
    while (x == avoided)
      fill_random({&x, 1});
  secrets derived;
  if (auto ok = derive(salt, key, derived); !ok)
    return ok;
  auto start = out.size();
  auto padding = block_size - in.size() % block_size;
  out.reserve(start + salt_size + in.size() + padding);
  append(out, salt);
  append(out, in);
  out.insert(out.end(), padding, static_cast<std::byte>(padding));
  auto text = std::span{out}.subspan(start + salt_size);
  auto& ctx = context_of_thread();
  if (ctx.start_encrypt(derived.key.data, derived.vector.data)
      && ctx.update(text, text.data()) && ctx.finish())
    return {};
  OPENSSL_cleanse(text.data(), text.size());
  out.resize(start);
  return fail(errc::internal, std::string{openssl_failed});
}

} // namespace

} // namespace cbc

// -- AES-GCM ------------------------------------------------------------------

namespace gcm {

namespace {

constexpr uint8_t id = 2;
constexpr size_t salt_size = 32;
constexpr size_t nonce_size = 12;
constexpr size_t tag_size = 16;
constexpr size_t front_size = salt_size + nonce_size;
constexpr size_t overhead = front_size + tag_size;

detail::cipher_context& context_of_thread() {
  thread_local detail::cipher_context instance{detail::aes_256_gcm()};
  return instance;
}

bool derive(const secret<key_size>& master, bytes_view salt,
            secret<key_size>& out) {
  return detail::hkdf_sha256(master.data, salt, as_bytes("konserve-aes-gcm-v1"),
                             out.data);
}

/// What a segment is bound to. All blobs that konserve encrypts so have layout
/// 1.
std::string additional_data(std::string_view store_key, segment which) {
  std::string result{"konserve|1|"};
  result += store_key;
  result += which == segment::metadata ? "|meta" : "|value";
  return result;
}

expected<bytes> open(const secret<key_size>& master, std::string_view store_key,
                     segment which, bytes_view in) {
  if (in.size() < overhead)
    return fail(errc::corruption, "a segment encrypted by konserve's aes-gcm "
                                  "is too short: it is cut off");
  auto text = in.subspan(front_size, in.size() - overhead);
  secret<key_size> key;
  bytes plain(text.size());
  auto& ctx = context_of_thread();
  if (!derive(master, in.first(salt_size), key)
      || !ctx.start_decrypt(key.data, in.subspan(salt_size, nonce_size))
      || !ctx.add_data(as_bytes(additional_data(store_key, which)))
      || !ctx.update(text, plain.data()) || !ctx.set_tag(in.last(tag_size)))
    return refuse(plain, errc::internal, std::string{openssl_failed});
  if (!ctx.finish())
    return refuse(plain, errc::authentication_failed,
                  "the authentication tag does not match: the key is another "
                  "one, or the segment was changed or moved from elsewhere");
  return plain;
}

expected<void> seal(const secret<key_size>& master, std::string_view store_key,
                    segment which, bytes_view in, bytes& out) {
  auto start = out.size();
  out.resize(start + in.size() + overhead);
  auto front = std::span{out}.subspan(start, front_size);
  fill_random(front);
  secret<key_size> key;
  auto& ctx = context_of_thread();
  if (derive(master, front.first(salt_size), key)
      && ctx.start_encrypt(key.data, front.last(nonce_size))
      && ctx.add_data(as_bytes(additional_data(store_key, which)))
      && ctx.update(in, front.data() + front_size) && ctx.finish()
      && ctx.get_tag(std::span{out}.last(tag_size)))
    return {};
  out.resize(start);
  return fail(errc::internal, std::string{openssl_failed});
}

} // namespace

} // namespace gcm

// -- both ---------------------------------------------------------------------

expected<cipher> cipher::aes_cbc(value key) {
  if (auto digest = hasch(key); !digest)
    return fail(digest.error().with_context("the key"));
  auto ptr = std::make_shared<state>();
  ptr->id = cbc::id;
  ptr->passphrase = std::move(key);
  return cipher{std::move(ptr)};
}

expected<cipher> cipher::aes_gcm(bytes_view key) {
  auto ptr = std::make_shared<state>();
  ptr->id = gcm::id;
  auto& master = ptr->master.data;
  if (key.size() == key_size) {
    std::copy(key.begin(), key.end(), master.begin());
    return cipher{std::move(ptr)};
  }
  bytes raw;
  auto ok = key.size() == 2 * key_size && from_hex(as_chars(key), raw);
  if (ok)
    std::copy(raw.begin(), raw.end(), master.begin());
  OPENSSL_cleanse(raw.data(), raw.size());
  if (!ok)
    return fail(errc::invalid_argument, "a key for konserve's aes-gcm is 32 "
                                        "bytes or 64 hexadecimal digits");
  return cipher{std::move(ptr)};
}

uint8_t cipher::id() const noexcept {
  return state_->id;
}

expected<bytes> cipher::open(std::string_view store_key, segment which,
                             bytes_view in) const {
  if (state_->id == cbc::id)
    return cbc::open(state_->passphrase, in);
  return gcm::open(state_->master, store_key, which, in);
}

expected<void> cipher::seal(std::string_view store_key, segment which,
                            bytes_view in, bytes& out) const {
  if (state_->id == cbc::id)
    return cbc::seal(state_->passphrase, in, out);
  return gcm::seal(state_->master, store_key, which, in, out);
}

} // namespace larder::konserve
