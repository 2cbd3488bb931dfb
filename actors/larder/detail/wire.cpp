// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/wire.hpp"

#include "larder/actor_types.hpp"
#include "larder/codec.hpp"

#include <algorithm>

namespace larder::detail {

namespace {

/// Messages nest the values they carry a few levels deeper.
limits wire_limits() {
  limits result;
  result.max_depth += 8;
  return result;
}

const serializer& wire_serializer() {
  static const codec_registry registry;
  static const auto* result = registry.find_serializer("cbor").value();
  return *result;
}

} // namespace

value to_wire(const error& x) {
  // A message may quote a file name or an exception, which can be anything.
  auto message = x.message();
  if (!is_utf8(message))
    for (auto& c : message)
      if (static_cast<unsigned char>(c) > 0x7F)
        c = '?';
  return value::vector(
    {static_cast<int64_t>(x.code()), std::move(message), x.data_loss()});
}

value to_wire(const revision& x) {
  return bytes{x.data.begin(), x.data.end()};
}

value to_wire(const uuid& x) {
  return x;
}

value to_wire(const metadata& x) {
  return value::vector({x.key, to_wire(x.type), x.last_write, x.extras,
                        to_wire(x.rev), to_wire(x.expiry)});
}

value to_wire(const std::shared_ptr<const bytes>& x) {
  return x ? value{*x} : value{};
}

bool from_wire(const value& in, std::string& out) {
  if (!in.is(value::kind::string))
    return false;
  out = in.as_string();
  return true;
}

bool from_wire(const value& in, error& out) {
  uint64_t number = 0;
  std::string message;
  auto data_loss = false;
  if (!in.is(value::kind::vector) || in.size() != 3
      || !from_wire(in.items()[0], number) || !from_wire(in.items()[1], message)
      || !from_wire(in.items()[2], data_loss))
    return false;
  auto code = errc::internal;
  if (number > 0xFF || !from_integer(static_cast<uint8_t>(number), code))
    message = "error " + std::to_string(number)
              + ", which only a newer version of larder knows: " + message;
  out = error{code, std::move(message), data_loss};
  return true;
}

bool from_wire(const value& in, std::optional<error>& out) {
  if (in.is_nil()) {
    out.reset();
    return true;
  }
  // There is no empty error to read into.
  out.emplace(errc::internal, "");
  return in.is(value::kind::vector) && in.size() == 1
         && from_wire(in.items()[0], *out);
}

bool from_wire(const value& in, std::chrono::milliseconds& out) {
  int64_t count = 0;
  if (!from_wire(in, count))
    return false;
  out = std::chrono::milliseconds{count};
  return true;
}

bool from_wire(const value& in, revision& out) {
  if (!in.is(value::kind::bytes) || in.size() != out.data.size())
    return false;
  auto xs = in.as_bytes();
  std::copy(xs.begin(), xs.end(), out.data.begin());
  return true;
}

bool from_wire(const value& in, uuid& out) {
  if (!in.is(value::kind::uuid))
    return false;
  out = in.as_uuid();
  return true;
}

bool from_wire(const value& in, metadata& out) {
  if (!in.is(value::kind::vector) || in.size() != 6)
    return false;
  auto xs = in.items();
  out.key = xs[0];
  out.extras = xs[3];
  return out.extras.is(value::kind::map) && from_wire(xs[1], out.type)
         && from_wire(xs[2], out.last_write) && from_wire(xs[4], out.rev)
         && from_wire(xs[5], out.expiry);
}

bool from_wire(const value& in, std::shared_ptr<const bytes>& out) {
  if (in.is_nil()) {
    out.reset();
    return true;
  }
  if (!in.is(value::kind::bytes))
    return false;
  out = std::make_shared<const bytes>(to_bytes(in.as_bytes()));
  return true;
}

std::string encode_wire(const value& fields) {
  bytes buf;
  if (!wire_serializer().encode(fields, buf, wire_limits()))
    return {};
  return std::string{as_chars(buf)};
}

bool decode_wire(std::string_view in, value& out) {
  auto res = wire_serializer().decode(as_bytes(in), wire_limits());
  if (!res)
    return false;
  out = std::move(*res);
  return true;
}

} // namespace larder::detail
