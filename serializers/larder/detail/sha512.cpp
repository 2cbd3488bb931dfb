// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/sha512.hpp"

#include <openssl/evp.h>

#include <new>

namespace larder::detail {

namespace {

/// Fetched once: looking it up takes longer than hashing a key.
const EVP_MD* algorithm() {
  static auto* const instance = EVP_MD_fetch(nullptr, "SHA512", nullptr);
  return instance;
}

EVP_MD_CTX* context(void* ptr) noexcept {
  return static_cast<EVP_MD_CTX*>(ptr);
}

/// SHA-512 fails only for want of memory.
void check(int result) {
  if (result != 1)
    throw std::bad_alloc{};
}

} // namespace

sha512::sha512() : context_(EVP_MD_CTX_new()) {
  if (!context_)
    throw std::bad_alloc{};
  check(EVP_DigestInit_ex2(context(context_.get()), algorithm(), nullptr));
}

void sha512::update(bytes_view xs) {
  check(EVP_DigestUpdate(context(context_.get()), xs.data(), xs.size()));
}

sha512::digest sha512::finish() {
  digest result;
  check(EVP_DigestFinal_ex(context(context_.get()),
                           reinterpret_cast<unsigned char*>(result.data()),
                           nullptr));
  return result;
}

void sha512::deleter::operator()(void* ptr) const noexcept {
  EVP_MD_CTX_free(context(ptr));
}

sha512::digest sha512_of(bytes_view xs) {
  sha512 hash;
  hash.update(xs);
  return hash.finish();
}

} // namespace larder::detail
