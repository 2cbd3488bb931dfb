// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

// Opens a store that konserve wrote, changes one field of one value by path,
// and shows the header of the value's file before and after:
//
//     konserve_field DIRECTORY KEY PATH VALUE
//     konserve_field my-store '"user/7"' '[:address :city]' '"London"'
//
// Key, path and value are EDN. Options of the engine may follow the directory,
// as in 'my-store?key-file=FILE&encryptor=aes-gcm'.

#include "larder/blocking_client.hpp"
#include "larder/header.hpp"
#include "larder/konserve/hasch.hpp"
#include "larder/store.hpp"
#include "larder/text.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <string>

namespace {

using namespace larder;

/// Returns the result or ends the program.
template <class T>
T checked(expected<T> x) {
  if (x)
    return std::move(*x);
  fmt::print(stderr, "konserve_field: {}\n", to_string(x.error()));
  std::exit(EXIT_FAILURE);
}

/// Prints the 20 bytes that every file of konserve's begins with.
void show_header(const char* when, const std::string& file) {
  bytes start(header::size_v1);
  std::ifstream in{file, std::ios::binary};
  in.read(reinterpret_cast<char*>(start.data()),
          static_cast<std::streamsize>(start.size()));
  if (!in)
    checked<bytes>(fail(errc::io_error, "cannot read " + file));
  auto h = checked(header::decode(start));
  fmt::print("{}\n  {}\n  serializer {}, compressor {}, encryptor {}, "
             "{} bytes of metadata\n",
             when, to_hex(start), h.serializer_id, h.compressor_id,
             h.encryptor_id, h.metadata_size);
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    fmt::print(stderr, "usage: konserve_field DIRECTORY KEY PATH VALUE\n");
    return 2;
  }
  std::string where = argv[1];
  auto directory = where.substr(0, where.find('?'));
  auto key = checked(parse_edn(argv[2]));
  auto steps = checked(parse_edn(argv[3]));
  if (!steps.is(value::kind::vector))
    checked<value>(fail(errc::invalid_argument, "the path must be a vector"));
  auto content = checked(parse_edn(argv[4]));
  auto file = directory + "/" + checked(konserve::file_name(key));

  init_actor_types();
  caf::actor_system_config cfg;
  add_actor_types(cfg);
  caf::actor_system sys{cfg};
  auto config = checked(open_store("konserve:" + where, open_mode::open));
  blocking_client store{sys, spawn_store(sys, std::move(config))};

  show_header("before", file);
  fmt::print("  {}\n", to_edn(checked(store.get(key))));
  auto items = steps.items();
  checked(store.put_in(key, path{items.begin(), items.end()}, content));
  show_header("after", file);
  fmt::print("  {}\n", to_edn(checked(store.get(key))));
  return store.close_store() ? EXIT_SUCCESS : EXIT_FAILURE;
}
