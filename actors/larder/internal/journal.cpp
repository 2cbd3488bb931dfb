// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/journal.hpp"

#include "larder/bytes.hpp"
#include "larder/text.hpp"
#include "larder/uuid.hpp"

#include <openssl/evp.h>

#include <string>
#include <system_error>

namespace larder::internal {

namespace {

/// The text of an `errno` that the message ends with, or nothing. As it is one
/// out of a fixed list, it cannot give away a key.
std::string_view system_reason(std::string_view message) {
  constexpr int last_errno = 133;
  for (int i = 1; i <= last_errno; ++i)
    if (auto reason = std::generic_category().message(i);
        message.ends_with(": " + reason))
      return message.substr(message.size() - reason.size());
  return {};
}

} // namespace

journal::journal(std::shared_ptr<log_sink> sink, bool show_keys)
  : sink_(std::move(sink)), show_keys_(show_keys) {
  fill_random(salt_);
}

void journal::write(log_level level, std::string_view name,
                    const std::vector<log_field>& fields) const {
  sink_->write({level, name, fields});
}

log_field journal::key(const value& x) const {
  auto text = to_edn(x);
  if (show_keys_)
    return {"key", std::move(text)};
  // The salt keeps those who read the log from trying out keys.
  constexpr size_t shown = 6;
  auto salted = std::string{as_chars(salt_)} + text;
  std::array<std::byte, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  auto ok = EVP_Digest(salted.data(), salted.size(),
                       reinterpret_cast<unsigned char*>(digest.data()), &size,
                       EVP_sha256(), nullptr);
  if (ok != 1)
    return {"key", "?"};
  return {"key", "#" + to_hex(std::span{digest}.first(shown))};
}

std::vector<log_field> journal::with_error(std::vector<log_field> fields,
                                           const error& err) const {
  fields.push_back({"error", to_string(err.code())});
  if (err.data_loss())
    fields.push_back({"data-loss", true});
  if (show_keys_)
    fields.push_back({"message", err.message()});
  else if (auto reason = system_reason(err.message()); !reason.empty())
    fields.push_back({"reason", reason});
  return fields;
}

} // namespace larder::internal
