// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/compliance_checks.hpp"

#include <set>

namespace larder::detail {

namespace {

/// Longest key that the suite makes to find a limit.
constexpr uint64_t longest_key = uint64_t{1} << 20;

/// Keys that engines have mistaken for one another or for something else.
std::set<std::string> awkward_keys() {
  using namespace std::string_literals;
  std::set<std::string> result{
    "."s,
    ".."s,
    "/"s,
    "//"s,
    "a/b"s,
    "a/"s,
    "/a"s,
    "a//b"s,
    "../a"s,
    "%"s,
    "%2F"s,
    "%2f"s,
    "%00"s,
    "a%b"s,
    "a\nb"s,
    "a\r\nb"s,
    "\t"s,
    " "s,
    "a "s,
    " a"s,
    "a\0b"s,
    "a\0c"s,
    "a\0"s,
    "\0\0"s,
    "a"s,
    "A"s,
    "aB"s,
    "Ab"s,
    "\""s,
    "\"a"s,
    "'"s,
    "a'b\"c`d"s,
    "\\"s,
    "a\\b"s,
    "*"s,
    "?"s,
    "_"s,
    "%_"s,
    "a;b"s,
    "a|b"s,
    "-"s,
    "--help"s,
    "~"s,
    "$HOME"s,
    "${x}"s,
    "con"s,
    "NUL"s,
    "a.new"s,
    "a.tmp"s,
    ".hidden"s,
    "a.ksv"s,
    "lock"s,
    "LOCK"s,
    "id"s,
    "0"s,
    "00"s,
    "-5"s,
    "1e3"s,
    "nil"s,
    "null"s,
    "\xC3\xBC"s,
    "u\xCC\x88"s,
    "\xC3\x9C"s,
    "\xFF"s,
    "\xFE\xFF"s,
    "\xC0\x80"s,
    "\xED\xA0\x80"s,
    "日本語"s,
    "\U0001F600"s,
    "ß"s,
    "ss"s,
    "ı"s,
    "i"s,
    "I"s,
    "İ"s,
  };
  for (int c = 0; c < 256; ++c)
    result.insert(std::string(1, static_cast<char>(c)));
  return result;
}

/// Puts, finds, lists and erases all keys that are not too long.
void exercise(trial& t, const std::set<std::string>& keys) {
  auto max = t.store().caps().max_key_size;
  std::map<std::string, blob_ptr> blobs;
  uint8_t seed = 0;
  for (auto& key : keys)
    if (key.size() <= max)
      blobs[key] = sample_blob(10, seed++);
  t.must_put_all(blobs);
  t.expect_contents(blobs, "among others");
  for (auto& [key, blob] : blobs) {
    auto page = t.store().list({key, {}, 1, blob_part::none});
    t.require_value(page, "listing with the prefix " + printable(key));
  }
  t.reopen();
  std::vector<mutation> batch;
  for (auto& [key, blob] : blobs)
    if (batch.size() * 2 < blobs.size())
      batch.push_back({key, std::monostate{}, {}});
  for (auto& outcome : t.commit(batch)) {
    t.require_value(outcome, "erasing");
    t.expect(outcome->existed, "erasing says that the key did not exist");
  }
  for (auto& x : batch)
    blobs.erase(x.key);
  t.expect_contents(blobs, "after erasing others");
}

void any_key(trial& t) {
  exercise(t, awkward_keys());
}

void long_keys(trial& t) {
  std::set<std::string> keys;
  for (size_t size : {100, 200, 255, 256, 257, 1000, 5000}) {
    std::string base(size, 'x');
    keys.insert(base);
    for (auto pos : {size_t{0}, size / 2, size - 1}) {
      auto key = base;
      for (char c : {'y', 'X', '/', '\0'}) {
        key[pos] = c;
        keys.insert(key);
      }
    }
    keys.insert(base + "y");
    keys.insert(std::string(size, '/'));
    keys.insert(std::string(size, '\xFF'));
    keys.insert(std::string(size, '\0'));
  }
  exercise(t, keys);
}

void oversized_keys(trial& t) {
  auto max = t.store().caps().max_key_size;
  if (max > longest_key)
    t.skip("the engine takes longer keys than the suite makes");
  auto blob = sample_blob(10);
  std::string greatest(max, 'k');
  t.must_put(greatest, blob);
  t.expect_content(greatest, blob, "of the greatest size");
  t.expect_error(t.put(greatest + "k", blob), errc::limit_exceeded,
                 "putting a key of one byte more than max_key_size");
  t.expect_contents({{greatest, blob}}, "after refusing a key");
}

constexpr compliance_check checks[] = {
  {"any-key-works", any_key},
  {"long-keys-are-told-apart", long_keys},
  {"oversized-keys-are-refused", oversized_keys},
};

} // namespace

std::span<const compliance_check> key_checks() {
  return checks;
}

} // namespace larder::detail
