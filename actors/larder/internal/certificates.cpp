// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/certificates.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>

namespace larder::internal {

namespace {

/// Answers the question for a passphrase, which would go to the terminal.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

expected<void> check_readable(const std::string& file) {
  std::ifstream in{file, std::ios::binary};
  if (in && in.peek() != std::ifstream::traits_type::eof())
    return {};
  return fail(errc::invalid_argument,
              "cannot read " + file + ": "
                + (in ? "it is empty" : std::strerror(errno)));
}

} // namespace

expected<void> check_certificates(const detail::certificate_files& files) {
  for (auto* file : {&files.certificate, &files.key, &files.ca})
    if (auto res = check_readable(*file); !res)
      return res;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> ctx{
    SSL_CTX_new(TLS_method()), SSL_CTX_free};
  if (!ctx)
    return fail(errc::internal, "OpenSSL cannot make a context");
  SSL_CTX_set_default_passwd_cb(ctx.get(), no_passphrase);
  auto refuse = [](const std::string& what) {
    ERR_clear_error();
    return fail(errc::invalid_argument, what);
  };
  if (SSL_CTX_use_certificate_chain_file(ctx.get(), files.certificate.c_str())
      != 1)
    return refuse(files.certificate + " is no certificate in PEM form");
  if (SSL_CTX_use_PrivateKey_file(ctx.get(), files.key.c_str(),
                                  SSL_FILETYPE_PEM)
      != 1)
    return refuse(files.key + " is not the key of " + files.certificate
                  + " in PEM form without a passphrase");
  if (SSL_CTX_load_verify_locations(ctx.get(), files.ca.c_str(), nullptr) != 1)
    return refuse(files.ca + " has no certificates in PEM form");
  return {};
}

} // namespace larder::internal
