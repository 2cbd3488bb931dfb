// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

// Must not compile: a member is a pointer.

#include "larder/typed.hpp"

#include <memory>

struct node {
  std::shared_ptr<int> next;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& BOOST_SERIALIZATION_NVP(next);
  }
};

int main() {
  return larder::to_value(node{}).has_value();
}
