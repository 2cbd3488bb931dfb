// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

// The other process of the compliance suite, for all engines that are built in,
// for one in disguise and for some that break their promises.

#include "backends/konserve/disguise.hpp"
#include "trials/liars.hpp"

#include "larder/compliance.hpp"

int main(int argc, char** argv) {
  larder::backend_registry engines;
  trials::add_liars(engines);
  if (!engines.add(larder::test::disguised_konserve()))
    return 1;
  return larder::compliance_child_main(engines, argc, argv);
}
