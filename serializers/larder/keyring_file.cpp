// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

// How keyrings are stored (docs/format.md): JSON, optionally sealed with
// XAES-256-GCM under a key that scrypt derives from a passphrase.

#include "larder/detail/builtin_codecs.hpp"
#include "larder/detail/keyring_io.hpp"
#include "larder/keyring.hpp"
#include "larder/uuid.hpp"

#include <nlohmann/json.hpp>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <tuple>

namespace larder {

namespace {

using json = nlohmann::json;

constexpr std::string_view format_name = "larder keyring";
constexpr uint64_t format_version = 1;
constexpr size_t salt_size = 16;

// Bounds on what a file may make us spend: 1 GiB of memory and some seconds.
constexpr uint64_t max_scrypt_memory = uint64_t{1} << 30;
constexpr uint64_t max_scrypt_p = 16;

struct scrypt_cost {
  uint64_t n = uint64_t{1} << 17;
  uint64_t r = 8;
  uint64_t p = 1;
};

/// Wipes a string or bytes when it goes out of scope.
template <class T>
struct wiping {
  T& data;

  ~wiping() {
    OPENSSL_cleanse(data.data(), data.size());
  }
};

template <class T>
wiping(T&) -> wiping<T>;

/// Wipes all strings in `x`.
void wipe(json& x) {
  if (x.is_string()) {
    auto& str = x.get_ref<std::string&>();
    OPENSSL_cleanse(str.data(), str.size());
  } else if (x.is_structured()) {
    for (auto& item : x)
      wipe(item);
  }
}

struct wiping_json {
  json data;

  ~wiping_json() {
    wipe(data);
  }
};

tl::unexpected<error> damaged(const std::string& what) {
  return fail(errc::corruption, "not a keyring: " + what);
}

// -- members of objects -------------------------------------------------------

std::optional<uint64_t> get_number(const json& object, const char* name) {
  auto i = object.find(name);
  if (i == object.end() || !i->is_number_unsigned())
    return std::nullopt;
  return i->get<uint64_t>();
}

const std::string* get_string(const json& object, const char* name) {
  auto i = object.find(name);
  return i == object.end() ? nullptr : i->get_ptr<const std::string*>();
}

// -- the passphrase -----------------------------------------------------------

expected<encryption_key> derive(std::string_view passphrase, bytes_view salt,
                                const scrypt_cost& cost) {
  // OpenSSL needs 128 * r * (n + p + 2) bytes and refuses n that is no power
  // of two. Divisions because the numbers come from the file.
  if (cost.n < 2 || cost.r < 1 || cost.p < 1)
    return damaged("the cost of scrypt is too small");
  if (cost.p > max_scrypt_p || cost.r > max_scrypt_memory / 128 / cost.n)
    return fail(errc::limit_exceeded,
                "the keyring's scrypt cost needs more than 1 GiB of memory");
  std::array<std::byte, encryption_key::secret_size> secret;
  wiping guard{secret};
  auto ok = EVP_PBE_scrypt(
    passphrase.data(), passphrase.size(),
    reinterpret_cast<const unsigned char*>(salt.data()), salt.size(), cost.n,
    cost.r, cost.p, max_scrypt_memory + (max_scrypt_memory >> 4),
    reinterpret_cast<unsigned char*>(secret.data()), secret.size());
  if (ok != 1)
    return damaged("scrypt refuses its cost");
  return encryption_key{1, secret};
}

/// Additional data of the sealed part: all else, compact, with sorted names.
std::string clear_part(const json& file) {
  auto clear = file;
  clear.erase("sealed");
  return clear.dump();
}

expected<json> parse_object(std::string_view text) {
  // No keyring is nested deeper. Copying, wiping and printing recurse.
  constexpr int max_depth = 8;
  auto too_deep = false;
  auto check = [&](int depth, json::parse_event_t, const json&) {
    too_deep |= depth > max_depth;
    return !too_deep;
  };
  // Not the throwing overload: its messages quote the text, hence secrets.
  auto result = json::parse(text, check, false);
  if (too_deep)
    return damaged("it is nested too deeply");
  if (!result.is_object())
    return damaged("no JSON object");
  return result;
}

expected<json> unseal(const json& file, const std::string& sealed_hex,
                      std::optional<std::string_view> passphrase) {
  if (!passphrase)
    return fail(errc::invalid_argument,
                "the keyring is sealed: a passphrase is needed");
  auto kdf = file.find("kdf");
  if (kdf == file.end() || !kdf->is_object())
    return damaged("the key derivation is missing");
  auto* name = get_string(*kdf, "name");
  auto* salt_hex = get_string(*kdf, "salt");
  auto n = get_number(*kdf, "n");
  auto r = get_number(*kdf, "r");
  auto p = get_number(*kdf, "p");
  bytes salt;
  bytes sealed;
  if (name == nullptr || *name != "scrypt" || !n || !r || !p
      || salt_hex == nullptr || !from_hex(*salt_hex, salt)
      || salt.size() != salt_size)
    return damaged("the key derivation is not understood");
  if (!from_hex(sealed_hex, sealed))
    return damaged("the sealed part has other characters than hex digits");
  auto key = derive(*passphrase, salt, {*n, *r, *p});
  if (!key)
    return fail(key.error());
  auto plain = detail::make_xaes_gcm_encryptor()->decrypt(
    *key, as_bytes(clear_part(file)), sealed);
  if (!plain)
    return fail(errc::authentication_failed,
                "the passphrase is wrong or the keyring was changed");
  wiping guard{*plain};
  return parse_object(as_chars(*plain));
}

// -- text ---------------------------------------------------------------------

expected<void> read_entry(const json& x, keyring& ring,
                          std::vector<uint32_t>& retired) {
  auto id = get_number(x, "id");
  auto* secret_hex = get_string(x, "secret");
  auto is_retired = x.find("retired");
  bytes secret;
  wiping guard{secret};
  if (!id || *id == 0 || *id > UINT32_MAX)
    return damaged("an id is no number from 1 to 2^32-1");
  if (secret_hex == nullptr || !from_hex(*secret_hex, secret)
      || secret.size() != encryption_key::secret_size)
    return damaged("the secret of key " + std::to_string(*id)
                   + " has not 64 hexadecimal digits");
  if (is_retired != x.end() && !is_retired->is_boolean())
    return damaged("\"retired\" is no boolean");
  auto short_id = static_cast<uint32_t>(*id);
  if (is_retired != x.end() && is_retired->get<bool>())
    retired.push_back(short_id);
  if (auto added = ring.add({short_id, secret}); !added)
    return damaged(added.error().message());
  return {};
}

expected<keyring> read_ring(const json& x) {
  auto keys = x.find("keys");
  auto primary = get_number(x, "primary");
  if (keys == x.end() || !keys->is_array() || !primary || *primary > UINT32_MAX)
    return damaged("the keys or the primary's id are missing");
  keyring result;
  std::vector<uint32_t> retired;
  for (auto& item : *keys)
    if (auto read = read_entry(item, result, retired); !read)
      return fail(read.error());
  if (keys->empty())
    return result;
  auto ok = result.set_primary(static_cast<uint32_t>(*primary));
  for (auto i = retired.begin(); ok && i != retired.end(); ++i)
    ok = result.retire(*i);
  if (!ok)
    return damaged(ok.error().message());
  return result;
}

expected<keyring> parse_ring(std::string_view text,
                             std::optional<std::string_view> passphrase) {
  auto parsed = parse_object(text);
  if (!parsed)
    return fail(parsed.error());
  wiping_json file{std::move(*parsed)};
  auto* name = get_string(file.data, "format");
  auto version = get_number(file.data, "version");
  if (name == nullptr || *name != format_name || !version)
    return damaged("it does not say so");
  if (*version != format_version)
    return fail(errc::unsupported,
                "unknown keyring version " + std::to_string(*version));
  auto* sealed = get_string(file.data, "sealed");
  if (sealed == nullptr)
    return read_ring(file.data);
  auto unsealed = unseal(file.data, *sealed, passphrase);
  if (!unsealed)
    return fail(unsealed.error());
  wiping_json content{std::move(*unsealed)};
  return read_ring(content.data);
}

json ring_to_json(const keyring& ring) {
  auto keys = json::array();
  for (auto& x : ring.entries())
    keys.push_back({{"id", x.key.id()},
                    {"secret", to_hex(x.key.secret())},
                    {"retired", x.retired}});
  return {{"primary", ring.primary_id()}, {"keys", std::move(keys)}};
}

expected<void> seal(json& file, const json& content,
                    std::string_view passphrase) {
  if (passphrase.empty())
    return fail(errc::invalid_argument, "the passphrase is empty");
  std::array<std::byte, salt_size> salt;
  fill_random(salt);
  scrypt_cost cost;
  auto key = derive(passphrase, salt, cost);
  if (!key)
    return fail(key.error());
  file["kdf"] = {{"name", "scrypt"},
                 {"n", cost.n},
                 {"r", cost.r},
                 {"p", cost.p},
                 {"salt", to_hex(salt)}};
  auto plain = content.dump();
  wiping guard{plain};
  bytes sealed;
  if (auto ok = detail::make_xaes_gcm_encryptor()->encrypt(
        *key, as_bytes(clear_part(file)), as_bytes(plain), sealed);
      !ok)
    return ok;
  file["sealed"] = to_hex(sealed);
  return {};
}

/// Derives an id that tells secrets without one apart: the first bytes of the
/// SHA-256 of a text and the secret.
uint32_t derive_id(bytes_view secret) {
  constexpr std::string_view context = "larder key id";
  bytes input;
  input.reserve(context.size() + secret.size());
  append(input, as_bytes(context));
  append(input, secret);
  wiping guard{input};
  std::array<std::byte, 32> hash{};
  EVP_Digest(input.data(), input.size(),
             reinterpret_cast<unsigned char*>(hash.data()), nullptr,
             EVP_sha256(), nullptr);
  return std::max(load_big_endian<uint32_t>(hash.data()), uint32_t{1});
}

} // namespace

// -- keyring ------------------------------------------------------------------

expected<keyring> keyring::load(const std::string& file,
                                std::optional<std::string_view> passphrase) {
  auto content = detail::read_secret_file(file);
  if (!content)
    return fail(content.error());
  wiping guard{content->text};
  auto result = parse_ring(content->text, passphrase);
  if (!result)
    return fail(result.error().with_context(file));
  if (content->open_to_others)
    result->warning_ = file + ": others may read this keyring; chmod 600 it";
  return result;
}

expected<keyring>
keyring::from_environment(const std::string& name,
                          std::optional<std::string_view> passphrase) {
  auto* found = std::getenv(name.c_str());
  if (found == nullptr)
    return fail(errc::not_found,
                "the environment variable " + name + " is not set");
  auto text = std::string_view{found};
  bytes secret;
  wiping guard{secret};
  if (text.size() == 2 * encryption_key::secret_size
      && from_hex(text, secret)) {
    keyring result;
    std::ignore = result.add({derive_id(secret), secret});
    return result;
  }
  auto result = parse_ring(text, passphrase);
  if (!result)
    return fail(result.error().with_context(name));
  return result;
}

expected<void> keyring::save(const std::string& file,
                             std::optional<std::string_view> passphrase) const {
  wiping_json content{ring_to_json(*this)};
  wiping_json out{{{"format", format_name}, {"version", format_version}}};
  if (!passphrase)
    out.data.update(content.data);
  else if (auto ok = seal(out.data, content.data, *passphrase); !ok)
    return ok;
  auto text = out.data.dump(2) + "\n";
  wiping guard{text};
  return detail::write_secret_file(file, text);
}

} // namespace larder
