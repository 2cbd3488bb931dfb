// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/best_effort.hpp"

#include "larder/internal/batches.hpp"
#include "larder/internal/routing.hpp"

#include <memory>
#include <utility>

namespace larder::internal {

namespace {

/// A batch under way, kept by the request that has not been answered.
class sequence : public std::enable_shared_from_this<sequence> {
public:
  using done_fn = std::function<void(std::vector<key_outcome>)>;

  sequence(key_actor_parts& parts, transact_request what, done_fn done)
    : parts_(parts), what_(std::move(what)), done_(std::move(done)) {
    outcomes_.reserve(what_.then_operations.size());
  }

  /// The store ends before all is done. Nothing else is left of it by now.
  ~sequence() {
    if (!done_)
      return;
    add(make_outcome(current(),
                     error{errc::unavailable,
                           "the store ended before it could answer: the change "
                           "may or may not have been made"}));
    give_up();
  }

  void next() {
    auto& all = what_.then_operations;
    if (outcomes_.size() == all.size())
      return finish();
    std::visit([this](auto& op) { send(op); }, all[outcomes_.size()]);
  }

private:
  template <class Operation>
  void send(const Operation& op) {
    using reply_type = typename Operation::reply_type;
    ++parts_.forwarded;
    auto& owner = parts_.peers[route(op.key, parts_.peers.size())];
    detail::request(parts_.self, owner, op)
      .then(
        [self = shared_from_this()](const reply_type& reply) {
          self->add(make_outcome(self->current(), reply));
          self->next();
          self->answered();
        },
        [self = shared_from_this()](const caf::error& err) {
          self->add(make_outcome(self->current(), to_error(err)));
          self->give_up();
          self->answered();
        });
  }

  const transact_operation& current() const {
    return what_.then_operations[outcomes_.size()];
  }

  void add(key_outcome x) {
    outcomes_.push_back(std::move(x));
  }

  void give_up() {
    error untouched{errc::conflict,
                    "not begun: another key before it has failed"};
    while (outcomes_.size() < what_.then_operations.size())
      add(make_outcome(current(), untouched));
    finish();
  }

  void finish() {
    std::exchange(done_, nullptr)(std::move(outcomes_));
  }

  void answered() {
    --parts_.forwarded;
    parts_.wake();
  }

  key_actor_parts& parts_;
  transact_request what_;
  done_fn done_;
  std::vector<key_outcome> outcomes_;
};

} // namespace

void run_best_effort(key_actor_parts& parts, transact_request what,
                     std::function<void(std::vector<key_outcome>)> done) {
  std::make_shared<sequence>(parts, std::move(what), std::move(done))->next();
}

} // namespace larder::internal
