// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "failure.hpp"

#include <cerrno>

namespace larder::detail {

namespace {

errc code_of(int rc) {
  switch (rc) {
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
      return errc::corruption;
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
    case ENOMEM:
      return errc::limit_exceeded;
    case MDB_READERS_FULL:
      return errc::overloaded;
    case MDB_BAD_TXN:
    case MDB_BAD_DBI:
    case MDB_BAD_VALSIZE:
    case MDB_KEYEXIST:
    case MDB_NOTFOUND:
    case EINVAL:
      return errc::internal;
    default:
      return errc::io_error;
  }
}

std::string_view advice(int rc) {
  switch (rc) {
    case MDB_INVALID:
      return "; it is no LMDB file or its first pages are damaged";
    case MDB_VERSION_MISMATCH:
      return "; another version of LMDB has it open or has written it";
    case MDB_READERS_FULL:
      return "; too many processes read at once, try again later";
    case MDB_PANIC:
      return "; close the store everywhere in this process and open it again";
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return "; make room on the medium";
    default:
      return "";
  }
}

} // namespace

error lmdb_failure(std::string_view verb, const std::string& path, int rc) {
  auto message = "cannot " + std::string{verb} + " " + path + ": "
                 + mdb_strerror(rc) + std::string{advice(rc)};
  return {code_of(rc), std::move(message)};
}
} // namespace larder::detail
