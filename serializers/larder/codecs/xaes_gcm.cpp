// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

// XAES-256-GCM (https://c2sp.org/XAES-256-GCM): AES-256-GCM under a key that is
// derived from a random nonce of 192 bits, so that random nonces stay safe for
// about 2^80 messages per key instead of 2^32 (NIST SP 800-38D §8.3).

#include "larder/codec.hpp"
#include "larder/detail/builtin_codecs.hpp"
#include "larder/detail/openssl.hpp"
#include "larder/keyring.hpp"
#include "larder/uuid.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <memory>

namespace larder {

namespace {

constexpr size_t nonce_size = 24;
constexpr size_t tag_size = 16;
constexpr size_t half_nonce_size = nonce_size / 2;

// NIST SP 800-38D §5.2.1.1: a plain text has at most 2^39 - 256 bits.
constexpr uint64_t max_plain_size = (uint64_t{1} << 36) - 32;

using derived_key = std::array<std::byte, encryption_key::secret_size>;

/// Wipes a key when it goes out of scope.
struct wipe_at_exit {
  derived_key& key;

  ~wipe_at_exit() {
    OPENSSL_cleanse(key.data(), key.size());
  }
};

/// The contexts of one thread. Setting up a context anew would cost more than
/// encrypting a small value; each keeps the schedule of its last key until the
/// next call or the thread's end, when OpenSSL wipes it.
struct contexts {
  detail::cipher_context block{detail::aes_256_ecb()};
  detail::cipher_context seal{detail::aes_256_gcm()};
  detail::cipher_context open{detail::aes_256_gcm()};

  static contexts& of_thread() {
    thread_local contexts instance;
    return instance;
  }
};

/// Derives the key of one message: AES-256(K, M1 ^ K1) || AES-256(K, M2 ^ K1).
bool derive(contexts& ctx, const encryption_key& key, bytes_view nonce,
            derived_key& out) {
  constexpr size_t block = 16;
  std::array<std::byte, 2 * block> input{};
  auto subkey = key.cmac_subkey();
  for (size_t i = 0; i < 2; ++i) {
    auto* message = input.data() + i * block;
    message[1] = static_cast<std::byte>(i + 1);
    message[2] = std::byte{0x58};
    std::copy_n(nonce.begin(), half_nonce_size, message + 4);
    for (size_t j = 0; j < block; ++j)
      message[j] ^= subkey[j];
  }
  return ctx.block.start_encrypt(key.secret(), {})
         && ctx.block.update(input, out.data());
}

class xaes_gcm final : public encryptor {
public:
  uint8_t id() const noexcept override {
    return 64;
  }

  std::string_view name() const noexcept override {
    return "xaes-gcm";
  }

  size_t overhead() const noexcept override {
    return nonce_size + tag_size;
  }

  expected<void> encrypt(const encryption_key& key, bytes_view additional_data,
                         bytes_view in, bytes& out) const override {
    if (in.size() > max_plain_size)
      return fail(errc::limit_exceeded, "AES-GCM takes at most 64 GiB at once");
    auto& ctx = contexts::of_thread();
    auto start = out.size();
    out.resize(start + in.size() + overhead());
    auto nonce = std::span{out}.subspan(start, nonce_size);
    fill_random(nonce);
    derived_key message_key;
    wipe_at_exit guard{message_key};
    auto* cipher_text = out.data() + start + nonce_size;
    auto tag = std::span{out}.last(tag_size);
    if (derive(ctx, key, nonce, message_key)
        && ctx.seal.start_encrypt(message_key, nonce.last(half_nonce_size))
        && ctx.seal.add_data(additional_data)
        && ctx.seal.update(in, cipher_text) && ctx.seal.finish()
        && ctx.seal.get_tag(tag))
      return {};
    out.resize(start);
    return fail(errc::internal, "OpenSSL failed to encrypt");
  }

  expected<bytes> decrypt(const encryption_key& key, bytes_view additional_data,
                          bytes_view in) const override {
    if (in.size() < overhead() || in.size() - overhead() > max_plain_size)
      return mismatch();
    auto& ctx = contexts::of_thread();
    auto nonce = in.first(nonce_size);
    auto cipher_text = in.subspan(nonce_size, in.size() - overhead());
    derived_key message_key;
    wipe_at_exit guard{message_key};
    bytes result(cipher_text.size());
    if (!derive(ctx, key, nonce, message_key)
        || !ctx.open.start_decrypt(message_key, nonce.last(half_nonce_size))
        || !ctx.open.add_data(additional_data)
        || !ctx.open.update(cipher_text, result.data())
        || !ctx.open.set_tag(in.last(tag_size)))
      return fail(errc::internal, "OpenSSL failed to decrypt");
    if (!ctx.open.finish()) {
      OPENSSL_cleanse(result.data(), result.size());
      return mismatch();
    }
    return result;
  }

private:
  static tl::unexpected<error> mismatch() {
    return fail(errc::authentication_failed,
                "the authentication tag does not match: the data was changed, "
                "moved from elsewhere, or sealed with another key of this id");
  }
};

} // namespace

namespace detail {

std::shared_ptr<const encryptor> make_xaes_gcm_encryptor() {
  return std::make_shared<xaes_gcm>();
}

} // namespace detail

} // namespace larder
