// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "readers.hpp"

namespace larder::detail::sqlite {

expected<reader_pool::lease> reader_pool::acquire() {
  {
    std::unique_lock guard{mutex_};
    returned_.wait(
      guard, [this] { return !idle_.empty() || in_use_ < config_.readers; });
    ++in_use_;
    if (!idle_.empty()) {
      auto result = std::move(idle_.back());
      idle_.pop_back();
      return lease{*this, std::move(result)};
    }
  }
  // Counted already, so it must be given back whatever happens.
  try {
    auto fresh = open();
    if (fresh)
      return lease{*this, std::make_unique<connection>(std::move(*fresh))};
    give_back(nullptr);
    return fail(fresh.error());
  } catch (...) {
    give_back(nullptr);
    throw;
  }
}

void reader_pool::give_back(std::unique_ptr<connection> conn) noexcept {
  {
    std::lock_guard guard{mutex_};
    --in_use_;
    if (conn)
      idle_.push_back(std::move(conn));
  }
  returned_.notify_one();
}

void reader_pool::close(bool keep_log) noexcept {
  for (auto& x : idle_)
    x->keep_log_on_close(keep_log);
  idle_.clear();
}

} // namespace larder::detail::sqlite
