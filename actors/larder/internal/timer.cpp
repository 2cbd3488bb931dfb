// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/timer.hpp"

#include "larder/internal/batch.hpp"
#include "larder/internal/promise.hpp"

#include <unordered_map>

namespace larder::internal {

namespace {

struct timer_state {
#if LARDER_CAF_1
  static inline const char* name = "larder.timer";
#else
  const char* name = "larder.timer";
#endif

  uint64_t next_id = 0;
  std::unordered_map<uint64_t, promise<delay_reply>> waiting;
};

/// The argument is unused: without one, CAF 0.17 dereferences a null pointer on
/// its way here, which the assertions of libstdc++ notice.
caf::behavior timer(caf::stateful_actor<timer_state>* self, int) {
  auto& st = detail::state_of(self);
  return {
    [self, &st](delay_request req) -> caf::result<delay_reply> {
      promise<delay_reply> answer{self};
      auto result = answer.handle();
      auto id = ++st.next_id;
      st.waiting.emplace(id, std::move(answer));
      detail::delayed_send(self, self, req.delay, delay_over{id});
      return result;
    },
    [&st](delay_over msg) {
      auto i = st.waiting.find(msg.id);
      if (i == st.waiting.end())
        return;
      i->second.deliver(delay_reply{});
      st.waiting.erase(i);
    },
  };
}

} // namespace

caf::actor spawn_timer(caf::actor_system& sys) {
  return sys.spawn(timer, 0);
}

} // namespace larder::internal
