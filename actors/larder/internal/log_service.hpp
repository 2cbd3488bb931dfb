// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What requests on append logs need besides the state of their key: segments
/// that are read, looked for, and removed.

#pragma once

#include "larder/internal/batch.hpp"
#include "larder/internal/context.hpp"
#include "larder/internal/log_collector.hpp"
#include "larder/internal/log_data.hpp"
#include "larder/internal/operation.hpp"
#include "larder/messages.hpp"

#include <functional>
#include <memory>

namespace larder::internal {

/// The part of a key actor for logs. Segments never change but by truncation,
/// so they are read outside of the order of the key: first the head in its
/// order, then by a reader what lies behind it. If that has been removed
/// meanwhile, all begins again.
class log_service {
public:
  /// The key actor.
  struct host {
    caf::event_based_actor* self = nullptr;
    context_ptr ctx;
    actor_statistics* stats = nullptr;
    caf::actor writer;
    /// Starts an operation on a key.
    std::function<void(operation_ptr)> execute;
    /// Gives one of the actors that read.
    std::function<const caf::actor&()> reader;
    /// Is called whenever `idle` may have become true.
    std::function<void()> on_idle;
  };

  explicit log_service(host x);

  caf::result<read_log_reply> read(read_log_request& req);

  caf::result<reduce_log_reply> reduce(reduce_log_request& req);

  caf::result<truncate_log_reply> truncate(truncate_log_request& req);

  /// Erases whatever a key holds; answered when nothing is left of a log.
  caf::result<erase_reply> erase(erase_request& req);

  /// Removes what a scan has found.
  void collect(const collect_garbage& what) {
    garbage_.collect(what);
  }

  /// Whether nothing is under way but operations on keys.
  bool idle() const noexcept {
    return jobs_ == 0 && garbage_.idle();
  }

private:
  using job_fn = std::function<void(actor_statistics&)>;
  using done_fn = std::function<void(expected<void>)>;

  template <class Request>
  struct task;
  template <class Request>
  struct scan;
  struct truncation;
  class erasure;

  template <class Task, class Reply>
  void finish(Task& x, expected<Reply> reply);
  template <class Request>
  caf::result<typename Request::reply_type> start_scan(Request& req);
  template <class Request>
  void open(std::shared_ptr<scan<Request>> x);
  template <class Request>
  void begin(std::shared_ptr<scan<Request>> x, log_head head);
  template <class Request>
  void go_on(std::shared_ptr<scan<Request>> x);
  void carry_out(std::shared_ptr<truncation> x);
  void look_up(std::shared_ptr<truncation> x);
  void in_reader(job_fn job, done_fn then);

  host host_;
  size_t jobs_ = 0; ///< asked of readers
  log_collector garbage_;
};

} // namespace larder::internal
