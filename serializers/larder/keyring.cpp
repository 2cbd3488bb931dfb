// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/keyring.hpp"

#include "larder/detail/openssl.hpp"
#include "larder/uuid.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace larder {

// -- encryption_key -----------------------------------------------------------

struct encryption_key::state {
  uint32_t id;
  std::array<std::byte, secret_size> secret;
  std::array<std::byte, 16> subkey{};

  state(uint32_t key_id, bytes_view bytes) : id(key_id) {
    std::copy_n(bytes.begin(), secret_size, secret.begin());
    derive_subkey();
  }

  state(const state&) = delete;

  ~state() {
    OPENSSL_cleanse(secret.data(), secret.size());
    OPENSSL_cleanse(subkey.data(), subkey.size());
  }

  // K1 is the encryption of zeros, doubled in GF(2^128).
  void derive_subkey() {
    detail::cipher_context block{detail::aes_256_ecb()};
    if (!block.start_encrypt(secret, {})
        || !block.update(subkey, subkey.data()))
      std::abort(); // AES is missing or no memory is left; nothing would be
                    // safe
    auto carry = std::byte{0};
    for (auto i = subkey.size(); i-- > 0;) {
      auto top = subkey[i] >> 7;
      subkey[i] = (subkey[i] << 1) | carry;
      carry = top;
    }
    if (carry != std::byte{0})
      subkey.back() ^= std::byte{0x87};
  }
};

encryption_key::encryption_key(uint32_t id, bytes_view secret)
  : state_(std::make_shared<const state>(id, secret)) {
  // nop
}

encryption_key encryption_key::random() {
  std::array<std::byte, secret_size + sizeof(uint32_t)> buf;
  fill_random(buf);
  auto id = load_big_endian<uint32_t>(buf.data() + secret_size);
  encryption_key result{std::max(id, uint32_t{1}),
                        bytes_view{buf}.first(secret_size)};
  OPENSSL_cleanse(buf.data(), buf.size());
  return result;
}

uint32_t encryption_key::id() const noexcept {
  return state_->id;
}

bytes_view encryption_key::secret() const noexcept {
  return state_->secret;
}

bytes_view encryption_key::cmac_subkey() const noexcept {
  return state_->subkey;
}

// -- keyring ------------------------------------------------------------------

namespace {

template <class Entries>
auto lookup(Entries& entries, uint32_t id) {
  return std::find_if(entries.begin(), entries.end(),
                      [id](const auto& x) { return x.key.id() == id; });
}

tl::unexpected<error> unknown(uint32_t id) {
  return fail(errc::unknown_encryption_key,
              "the keyring has no encryption key " + std::to_string(id));
}

tl::unexpected<error> retired(uint32_t id) {
  return fail(errc::unknown_encryption_key,
              "the encryption key " + std::to_string(id) + " is retired");
}

} // namespace

expected<void> keyring::add(encryption_key key) {
  if (lookup(entries_, key.id()) != entries_.end())
    return fail(errc::already_exists, "the keyring has an encryption key "
                                        + std::to_string(key.id()));
  if (entries_.empty())
    primary_ = key.id();
  entries_.push_back({std::move(key)});
  return {};
}

expected<void> keyring::set_primary(uint32_t id) {
  if (auto key = find(id); !key)
    return fail(key.error());
  primary_ = id;
  return {};
}

expected<void> keyring::retire(uint32_t id) {
  auto i = lookup(entries_, id);
  if (i == entries_.end())
    return unknown(id);
  if (id == primary_)
    return fail(errc::invalid_argument,
                "the encryption key " + std::to_string(id)
                  + " is the primary one: make another the primary first");
  i->retired = true;
  return {};
}

expected<encryption_key> keyring::primary() const {
  if (entries_.empty())
    return fail(errc::unknown_encryption_key, "the keyring is empty");
  return find(primary_);
}

expected<encryption_key> keyring::find(uint32_t id) const {
  auto i = lookup(entries_, id);
  if (i == entries_.end())
    return unknown(id);
  if (i->retired)
    return retired(id);
  return i->key;
}

} // namespace larder
