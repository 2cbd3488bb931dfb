// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

// Must not compile: a member has no name.

#include "larder/typed.hpp"

struct point {
  int x = 0;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& x;
  }
};

int main() {
  return larder::from_value<point>(larder::value{}).has_value();
}
