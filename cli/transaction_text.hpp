// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Transactions as text: what `txn` reads and prints. docs/cli.md has the
/// grammar.

#pragma once

#include "command.hpp"

#include "larder/messages/batches.hpp"

namespace larder::cli {

/// Reads the map `{:if [condition …] :then [operation …] :else [operation …]}`.
/// Names may be keywords or strings.
/// @returns a usage error that names the condition or operation, counted from 1
result<transact_request> read_transaction(const value& x);

/// Returns the map `{:branch :then, :results [result …]}`.
value describe_transaction(const transact_reply& reply);

} // namespace larder::cli
