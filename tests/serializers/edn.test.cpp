// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "serializers/arbitrary_value.hpp"

#include "larder/text.hpp"

#include <catch2/catch.hpp>
#include <rapidcheck/catch.h>

using namespace larder;

TEST_CASE("every value survives printing and reading as EDN") {
  rc::prop("reading what was printed gives an equal value",
           [](const value& x) { RC_ASSERT(parse_edn(to_edn(x)) == x); });
}
