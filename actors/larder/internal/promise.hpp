// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Promises that are always kept, and handlers that always answer.

#pragma once

#include "larder/actor_types.hpp"

#include <utility>

namespace larder::internal {

/// Answers one request exactly once: if nobody does before it is destroyed, the
/// answer is `closed` (CAF 0.17 would never answer), or `unavailable`.
template <class T>
class promise {
public:
  template <class Self>
  explicit promise(Self* self)
    : impl_(self->template make_response_promise<T>()) {
    // nop
  }

  promise(promise&& other) noexcept
    : impl_(std::move(other.impl_)),
      open_(std::exchange(other.open_, false)),
      in_doubt_(other.in_doubt_) {
    // nop
  }

  promise& operator=(promise&&) = delete;

  ~promise() {
    if (!open_)
      return;
    if (in_doubt_)
      fail(error{errc::unavailable,
                 "the store ended before it could answer: the change may or "
                 "may not have been made"});
    else
      fail(error{errc::closed, "the store ended before it could answer"});
  }

  /// To be called before something is changed by others, who may outlive this:
  /// then nobody may say that nothing was done.
  void leave_in_doubt() noexcept {
    in_doubt_ = true;
  }

  void deliver(T x) {
    open_ = false;
    impl_.deliver(std::move(x));
  }

  void fail(const error& err) {
    open_ = false;
    impl_.deliver(to_caf(err));
  }

  void deliver(expected<T> x) {
    if (x)
      deliver(std::move(*x));
    else
      fail(x.error());
  }

  /// What a handler returns to CAF when it will answer through the promise.
  caf::typed_response_promise<T> handle() const {
    return impl_;
  }

private:
  caf::typed_response_promise<T> impl_;
  bool open_ = true;
  bool in_doubt_ = false;
};

/// Turns an expected into what handlers return.
template <class T>
caf::result<T> to_result(expected<T> x) {
  if (x)
    return std::move(*x);
  return to_caf(x.error());
}

} // namespace larder::internal
