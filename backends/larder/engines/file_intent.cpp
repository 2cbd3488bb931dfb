// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/file/intent.hpp"

#include <xxhash.h>

#include <algorithm>

namespace larder::detail {

namespace {

constexpr std::string_view magic = "lardrGRP";
constexpr size_t checksum_size = 8;
constexpr std::byte erase_mark{0};
constexpr std::byte put_mark{1};

uint64_t checksum_of(bytes_view data) {
  return XXH3_64bits(data.data(), data.size());
}

/// Takes a record apart from the front.
class intent_reader {
public:
  explicit intent_reader(bytes_view rest) : rest_(rest) {
    // nop
  }

  bool at_end() const noexcept {
    return rest_.empty();
  }

  std::optional<bytes_view> take(size_t n) {
    if (n > rest_.size())
      return std::nullopt;
    auto result = rest_.first(n);
    rest_ = rest_.subspan(n);
    return result;
  }

  std::optional<uint8_t> take_byte() {
    auto x = take(1);
    if (!x)
      return std::nullopt;
    return std::to_integer<uint8_t>(x->front());
  }

  std::optional<uuid> take_id() {
    uuid result;
    auto x = take(result.data.size());
    if (!x)
      return std::nullopt;
    std::copy(x->begin(), x->end(), result.data.begin());
    return result;
  }

  std::optional<intended_change> take_change() {
    intended_change result;
    auto mark = take_byte();
    auto dir = take_byte();
    if (!mark || !dir || *mark > std::to_integer<uint8_t>(put_mark))
      return std::nullopt;
    result.dir = *dir;
    if (std::byte{*mark} == put_mark && !(result.staged = take_id()))
      return std::nullopt;
    auto size = take_byte();
    auto name = size ? take(*size) : std::nullopt;
    if (!name)
      return std::nullopt;
    result.name = as_chars(*name);
    if (!parse_name(result.dir, result.name))
      return std::nullopt;
    return result;
  }

private:
  bytes_view rest_;
};

} // namespace

expected<bytes> encode_intent(const uuid& id, const intent& changes) {
  auto result = to_bytes(magic);
  append(result, id.data);
  for (auto& x : changes) {
    result.push_back(x.staged ? put_mark : erase_mark);
    result.push_back(static_cast<std::byte>(x.dir));
    if (x.staged)
      append(result, x.staged->data);
    result.push_back(static_cast<std::byte>(x.name.size()));
    append(result, as_bytes(x.name));
  }
  append_big_endian(result, checksum_of(result));
  if (result.size() > max_intent_size)
    return fail(errc::limit_exceeded, "too many mutations in groups at once");
  return result;
}

expected<intent> decode_intent(const uuid& id, bytes_view data) {
  auto damaged = fail(errc::corruption, "the record of groups is damaged");
  if (data.size() < magic.size() + id.data.size() + checksum_size)
    return damaged;
  auto body = data.first(data.size() - checksum_size);
  if (load_big_endian<uint64_t>(data.data() + body.size()) != checksum_of(body))
    return damaged;
  intent_reader in{body};
  if (as_chars(*in.take(magic.size())) != magic)
    return damaged;
  if (in.take_id() != id)
    return fail(errc::corruption, "the record of groups is of another store");
  intent result;
  while (!in.at_end()) {
    auto change = in.take_change();
    if (!change)
      return damaged;
    result.push_back(std::move(*change));
  }
  return result;
}

int carry_out(file_ops& ops, const std::string& root,
              const intended_change& change) {
  auto dir = root + "/" + dir_name(change.dir) + "/";
  auto path = dir + change.name;
  if (change.staged)
    return ops.rename(dir + staging_name(change.name, *change.staged), path);
  return ops.unlink(path);
}

} // namespace larder::detail
