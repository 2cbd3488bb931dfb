// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

// The other process of the compliance suite, for all engines that are built in
// and for some that break their promises.

#include "trials/liars.hpp"

#include "larder/compliance.hpp"

int main(int argc, char** argv) {
  larder::backend_registry engines;
  trials::add_liars(engines);
  return larder::compliance_child_main(engines, argc, argv);
}
