// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/exceptions.hpp"

#include <exception>
#include <new>
#include <string>

namespace larder::detail {

namespace {

error make_error(errc code, std::string what, bool data_loss) {
  return {data_loss ? errc::io_error : code, std::move(what), data_loss};
}

} // namespace

error out_of_memory() {
  return {errc::limit_exceeded, "out of memory"};
}

error error_of_exception(bool data_loss) {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return make_error(errc::limit_exceeded, "out of memory", data_loss);
  } catch (const std::exception& ex) {
    return make_error(errc::internal, ex.what(), data_loss);
  } catch (...) {
    return make_error(errc::internal, "unknown exception", data_loss);
  }
}

} // namespace larder::detail
