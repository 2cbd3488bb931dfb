// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/codec.hpp"

#include "larder/detail/builtin_codecs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string>

namespace larder {

namespace {

constexpr uint8_t first_user_id = 192;

/// What a codec in a header or configuration is called if there is none.
constexpr std::string_view none = "none";

template <class Codecs>
std::string list_of(const Codecs& known) {
  std::string result;
  for (auto& x : known)
    fmt::format_to(std::back_inserter(result), "{}{} ({})",
                   result.empty() ? "" : ", ", x->name(), x->id());
  return result.empty() ? "none" : result;
}

template <class Codecs, class Codec>
expected<void> add_to(Codecs& known, std::shared_ptr<const Codec> x,
                      std::string_view what) {
  if (x == nullptr)
    return fail(errc::invalid_argument,
                fmt::format("cannot add a null pointer as {}", what));
  auto refuse = [&](std::string_view why) {
    return fail(errc::invalid_argument,
                fmt::format("cannot add {} \"{}\" ({}): {}; registered are {}",
                            what, x->name(), x->id(), why, list_of(known)));
  };
  if (x->id() < first_user_id)
    return refuse("ids below 192 are reserved, choose one up to 255");
  if (x->name().empty() || x->name() == none)
    return refuse("it needs a name other than \"none\"");
  for (auto& y : known)
    if (y->id() == x->id() || y->name() == x->name())
      return refuse("its id or name is taken");
  known.push_back(std::move(x));
  return {};
}

template <class Codecs, class Pred>
auto find_if(const Codecs& known, Pred pred) {
  auto i = std::find_if(known.begin(), known.end(), pred);
  return i != known.end() ? i->get() : nullptr;
}

template <class Codec>
expected<const Codec*>
find_in(const std::vector<std::shared_ptr<const Codec>>& known, uint8_t id,
        std::string_view what) {
  if (auto ptr = find_if(known, [&](auto& x) { return x->id() == id; }))
    return ptr;
  return fail(errc::unknown_codec,
              fmt::format("no {} has the id {}: register it, known are {}",
                          what, id, list_of(known)));
}

template <class Codec>
expected<const Codec*>
find_in(const std::vector<std::shared_ptr<const Codec>>& known,
        std::string_view name, std::string_view what) {
  if (auto ptr = find_if(known, [&](auto& x) { return x->name() == name; }))
    return ptr;
  return fail(errc::unknown_codec,
              fmt::format("no {} is called \"{}\": register it, known are {}",
                          what, name, list_of(known)));
}

} // namespace

expected<value>
serializer::decode_shared(bytes_view in, const limits& lim,
                          const std::shared_ptr<const void>&) const {
  return decode(in, lim);
}

codec_registry::codec_registry()
  : serializers_{detail::make_edn_serializer(),
                 detail::make_fressian_serializer(),
                 detail::make_clj_cbor_serializer(),
                 detail::make_cbor_serializer(),
                 detail::make_boost_binary_serializer()},
    compressors_{detail::make_lz4_compressor(), detail::make_zstd_compressor()},
    encryptors_{detail::make_xaes_gcm_encryptor()} {
  // nop
}

expected<void> codec_registry::add(std::shared_ptr<const serializer> x) {
  return add_to(serializers_, std::move(x), "serializer");
}

expected<void> codec_registry::add(std::shared_ptr<const compressor> x) {
  return add_to(compressors_, std::move(x), "compressor");
}

expected<void> codec_registry::add(std::shared_ptr<const encryptor> x) {
  return add_to(encryptors_, std::move(x), "encryptor");
}

expected<const serializer*> codec_registry::find_serializer(uint8_t id) const {
  return find_in(serializers_, id, "serializer");
}

expected<const serializer*>
codec_registry::find_serializer(std::string_view name) const {
  return find_in(serializers_, name, "serializer");
}

expected<const compressor*> codec_registry::find_compressor(uint8_t id) const {
  if (id == 0)
    return nullptr;
  return find_in(compressors_, id, "compressor");
}

expected<const compressor*>
codec_registry::find_compressor(std::string_view name) const {
  if (name == none)
    return nullptr;
  return find_in(compressors_, name, "compressor");
}

expected<const encryptor*> codec_registry::find_encryptor(uint8_t id) const {
  if (id == 0)
    return nullptr;
  return find_in(encryptors_, id, "encryptor");
}

expected<const encryptor*>
codec_registry::find_encryptor(std::string_view name) const {
  if (name == none)
    return nullptr;
  return find_in(encryptors_, name, "encryptor");
}

} // namespace larder
