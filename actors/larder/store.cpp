// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/store.hpp"

#include "larder/detail/tier_front.hpp"
#include "larder/internal/context.hpp"
#include "larder/internal/store_actor.hpp"

#include <chrono>
#include <cstdlib>
#include <optional>
#include <thread>

namespace larder {

plugins plugins::defaults() {
  return {std::make_shared<const backend_registry>(),
          std::make_shared<const codec_registry>()};
}

namespace {

expected<std::shared_ptr<const keyring>> load_keyring(uri& where) {
  auto file = where.take("keyring");
  auto variable = where.take("passphrase-env");
  if (file.empty()) {
    if (!variable.empty())
      return fail(errc::invalid_argument,
                  "passphrase-env needs a keyring=FILE to open");
    return nullptr;
  }
  std::optional<std::string> passphrase;
  if (!variable.empty()) {
    auto content = std::getenv(variable.c_str());
    if (content == nullptr)
      return fail(errc::invalid_argument, "the environment variable " + variable
                                            + " with the passphrase is not "
                                              "set");
    passphrase = content;
  }
  auto result = keyring::load(file, passphrase);
  if (!result)
    return fail(result.error().with_context("keyring " + file));
  return std::make_shared<const keyring>(std::move(*result));
}

/// Takes the options of the chain out of the URI of a store with plain blobs.
/// Serializer and compressor are such as konserve has by default.
expected<chain_config> take_plain_chain(uri& where, const plugins& with) {
  auto serializer = where.take("serializer", "fressian");
  auto compressor = where.take("compressor", "none");
  return make_chain_config(with.codecs, serializer, compressor, "none",
                           nullptr);
}

/// Takes the options of the chain out of a URI, leaving the engine's.
expected<chain_config> take_chain(uri& where, const plugins& with) {
  auto keys = load_keyring(where);
  if (!keys)
    return fail(std::move(keys.error()));
  auto serializer = where.take("serializer", "cbor");
  auto compressor = where.take("compressor", "none");
  auto encryptor = where.take("encryptor", "none");
  auto strict = where.take_flag("require-encryption", false);
  if (!strict)
    return fail(std::move(strict.error()));
  auto result = make_chain_config(with.codecs, serializer, compressor,
                                  encryptor, std::move(*keys));
  if (!result)
    return result;
  if (*strict && result->write_encryptor == nullptr)
    return fail(errc::invalid_argument,
                "require-encryption needs an encryptor, such as "
                "encryptor=xaes-gcm");
  result->require_encryption = *strict;
  return result;
}

/// Opens a store, or creates it if there is none. Another process may be doing
/// the same: it locks the store for as long as that takes.
expected<std::unique_ptr<backend>> open_or_create(const engine& impl,
                                                  const uri& where) {
  constexpr auto pause = std::chrono::milliseconds{10};
  auto patience = 100;
  for (;;) {
    auto result = impl.open(where);
    if (!result && result.error() == errc::not_found)
      result = impl.create(where);
    auto in_between = !result
                      && (result.error() == errc::already_exists
                          || result.error() == errc::locked);
    if (!in_between || --patience == 0)
      return result;
    std::this_thread::sleep_for(pause);
  }
}

expected<std::unique_ptr<backend>>
open_engine(const engine& impl, const uri& where, open_mode mode) {
  switch (mode) {
    case open_mode::open:
      return impl.open(where);
    case open_mode::create:
      return impl.create(where);
    default:
      return open_or_create(impl, where);
  }
}

/// A URI taken apart: its engine, the engine's options, the chain.
struct location {
  uri where;
  const engine* impl;
  chain_config chain;
};

expected<location> locate(std::string_view str, const plugins& with) {
  auto where = uri::parse(str);
  if (!where)
    return fail(std::move(where.error()));
  auto impl = with.engines->find(where->scheme);
  if (!impl)
    return fail(std::move(impl.error()));
  auto plain = (*impl)->plain_blobs(*where);
  if (!plain)
    return fail(std::move(plain.error()));
  auto chain = *plain ? take_plain_chain(*where, with)
                      : take_chain(*where, with);
  if (!chain)
    return fail(std::move(chain.error()));
  return location{std::move(*where), *impl, std::move(*chain)};
}

} // namespace

expected<store_config> open_store(std::string_view str, open_mode mode,
                                  const plugins& with) {
  // The chain comes first: a bad option must not leave a new store behind.
  auto found = locate(str, with);
  if (!found)
    return fail(std::move(found.error()));
  auto opened = open_engine(*found->impl, found->where, mode);
  if (!opened)
    return fail(std::move(opened.error()));
  // Whatever were put there would be destroyed with it.
  if (detail::has_front_mark(**opened).value_or(false))
    return fail(errc::invalid_argument,
                (*opened)->name()
                  + " is the front of a tiered store, in use or left by one "
                    "that was not closed, and will be destroyed: name another "
                    "place");
  store_config result;
  result.engine = std::move(*opened);
  result.chain = std::move(found->chain);
  return result;
}

expected<bool> store_exists(std::string_view str, const plugins& with) {
  auto found = locate(str, with);
  if (!found)
    return fail(std::move(found.error()));
  return found->impl->exists(found->where);
}

expected<void> destroy_store(std::string_view str, const plugins& with) {
  auto found = locate(str, with);
  if (!found)
    return fail(std::move(found.error()));
  return found->impl->destroy(found->where);
}

caf::actor spawn_store(caf::actor_system& sys, store_config config) {
  return internal::spawn_store_actor(
    sys, std::make_shared<internal::store_context>(std::move(config)));
}

expected<caf::actor> spawn_store(caf::actor_system& sys, std::string_view uri) {
  auto config = open_store(uri);
  if (!config)
    return fail(std::move(config.error()));
  return spawn_store(sys, std::move(*config));
}

} // namespace larder
