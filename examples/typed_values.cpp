// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

// Stores C++ objects as values: a program writes an account, a newer program
// with another account class reads it, and both reach into it by path.

#include "larder/path.hpp"
#include "larder/text.hpp"
#include "larder/typed.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

// -- the classes --------------------------------------------------------------

/// The program as it was first released.
namespace v1 {

struct account {
  std::string name;
  std::string city;
  std::vector<int> orders;

  template <class Archive>
  void serialize(Archive& ar, unsigned /* version */) {
    ar& BOOST_SERIALIZATION_NVP(name);
    ar& BOOST_SERIALIZATION_NVP(city);
    ar& BOOST_SERIALIZATION_NVP(orders);
  }
};

} // namespace v1

/// The next release: the city became a part of an address.
namespace v2 {

struct address {
  std::string city;
  std::optional<std::string> country;

  template <class Archive>
  void serialize(Archive& ar, unsigned /* version */) {
    ar& BOOST_SERIALIZATION_NVP(city);
    ar& BOOST_SERIALIZATION_NVP(country);
  }
};

struct account {
  std::string name;
  struct address address;
  std::vector<int> orders;

  template <class Archive>
  void serialize(Archive& ar, unsigned version) {
    ar& BOOST_SERIALIZATION_NVP(name);
    if (version < 1)
      ar& boost::serialization::make_nvp("city", address.city);
    else
      ar& BOOST_SERIALIZATION_NVP(address);
    ar& BOOST_SERIALIZATION_NVP(orders);
  }
};

} // namespace v2

BOOST_CLASS_VERSION(v2::account, 1)

// -- the story ----------------------------------------------------------------

namespace {

/// Returns the result or ends the program.
template <class T>
T checked(larder::expected<T> x) {
  if (x)
    return std::move(*x);
  fmt::print(stderr, "unexpected {}\n", to_string(x.error()));
  std::exit(EXIT_FAILURE);
}

template <class T>
void show_refusal(const char* what, const larder::expected<T>& x) {
  if (x) {
    fmt::print(stderr, "{}: accepted, but should not be\n", what);
    std::exit(EXIT_FAILURE);
  }
  fmt::print("{}\n  {}\n", what, to_string(x.error()));
}

} // namespace

int main() {
  using namespace larder;

  // The first release stores an object ...
  auto stored = checked(to_value(v1::account{"Ada", "London", {17, 42}}));
  fmt::print("release 1 wrote\n  {}\n", to_edn(stored));

  // ... which is plain data: any part of it can be read and changed by path.
  auto second = checked(get_in(stored, path{"orders", 1}));
  fmt::print("the second order is\n  {}\n", to_edn(second));
  stored = checked(assoc_in(stored, path{"city"}, "Ockham"));
  stored = checked(assoc_in(stored, path{"note"}, "prefers letters"));
  fmt::print("changed by path\n  {}\n", to_edn(stored));

  // The next release reads it: serialize is told that version 0 wrote it.
  auto ada = checked(from_value<v2::account>(stored));
  fmt::print("release 2 reads\n  {} lives in {}\n", ada.name, ada.address.city);

  // What it writes replaces the object, and keeps the note that no release
  // has a member for.
  ada.address.country = "England";
  stored = checked(merge_value(stored, ada));
  stored = checked(dissoc_in(stored, path{"city"})); // where release 1 had it
  fmt::print("release 2 wrote\n  {}\n", to_edn(stored));
  auto city = checked(get_in(stored, path{"address", "city"}));
  fmt::print("the city is\n  {}\n", to_edn(city));

  // Nothing is misread.
  show_refusal("release 1 reads what release 2 wrote",
               from_value<v1::account>(stored));
  auto broken = checked(assoc_in(stored, path{"address", "city"}, 7));
  show_refusal("release 2 reads a city that is a number",
               from_value<v2::account>(broken));
}
