// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include <string>

namespace larder::detail {

/// Returns what `Double.toString` of Java 19 and later returns: `1.5`,
/// `1.0E10`, `1.0E-5`, `-0.0`, `Infinity`, `NaN`. Of the decimals that read as
/// `x`, the shortest with two digits at least, and of those the closest.
std::string java_text(double x);

} // namespace larder::detail
