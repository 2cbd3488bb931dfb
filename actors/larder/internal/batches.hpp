// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Batches in terms of transactions.

#pragma once

#include "larder/error.hpp"
#include "larder/internal/statistics.hpp"
#include "larder/messages/batches.hpp"

#include <cstddef>

namespace larder::internal {

/// Makes the transaction that does what a request asks for, out of the
/// request's own keys and values.
/// @returns `invalid_argument` for metadata both for one key and for all
expected<transact_request> to_transaction(multi_get_request& req);
expected<transact_request> to_transaction(multi_put_request& req);
expected<transact_request> to_transaction(multi_erase_request& req);
expected<transact_request> to_transaction(transact_request& req);

/// Makes the reply to a request out of what its transaction has answered.
void to_reply(const transact_request& what, transact_reply& result,
              multi_get_reply& reply);
void to_reply(const transact_request& what, transact_reply& result,
              multi_put_reply& reply);
void to_reply(const transact_request& what, transact_reply& result,
              multi_erase_reply& reply);
void to_reply(const transact_request& what, transact_reply& result,
              transact_reply& reply);

/// What became of one operation of a batch: a put or an erase.
key_outcome make_outcome(const transact_operation& what,
                         const transact_result& result);

/// As above, for an operation that has not been carried out.
key_outcome make_outcome(const transact_operation& what, error why);

/// How a request is counted.
template <class Request>
constexpr op_kind batch_kind = op_kind::transact;

template <>
inline constexpr op_kind batch_kind<multi_get_request> = op_kind::multi_get;

template <>
inline constexpr op_kind batch_kind<multi_put_request> = op_kind::multi_put;

template <>
inline constexpr op_kind batch_kind<multi_erase_request> = op_kind::multi_erase;

} // namespace larder::internal
