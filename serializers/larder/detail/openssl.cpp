// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/openssl.hpp"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <algorithm>
#include <memory>

namespace larder::detail {

namespace {

// OpenSSL counts in int; larger inputs go in pieces.
constexpr size_t max_piece = size_t{1} << 30;

const unsigned char* raw(bytes_view xs) {
  return reinterpret_cast<const unsigned char*>(xs.data());
}

unsigned char* raw(std::byte* x) {
  return reinterpret_cast<unsigned char*>(x);
}

} // namespace

const EVP_CIPHER* aes_256_ecb() {
  static auto* const instance
    = EVP_CIPHER_fetch(nullptr, "AES-256-ECB", nullptr);
  return instance;
}

const EVP_CIPHER* aes_256_cbc() {
  static auto* const instance
    = EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr);
  return instance;
}

const EVP_CIPHER* aes_256_gcm() {
  static auto* const instance
    = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  return instance;
}

bool hkdf_sha256(bytes_view key, bytes_view salt, bytes_view info,
                 std::span<std::byte> out) {
  struct deleter {
    void operator()(EVP_KDF_CTX* ptr) const noexcept {
      EVP_KDF_CTX_free(ptr);
    }
  };
  static auto* const kdf = EVP_KDF_fetch(nullptr, OSSL_KDF_NAME_HKDF, nullptr);
  std::unique_ptr<EVP_KDF_CTX, deleter> ctx{EVP_KDF_CTX_new(kdf)};
  char digest[] = "SHA256";
  // OpenSSL only reads what these name.
  auto octets = [](const char* name, bytes_view xs) {
    return OSSL_PARAM_construct_octet_string(
      name, const_cast<std::byte*>(xs.data()), xs.size());
  };
  OSSL_PARAM params[]
    = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
       octets(OSSL_KDF_PARAM_KEY, key), octets(OSSL_KDF_PARAM_SALT, salt),
       octets(OSSL_KDF_PARAM_INFO, info), OSSL_PARAM_construct_end()};
  return ctx != nullptr
         && EVP_KDF_derive(ctx.get(), raw(out.data()), out.size(), params) == 1;
}

cipher_context::cipher_context(const EVP_CIPHER* cipher)
  : context_(EVP_CIPHER_CTX_new()) {
  if (cipher == nullptr || context_ == nullptr
      || EVP_CipherInit_ex2(context_, cipher, nullptr, nullptr, 1, nullptr)
           != 1) {
    // All operations fail on a null context.
    EVP_CIPHER_CTX_free(context_);
    context_ = nullptr;
    return;
  }
  EVP_CIPHER_CTX_set_padding(context_, 0);
}

cipher_context::~cipher_context() {
  EVP_CIPHER_CTX_free(context_);
}

bool cipher_context::start_encrypt(bytes_view key, bytes_view nonce) {
  return context_ != nullptr
         && EVP_EncryptInit_ex2(context_, nullptr, raw(key),
                                nonce.empty() ? nullptr : raw(nonce), nullptr)
              == 1;
}

bool cipher_context::start_decrypt(bytes_view key, bytes_view nonce) {
  return context_ != nullptr
         && EVP_DecryptInit_ex2(context_, nullptr, raw(key), raw(nonce),
                                nullptr)
              == 1;
}

bool cipher_context::add_data(bytes_view in) {
  for (; !in.empty(); in = in.subspan(std::min(in.size(), max_piece))) {
    auto piece = in.first(std::min(in.size(), max_piece));
    auto written = 0;
    if (EVP_CipherUpdate(context_, nullptr, &written, raw(piece),
                         static_cast<int>(piece.size()))
        != 1)
      return false;
  }
  return true;
}

bool cipher_context::update(bytes_view in, std::byte* out) {
  for (; !in.empty(); in = in.subspan(std::min(in.size(), max_piece))) {
    auto piece = in.first(std::min(in.size(), max_piece));
    auto written = 0;
    if (EVP_CipherUpdate(context_, raw(out), &written, raw(piece),
                         static_cast<int>(piece.size()))
          != 1
        || static_cast<size_t>(written) != piece.size())
      return false;
    out += piece.size();
  }
  return true;
}

bool cipher_context::finish() {
  unsigned char none[EVP_MAX_BLOCK_LENGTH];
  auto written = 0;
  return EVP_CipherFinal_ex(context_, none, &written) == 1 && written == 0;
}

bool cipher_context::get_tag(std::span<std::byte> out) {
  return EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_AEAD_GET_TAG,
                             static_cast<int>(out.size()), out.data())
         == 1;
}

bool cipher_context::set_tag(bytes_view tag) {
  // OpenSSL copies the tag and does not write to it.
  return EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_AEAD_SET_TAG,
                             static_cast<int>(tag.size()),
                             const_cast<std::byte*>(tag.data()))
         == 1;
}

} // namespace larder::detail
