// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

// The test vectors in docs/format.md are what the library writes and reads.

#include "serializers/blobs.hpp"
#include "serializers/documents.hpp"

using namespace larder;
using namespace larder::test;

namespace {

metadata vector_meta() {
  metadata result;
  result.key = kw("k");
  result.last_write = 1'700'000'000'123;
  result.rev = *revision::parse("000102030405060708090a0b0c0d0e0f");
  return result;
}

bytes vector_after(const std::string& title) {
  return documented_vector("format.md", title);
}

const value vector_value = value::vector({1, "two", kw("three")});

} // namespace

TEST_CASE("the documented vectors of values hold", "[format]") {
  auto clear = make_chain({"cbor", "none", "none"});
  CHECK(vector_after("The value, in the clear:")
        == clear.encode(":k", vector_meta(), vector_value));
  auto sealed = vector_after("The value, encrypted:");
  auto doc = make_chain().decode(":k", sealed);
  INFO((doc ? "" : to_string(doc.error())));
  REQUIRE(doc);
  CHECK(doc->content == vector_value);
  CHECK(doc->meta.to_value() == vector_meta().to_value());
}

TEST_CASE("the documented vectors of binaries hold", "[format]") {
  auto clear = make_chain({"cbor", "none", "none"});
  chunk_encoder enc{clear, ":k", vector_meta()};
  bytes body;
  REQUIRE(enc.update(to_bytes("hello"), body));
  REQUIRE(enc.finish(body));
  auto blob = enc.prefix(vector_meta().last_write);
  REQUIRE(blob);
  append(*blob, body);
  CHECK(vector_after("The binary, in the clear:") == *blob);
  auto sealed = vector_after("The binary, encrypted:");
  auto ch = make_chain();
  auto reader = open_binary(ch, kw("k"), sealed);
  REQUIRE(reader);
  CHECK(reader->read(0, 100) == to_bytes("hello"));
}
