// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/codec_compliance.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <functional>
#include <stdexcept>

using namespace larder;

namespace {

using violations = std::vector<std::string>;

const codec_registry& registry() {
  static const codec_registry instance;
  return instance;
}

/// CBOR with a defect: what a test replaces is wrong.
class broken_serializer : public serializer {
public:
  std::function<expected<void>(const value&, bytes&, const limits&)> encode_with
    = [this](const value& x, bytes& out, const limits& lim) {
        return cbor_.encode(x, out, lim);
      };

  std::function<expected<value>(bytes_view, const limits&)> decode_with =
    [this](bytes_view in, const limits& lim) { return cbor_.decode(in, lim); };

  bool reads_only = false;

  uint8_t id() const noexcept override {
    return 200;
  }

  bool can_encode() const noexcept override {
    return !reads_only;
  }

  std::string_view name() const noexcept override {
    return "broken";
  }

  expected<void> encode(const value& x, bytes& out,
                        const limits& lim) const override {
    return encode_with(x, out, lim);
  }

  expected<value> decode(bytes_view in, const limits& lim) const override {
    return decode_with(in, lim);
  }

  const serializer& cbor() const {
    return cbor_;
  }

private:
  const serializer& cbor_ = *registry().find_serializer("cbor").value();
};

/// Stores bytes as they are, behind their size, and has a defect.
class plain_compressor : public compressor {
public:
  enum defect { none, ignores_bound, ignores_size, replaces_output, throws };

  explicit plain_compressor(defect what) : what_(what) {
    // nop
  }

  uint8_t id() const noexcept override {
    return 201;
  }

  std::string_view name() const noexcept override {
    return "plain";
  }

  expected<void> compress(bytes_view in, bytes& out) const override {
    if (what_ == throws)
      throw std::runtime_error("out of ideas");
    if (what_ == replaces_output)
      out.clear();
    append_big_endian(out, static_cast<uint64_t>(in.size()));
    append(out, in);
    return {};
  }

  expected<bytes> decompress(bytes_view in, size_t max_size) const override {
    if (in.size() < 8)
      return fail(errc::corruption, "too short");
    auto size = load_big_endian<uint64_t>(in.data());
    in = in.subspan(8);
    if (what_ == ignores_size) {
      bytes result(in.begin(), in.end());
      result.resize(std::min<uint64_t>(size, max_size));
      return result;
    }
    if (size != in.size())
      return fail(errc::corruption, "wrong size");
    if (size > max_size && what_ != ignores_bound)
      return fail(errc::limit_exceeded, "too large");
    return to_bytes(in);
  }

private:
  defect what_;
};

void check_found(const violations& xs, std::string_view part) {
  INFO(part);
  CHECK(std::any_of(xs.begin(), xs.end(), [&](const std::string& x) {
    return x.find(part) != x.npos;
  }));
}

} // namespace

TEST_CASE("the built-in serializers keep the contract") {
  for (auto& codec : registry().serializers())
    CHECK(check_serializer(*codec) == violations{});
}

TEST_CASE("the built-in compressors keep the contract") {
  for (auto& codec : registry().compressors())
    CHECK(check_compressor(*codec) == violations{});
}

TEST_CASE("a serializer that only passes on keeps the contract") {
  CHECK(check_serializer(broken_serializer{}) == violations{});
}

TEST_CASE("a serializer that loses a kind is found out") {
  broken_serializer codec;
  codec.encode_with = [&](const value& x, bytes& out, const limits& lim) {
    if (!x.is(value::kind::list))
      return codec.cbor().encode(x, out, lim);
    auto items = value{x}.take_items();
    return codec.cbor().encode(value::vector(std::move(items)), out, lim);
  };
  check_found(check_serializer(codec), "of kind list does not survive");
}

TEST_CASE("a serializer that is not deterministic is found out") {
  broken_serializer codec;
  std::atomic<int> counter = 0;
  codec.encode_with = [&](const value& x, bytes& out, const limits& lim) {
    if (counter++ % 3 == 0) // "self-described" changes nothing
      append(out, as_bytes("\xD9\xD9\xF7"));
    return codec.cbor().encode(x, out, lim);
  };
  auto found = check_serializer(codec);
  check_found(found, "encoded differently the second time");
  check_found(found, "equal values give different bytes");
  check_found(found, "instants of the years 1970 to 9999 differ in size");
}

TEST_CASE("a serializer that ignores limits is found out") {
  broken_serializer codec;
  limits none;
  none.max_depth = 100'000;
  codec.encode_with = [&](const value& x, bytes& out, const limits&) {
    return codec.cbor().encode(x, out, none);
  };
  codec.decode_with = [&](bytes_view in, const limits&) {
    return codec.cbor().decode(in, none);
  };
  auto found = check_serializer(codec);
  check_found(found, "encoding a value nested too deep is accepted");
  check_found(found, "decoding a value nested too deep is accepted");
}

TEST_CASE("a serializer that takes cut off or longer input is found out") {
  broken_serializer codec;
  codec.decode_with = [&](bytes_view in, const limits& lim) {
    auto res = codec.cbor().decode(in, lim);
    if (!res && !in.empty())
      res = codec.cbor().decode(in.first(in.size() - 1), lim);
    return res ? res : expected<value>{value{}};
  };
  auto found = check_serializer(codec);
  check_found(found, "cut off is taken as complete");
  check_found(found, "with a byte behind it is accepted");
}

TEST_CASE("a serializer that only reads must refuse to write, and only that") {
  broken_serializer codec;
  codec.reads_only = true;
  check_found(check_serializer(codec),
              "encoding with a serializer that only reads is accepted");
  codec.encode_with = [](const value&, bytes& out, const limits&) {
    out.push_back({});
    return fail(errc::unsupported, "no");
  };
  check_found(check_serializer(codec), "appends in spite of its refusal");
  codec.encode_with = [](const value&, bytes&, const limits&) {
    return fail(errc::unsupported, "no");
  };
  CHECK(check_serializer(codec) == violations{});
  codec.decode_with = [](bytes_view, const limits&) { return value{}; };
  check_found(check_serializer(codec),
              "an encoding with a byte behind it is accepted");
}

TEST_CASE("a serializer that throws is found out") {
  broken_serializer codec;
  codec.decode_with = [](bytes_view, const limits&) -> expected<value> {
    throw std::runtime_error("out of ideas");
  };
  check_found(check_serializer(codec), "it throws: out of ideas");
}

TEST_CASE("defects of compressors are found out") {
  using plain = plain_compressor;
  CHECK(check_compressor(plain{plain::none}) == violations{});
  check_found(check_compressor(plain{plain::ignores_bound}),
              "content over the limit is accepted");
  check_found(check_compressor(plain{plain::ignores_size}),
              "content cut off is taken as complete");
  check_found(check_compressor(plain{plain::replaces_output}),
              "compress does not append");
  check_found(check_compressor(plain{plain::throws}),
              "it throws: out of ideas");
}
