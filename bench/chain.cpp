// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

// What the chain costs beside the libraries that it calls: 1 MiB of JSON-like
// text through CBOR, LZ4 and AES-256-GCM, both ways. The raw calls get buffers
// that are ready, and do neither metadata nor header nor key derivation.

#include "larder/chain.hpp"

#include "measure.hpp"

#include "larder/detail/xxh3.hpp"
#include "larder/key.hpp"
#include "larder/text.hpp"

#include <lz4frame.h>
#include <openssl/evp.h>

#include <array>

using namespace larder;
using namespace bench;

namespace {

constexpr size_t text_size = size_t{1} << 20;
constexpr size_t rounds = 15;
constexpr size_t repeats = 20;
constexpr size_t tag_size = 16;

/// Text as programs store it: an array of records, about `text_size` bytes.
std::string json_text() {
  constexpr std::array names{"Ada", "Grace", "Edsger", "Barbara", "Leslie"};
  std::string result = "[";
  uint64_t x = 1;
  while (result.size() < text_size) {
    x = x * 6364136223846793005 + 1442695040888963407;
    fmt::format_to(std::back_inserter(result),
                   "{}{{\"id\": {}, \"name\": \"{}\", \"email\": \"u{}@example."
                   "org\", \"score\": {}, \"active\": {}}}",
                   result.size() > 1 ? ", " : "", x >> 32,
                   names[(x >> 33) % names.size()], x >> 40, (x >> 50) / 100.0,
                   (x >> 60) % 2 == 0);
  }
  return result + "]";
}

bool succeeded(int result) {
  return result == 1;
}

// -- the raw calls ------------------------------------------------------------

/// The libraries without larder. Every buffer is there before the first call.
class raw_calls {
public:
  raw_calls(const serializer& ser, const value& x)
    : serializer_(ser), ctx_(EVP_CIPHER_CTX_new()) {
    prefs_.frameInfo.blockSizeID = LZ4F_max4MB;
    prefs_.frameInfo.blockMode = LZ4F_blockIndependent;
    LZ4F_createDecompressionContext(&lz4_, LZ4F_VERSION);
    need(serializer_.encode(x, plain_, {}));
    packed_.resize(LZ4F_compressFrameBound(plain_.size(), &prefs_));
    sealed_.resize(packed_.size());
  }

  raw_calls(const raw_calls&) = delete;

  raw_calls& operator=(const raw_calls&) = delete;

  ~raw_calls() {
    LZ4F_freeDecompressionContext(lz4_);
    EVP_CIPHER_CTX_free(ctx_);
  }

  void encode(const value& x) {
    plain_.clear();
    need(serializer_.encode(x, plain_, {}));
    packed_size_ = LZ4F_compressFrame(packed_.data(), packed_.size(),
                                      plain_.data(), plain_.size(), &prefs_);
    auto n = 0;
    auto ok
      = !LZ4F_isError(packed_size_)
        && succeeded(EVP_EncryptInit_ex2(ctx_, EVP_aes_256_gcm(), key_.data(),
                                         nonce_.data(), nullptr))
        && succeeded(EVP_EncryptUpdate(ctx_, sealed_bytes(), &n, packed_bytes(),
                                       static_cast<int>(packed_size_)))
        && succeeded(EVP_EncryptFinal_ex(ctx_, sealed_bytes() + n, &n))
        && succeeded(EVP_CIPHER_CTX_ctrl(ctx_, EVP_CTRL_AEAD_GET_TAG, tag_size,
                                         tag_.data()));
    if (!ok)
      give_up("the raw calls failed to encode");
    checksum_ = XXH3_64bits(sealed_.data(), packed_size_);
  }

  /// @pre `encode` was called
  value decode() {
    auto n = 0;
    auto ok
      = XXH3_64bits(sealed_.data(), packed_size_) == checksum_
        && succeeded(EVP_DecryptInit_ex2(ctx_, EVP_aes_256_gcm(), key_.data(),
                                         nonce_.data(), nullptr))
        && succeeded(EVP_DecryptUpdate(ctx_, packed_bytes(), &n, sealed_bytes(),
                                       static_cast<int>(packed_size_)))
        && succeeded(EVP_CIPHER_CTX_ctrl(ctx_, EVP_CTRL_AEAD_SET_TAG, tag_size,
                                         tag_.data()))
        && succeeded(EVP_DecryptFinal_ex(ctx_, packed_bytes() + n, &n));
    auto out = plain_.size();
    auto in = packed_size_;
    if (!ok
        || LZ4F_decompress(lz4_, plain_.data(), &out, packed_.data(), &in,
                           nullptr)
             != 0)
      give_up("the raw calls failed to decode");
    return need(serializer_.decode(plain_, {}));
  }

private:
  unsigned char* packed_bytes() {
    return reinterpret_cast<unsigned char*>(packed_.data());
  }

  unsigned char* sealed_bytes() {
    return reinterpret_cast<unsigned char*>(sealed_.data());
  }

  const serializer& serializer_;
  LZ4F_preferences_t prefs_ = LZ4F_INIT_PREFERENCES;
  LZ4F_dctx* lz4_ = nullptr;
  EVP_CIPHER_CTX* ctx_;
  bytes plain_;
  bytes packed_;
  bytes sealed_;
  size_t packed_size_ = 0;
  uint64_t checksum_ = 0;
  std::array<unsigned char, 32> key_{};
  std::array<unsigned char, 12> nonce_{};
  std::array<unsigned char, tag_size> tag_{};
};

// -- comparing ----------------------------------------------------------------

candidate speed_of(std::function<void()> f) {
  return [f] {
    stopwatch watch;
    for (size_t i = 0; i < repeats; ++i)
      f();
    return repeats / watch.seconds();
  };
}

void compare(const std::string& what, const chain& blobs, const value& x) {
  metadata meta;
  meta.key = "key";
  auto key = need(encode_key(meta.key));
  auto blob = need(blobs.encode(key, meta, x));
  raw_calls raw{*blobs.config().write_serializer, x};
  raw.encode(x);
  if (raw.decode() != x || need(blobs.decode(key, blob)).content != x)
    give_up("what was decoded is not what was encoded");
  auto figures
    = alternate(rounds, {
                          speed_of([&] { need(blobs.encode(key, meta, x)); }),
                          speed_of([&] { raw.encode(x); }),
                          speed_of([&] { need(blobs.decode(key, blob)); }),
                          speed_of([&] { raw.decode(); }),
                        });
  auto report = [&](const char* direction, size_t i) {
    print({fmt::format("{} {}, chain / raw calls", direction, what),
           median_ratio(figures[i], figures[i + 1]),
           "x",
           "at least",
           0.85,
           {{"per second", median(figures[i])},
            {"compared with", median(figures[i + 1])}}});
  };
  report("encode", 0);
  report("decode", 2);
}

} // namespace

int main() {
  keyring keys;
  need(keys.add(encryption_key::random()));
  chain blobs{
    uuid::random(),
    need(make_chain_config(std::make_shared<codec_registry>(), "cbor", "lz4",
                           "xaes-gcm", std::make_shared<keyring>(keys)))};
  auto text = json_text();
  compare("1 MiB of JSON-like text as one string", blobs, text);
  compare("1 MiB of JSON-like text as records", blobs, need(parse_json(text)));
  return EXIT_SUCCESS;
}
