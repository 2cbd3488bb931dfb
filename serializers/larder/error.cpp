// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/error.hpp"

namespace larder {

std::string_view to_string(errc code) noexcept {
  switch (code) {
    case errc::not_found:
      return "not_found";
    case errc::precondition_failed:
      return "precondition_failed";
    case errc::already_exists:
      return "already_exists";
    case errc::invalid_argument:
      return "invalid_argument";
    case errc::parse_error:
      return "parse_error";
    case errc::invalid_path:
      return "invalid_path";
    case errc::wrong_type:
      return "wrong_type";
    case errc::out_of_range:
      return "out_of_range";
    case errc::unknown_function:
      return "unknown_function";
    case errc::function_failed:
      return "function_failed";
    case errc::unsupported:
      return "unsupported";
    case errc::limit_exceeded:
      return "limit_exceeded";
    case errc::overloaded:
      return "overloaded";
    case errc::timeout:
      return "timeout";
    case errc::unavailable:
      return "unavailable";
    case errc::closed:
      return "closed";
    case errc::locked:
      return "locked";
    case errc::conflict:
      return "conflict";
    case errc::io_error:
      return "io_error";
    case errc::corruption:
      return "corruption";
    case errc::authentication_failed:
      return "authentication_failed";
    case errc::unknown_encryption_key:
      return "unknown_encryption_key";
    case errc::unknown_codec:
      return "unknown_codec";
    case errc::internal:
      return "internal";
    case errc::refused:
      return "refused";
  }
  return "unknown_error";
}

bool is_retryable(errc code) noexcept {
  return code == errc::overloaded || code == errc::timeout
         || code == errc::unavailable || code == errc::conflict
         || code == errc::locked;
}

std::string to_string(const error& err) {
  return std::string{to_string(err.code())} + ": " + err.message();
}

} // namespace larder
