// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/log_service.hpp"

#include "larder/internal/engine_access.hpp"
#include "larder/internal/log_apply.hpp"
#include "larder/internal/log_reader.hpp"
#include "larder/internal/requests.hpp"
#include "larder/internal/validators.hpp"
#include "larder/text.hpp"

#include <optional>
#include <utility>

namespace larder::internal {

namespace {

// -- operations ---------------------------------------------------------------

/// An operation on a log, made of functions.
class log_operation : public operation {
public:
  /// As `operation::apply`.
  using apply_fn = std::function<bool(entry&, const apply_context&)>;

  /// Is called when what `apply_fn` has seen or changed is durable.
  using done_fn = std::function<void(expected<void>)>;

  log_operation(op_kind what, value key, apply_fn f, done_fn done)
    : what_(what),
      key_(std::move(key)),
      apply_(std::move(f)),
      done_(std::move(done)) {
    // nop
  }

  const value& key() const noexcept override {
    return key_;
  }

  knowledge needs() const noexcept override {
    return knowledge::content;
  }

  size_t cost() const noexcept override {
    return sizeof(*this) + key_.size();
  }

  change_kind kind() const noexcept override {
    return change_kind::truncate;
  }

  bool may_change() const noexcept override {
    return what_ == op_kind::truncate_log;
  }

  bool apply(entry& state, const apply_context& ctx) override {
    return apply_(state, ctx);
  }

  void answer() override {
    done_({});
  }

  void fail(const error& err) override {
    done_(larder::fail(err));
  }

private:
  op_kind what_;
  value key_;
  apply_fn apply_;
  done_fn done_;
};

// -- what was looked for ------------------------------------------------------

/// Where a log begins: something that is missing behind it has been truncated
/// meanwhile, unless the log still begins there.
struct log_start {
  uuid id;
  uint64_t begin = 0;

  friend bool operator==(const log_start&, const log_start&) = default;
};

log_start start_of(const log_head& head) {
  return {head.id, head.begin};
}

error lost(const value& key, const error& err) {
  return error{errc::corruption, err.message()}.with_context(to_edn(key));
}

segment_fetch fetch_from(const context_ptr& ctx, const uuid& log,
                         actor_statistics& stats) {
  return [ctx, log, &stats](uint64_t number) {
    return read_segment(*ctx, log, number, stats);
  };
}

// -- steps of requests --------------------------------------------------------

/// Nothing: there is more to do.
template <class Reply>
using outcome = expected<std::optional<Reply>>;

outcome<read_log_reply> step(const store_context& ctx,
                             const read_log_request& req, const log_head& head,
                             log_reduction&, const segment_fetch& fetch) {
  return read_page(head, req, ctx.config().max_message_size, fetch);
}

outcome<reduce_log_reply> step(const store_context& ctx,
                               const reduce_log_request& req,
                               const log_head& head, log_reduction& state,
                               const segment_fetch& fetch) {
  auto& config = ctx.config();
  auto f = config.functions.find(req.function);
  if (!f)
    return fail(std::move(f.error()));
  auto done = reduce_some(head, state, **f, req.arguments,
                          config.max_message_size, fetch);
  if (!done)
    return fail(std::move(done.error()));
  if (!*done)
    return std::nullopt;
  return reduce_log_reply{state.result.value_or(value{}), head.end};
}

constexpr op_kind kind_of(const read_log_request&) {
  return op_kind::read_log;
}

constexpr op_kind kind_of(const reduce_log_request&) {
  return op_kind::reduce_log;
}

constexpr op_kind kind_of(const truncate_log_request&) {
  return op_kind::truncate_log;
}

std::optional<value> initial_of(const read_log_request&) {
  return std::nullopt;
}

std::optional<value> initial_of(const reduce_log_request& req) {
  return req.initial;
}

} // namespace

// -- state of requests --------------------------------------------------------

/// A request that takes several steps.
template <class Request>
struct log_service::task {
  Request request;
  promise<typename Request::reply_type> answer;
  stopwatch age;

  std::optional<log_head> head;
  /// The start of the log when something was found missing.
  std::optional<log_start> missed;

  bool is_lost() const {
    return missed == start_of(*head);
  }
};

template <class Request>
struct log_service::scan : task<Request> {
  log_reduction state;
  outcome<typename Request::reply_type> result;
};

struct log_service::truncation : task<truncate_log_request> {
  std::optional<segment_of_log> at;
  expected<numbered_segment> found;
  /// Nothing: `at` must be looked up.
  expected<std::optional<truncate_log_reply>> result;
  std::vector<log_garbage> garbage;
};

// -- erasing ------------------------------------------------------------------

/// Answers when the garbage has been collected.
class log_service::erasure : public pending_request<erase_request> {
public:
  erasure(erase_request req, promise<erase_reply> answer, log_service& parent)
    : pending_request(std::move(req), std::move(answer), *parent.host_.ctx,
                      *parent.host_.stats),
      parent_(parent) {
    // nop
  }

  bool apply(entry& state, const apply_context& ctx) override {
    auto changed = pending_request::apply(state, ctx);
    garbage_ = changed ? garbage_of(state) : std::vector<log_garbage>{};
    return changed;
  }

  void answer() override {
    if (garbage_.empty()) {
      pending_request::answer();
      return;
    }
    auto rest = std::make_shared<pending_request>(std::move(*this));
    parent_.garbage_.collect(garbage_, [rest](expected<void> ok) {
      if (ok)
        rest->answer();
      else
        rest->fail(ok.error());
    });
  }

private:
  log_service& parent_;
  std::vector<log_garbage> garbage_;
};

log_service::log_service(host x)
  : host_(std::move(x)),
    garbage_(
      {host_.self, host_.ctx, host_.stats, host_.writer, host_.on_idle}) {
  // nop
}

caf::result<erase_reply> log_service::erase(erase_request& req) {
  promise<erase_reply> answer{host_.self};
  auto result = answer.handle();
  host_.execute(
    std::make_unique<erasure>(std::move(req), std::move(answer), *this));
  return result;
}

// -- reading ------------------------------------------------------------------

template <class Task, class Reply>
void log_service::finish(Task& x, expected<Reply> reply) {
  count_operation(*host_.ctx, *host_.stats, kind_of(x.request), !reply,
                  x.age.microseconds(), &x.request.key);
  x.answer.deliver(std::move(reply));
}

template <class Request>
caf::result<typename Request::reply_type>
log_service::start_scan(Request& req) {
  using reply = typename Request::reply_type;
  promise<reply> answer{host_.self};
  auto result = answer.handle();
  task<Request> base{std::move(req), std::move(answer), {}, {}, {}};
  open(std::make_shared<scan<Request>>(
    scan<Request>{std::move(base), {}, std::nullopt}));
  return result;
}

/// Takes the head of the log when it is the request's turn.
template <class Request>
void log_service::open(std::shared_ptr<scan<Request>> x) {
  auto head = std::make_shared<expected<log_head>>();
  auto look = [x, head](entry& state, const apply_context& ctx) {
    *head = open_log(x->request.key, state, ctx.now);
    return false;
  };
  auto done = [this, x, head](expected<void> ok) {
    using result = expected<typename Request::reply_type>;
    if (!ok)
      finish(*x, result{fail(std::move(ok.error()))});
    else if (!*head)
      finish(*x, result{fail(std::move(head->error()))});
    else
      begin(x, std::move(**head));
  };
  host_.execute(std::make_unique<log_operation>(
    kind_of(x->request), x->request.key, look, std::move(done)));
}

template <class Request>
void log_service::begin(std::shared_ptr<scan<Request>> x, log_head head) {
  using result = expected<typename Request::reply_type>;
  x->head = std::move(head);
  auto position = first_position(x->request, *x->head);
  if (!position) {
    auto err = position.error().with_context(to_edn(x->request.key));
    finish(*x, result{fail(std::move(err))});
  } else if (!x->result && x->is_lost()) {
    finish(*x, result{fail(lost(x->request.key, x->result.error()))});
  } else {
    x->state = {initial_of(x->request), *position, std::nullopt};
    go_on(x);
  }
}

template <class Request>
void log_service::go_on(std::shared_ptr<scan<Request>> x) {
  auto run = [x, ctx = host_.ctx](actor_statistics& stats) {
    x->result = step(*ctx, x->request, *x->head, x->state,
                     fetch_from(ctx, x->head->id, stats));
  };
  auto then = [this, x](expected<void> ok) {
    using result = expected<typename Request::reply_type>;
    if (!ok) {
      finish(*x, result{fail(std::move(ok.error()))});
    } else if (x->result && *x->result) {
      finish(*x, result{std::move(**x->result)});
    } else if (x->result) {
      go_on(x);
    } else if (x->result.error() == errc::conflict) {
      x->missed = start_of(*x->head);
      open(x);
    } else {
      auto err = x->result.error().with_context(to_edn(x->request.key));
      finish(*x, result{fail(std::move(err))});
    }
  };
  if (x->state.position < x->head->tail_begin()) {
    in_reader(run, then);
    return;
  }
  // All that is needed is at hand.
  run(*host_.stats);
  then({});
}

caf::result<read_log_reply> log_service::read(read_log_request& req) {
  return start_scan(req);
}

caf::result<reduce_log_reply> log_service::reduce(reduce_log_request& req) {
  return start_scan(req);
}

// -- truncating ---------------------------------------------------------------

caf::result<truncate_log_reply>
log_service::truncate(truncate_log_request& req) {
  promise<truncate_log_reply> answer{host_.self};
  auto result = answer.handle();
  task<truncate_log_request> base{
    std::move(req), std::move(answer), {}, {}, {}};
  carry_out(std::make_shared<truncation>(
    truncation{std::move(base), {}, {}, std::nullopt, {}}));
  return result;
}

void log_service::carry_out(std::shared_ptr<truncation> x) {
  using result = expected<truncate_log_reply>;
  auto change = [x](entry& state, const apply_context& ctx) {
    auto changed = false;
    auto before = state;
    x->result = internal::apply(x->request, x->at, state, ctx, changed);
    auto ok = changed ? validate(ctx.store, x->request.key,
                                 change_kind::truncate, before, state, ctx.now)
                      : expected<void>{};
    if (!ok) {
      state = std::move(before);
      changed = false;
      x->result = fail(std::move(ok.error()));
    }
    if (x->result && !*x->result)
      x->head = *open_log(x->request.key, state, ctx.now);
    x->garbage = changed ? garbage_of(state) : std::vector<log_garbage>{};
    return changed;
  };
  auto answer = [this, x](expected<void> ok) {
    if (ok)
      finish(*x, result{std::move(**x->result)});
    else
      finish(*x, result{fail(std::move(ok.error()))});
  };
  auto done = [this, x, answer](expected<void> ok) {
    if (ok && !x->result)
      ok = fail(std::move(x->result.error()));
    if (ok && !*x->result)
      look_up(x);
    else if (ok && !x->garbage.empty())
      garbage_.collect(x->garbage, answer);
    else
      answer(std::move(ok));
  };
  host_.execute(std::make_unique<log_operation>(
    kind_of(x->request), x->request.key, change, std::move(done)));
}

/// Finds the segment that holds the position, then begins again.
void log_service::look_up(std::shared_ptr<truncation> x) {
  using result = expected<truncate_log_reply>;
  if (!x->found && x->is_lost()) {
    finish(*x, result{fail(lost(x->request.key, x->found.error()))});
    return;
  }
  auto run = [x, ctx = host_.ctx](actor_statistics& stats) {
    x->found = find_segment(*x->head, x->request.position,
                            fetch_from(ctx, x->head->id, stats));
  };
  auto then = [this, x](expected<void> ok) {
    if (ok && !x->found && x->found.error() != errc::conflict)
      ok = fail(x->found.error().with_context(to_edn(x->request.key)));
    if (!ok) {
      finish(*x, result{fail(std::move(ok.error()))});
      return;
    }
    if (x->found)
      x->at = segment_of_log{x->head->id, std::move(*x->found)};
    else
      x->missed = start_of(*x->head);
    carry_out(x);
  };
  in_reader(run, then);
}

void log_service::in_reader(job_fn job, done_fn then) {
  ++jobs_;
  auto over = [this, then](expected<void> ok) {
    --jobs_;
    then(std::move(ok));
    host_.on_idle();
  };
  detail::request(host_.self, host_.reader(), reader_job{std::move(job)})
    .then([over](const reader_job_done&) { over({}); },
          [over](const caf::error& err) { over(fail(to_error(err))); });
}

} // namespace larder::internal
