// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/konserve/revision.hpp"

#include <xxhash.h>

namespace larder::detail::ksv {

namespace {

constexpr int64_t ms_per_s = 1000;
constexpr int64_t ns_per_ms = 1'000'000;
constexpr size_t uuid_size = 36;

bool same(const struct timespec& x, const struct timespec& y) {
  return x.tv_sec == y.tv_sec && x.tv_nsec == y.tv_nsec;
}

} // namespace

std::string revision_token(const revision& rev, int64_t last_write) {
  return to_string(uuid{rev.data}) + "-" + std::to_string(last_write);
}

struct timespec revision_time(const revision& rev, int64_t last_write) {
  auto ms = last_write % ms_per_s;
  auto s = last_write / ms_per_s;
  if (ms < 0) {
    ms += ms_per_s;
    --s;
  }
  auto below_ms = load_big_endian<uint32_t>(rev.data.data()) % ns_per_ms;
  return {static_cast<time_t>(s),
          static_cast<long>(ms * ns_per_ms + int64_t{below_ms})};
}

std::optional<revision> parse_token(std::string_view token, int64_t last_write,
                                    const struct timespec& modified) {
  if (token.size() < uuid_size + 2 || token[uuid_size] != '-')
    return std::nullopt;
  auto id = uuid::parse(token.substr(0, uuid_size));
  if (!id)
    return std::nullopt;
  revision result{id->data};
  if (!result.valid() || revision_token(result, last_write) != token
      || !same(revision_time(result, last_write), modified))
    return std::nullopt;
  return result;
}

revision derived_revision(bytes_view prefix, const struct stat& status) {
  auto data = to_bytes(prefix);
  append_big_endian(data, static_cast<uint64_t>(status.st_ino));
  append_big_endian(data, static_cast<int64_t>(status.st_mtim.tv_sec));
  append_big_endian(data, static_cast<int64_t>(status.st_mtim.tv_nsec));
  append_big_endian(data, static_cast<int64_t>(status.st_size));
  auto hash = XXH3_128bits(data.data(), data.size());
  revision result;
  store_big_endian(result.data.data(), hash.high64);
  store_big_endian(result.data.data() + sizeof(hash.high64), hash.low64);
  return result;
}

} // namespace larder::detail::ksv
