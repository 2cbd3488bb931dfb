// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
