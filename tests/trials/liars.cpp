// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "trials/liars.hpp"

#include "trials/content.hpp"
#include "trials/process.hpp"

#include "larder/detail/file/store.hpp"
#include "larder/wrappers.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <mutex>
#include <thread>

namespace trials {

using namespace larder;

namespace {

using inner_ptr = std::shared_ptr<backend>;

// -- doing it later -----------------------------------------------------------

/// Decides what a mutation does at once; changing it leaves the rest for later.
/// @returns whether the mutation as it came is to be carried out later
using split_fn = std::function<bool(mutation&)>;

/// Acknowledges all, but does some of it later: before the same key is touched
/// again, or with some later commit.
class late_backend : public backend_wrapper {
public:
  late_backend(inner_ptr inner, split_fn split, size_t most)
    : backend_wrapper(std::move(inner)), split_(std::move(split)), most_(most) {
    // nop
  }

  ~late_backend() override {
    do_later();
  }

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    std::lock_guard guard{mutex_};
    auto touched = [&](const mutation& x) { return holds(x.key); };
    if (later_.size() >= most_
        || std::any_of(batch.begin(), batch.end(), touched))
      do_later();
    std::vector<commit_outcome> result(batch.size());
    std::vector<mutation> now;
    std::vector<size_t> positions;
    auto halves_group = false;
    for (size_t i = 0; i < batch.size(); ++i) {
      auto copy = batch[i];
      auto postponed = split_(copy);
      if (postponed)
        later_.push_back({batch[i].key, batch[i].content, {}});
      halves_group |= postponed && batch[i].group != 0;
      if (postponed && std::holds_alternative<keep>(copy.content))
        continue;
      now.push_back(std::move(copy));
      positions.push_back(i);
    }
    auto outcomes = inner().commit(now);
    for (size_t i = 0; i < outcomes.size(); ++i)
      result[positions[i]] = std::move(outcomes[i]);
    // An acknowledged half counts as a loss. To be found out as what it is, it
    // has to be killed before its answer.
    if (halves_group)
      std::this_thread::sleep_for(std::chrono::milliseconds{5});
    return result;
  }

  std::vector<read_outcome>
  read(std::span<const read_request> requests) override {
    std::lock_guard guard{mutex_};
    for (auto& x : requests)
      if (holds(x.key)) {
        do_later();
        break;
      }
    return inner().read(requests);
  }

private:
  bool holds(const std::string& key) {
    return std::any_of(later_.begin(), later_.end(),
                       [&](auto& x) { return x.key == key; });
  }

  void do_later() {
    for (auto& x : later_)
      inner().commit({&x, 1});
    later_.clear();
  }

  split_fn split_;
  size_t most_;
  std::mutex mutex_;
  std::vector<mutation> later_;
};

using blob_ptr = std::shared_ptr<const bytes>;

bool is_plain(const mutation& x) {
  return x.group == 0 && x.condition.type == precondition::kind::none;
}

inner_ptr make_early_ack(inner_ptr inner) {
  return std::make_shared<late_backend>(
    std::move(inner),
    [](mutation& x) {
      auto postponed = is_plain(x)
                       && std::holds_alternative<blob_ptr>(x.content);
      if (postponed)
        x.content = keep{};
      return postponed;
    },
    8);
}

inner_ptr make_late_erase(inner_ptr inner) {
  return std::make_shared<late_backend>(
    std::move(inner),
    [](mutation& x) {
      auto postponed = is_plain(x)
                       && std::holds_alternative<std::monostate>(x.content);
      if (postponed)
        x.content = keep{};
      return postponed;
    },
    8);
}

inner_ptr make_half_group(inner_ptr inner) {
  return std::make_shared<late_backend>(
    std::move(inner),
    [last = uint64_t{0}](mutation& x) mutable {
      auto is_second = x.group != 0 && x.group == last;
      last = x.group;
      auto postponed = is_second
                       && x.condition.type == precondition::kind::none;
      if (postponed)
        x.content = keep{};
      return postponed;
    },
    8);
}

inner_ptr make_torn_put(inner_ptr inner) {
  return std::make_shared<late_backend>(
    std::move(inner),
    [](mutation& x) {
      auto* blob = std::get_if<blob_ptr>(&x.content);
      if (!blob || x.group != 0 || (*blob)->size() < 500)
        return false;
      auto torn = **blob;
      std::fill(torn.end() - 200, torn.end(), std::byte{0});
      x.content = std::make_shared<const bytes>(std::move(torn));
      return true;
    },
    1);
}

// -- others -------------------------------------------------------------------

class unconditional_backend : public backend_wrapper {
public:
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    for (auto& x : batch)
      x.condition = {};
    return inner().commit(batch);
  }
};

class gap_backend : public backend_wrapper {
public:
  using backend_wrapper::backend_wrapper;

  expected<list_page> list(const list_request& request) override {
    auto result = inner().list(request);
    if (result)
      std::erase_if(result->entries,
                    [](auto& x) { return x.key.ends_with('7'); });
    return result;
  }
};

/// Leaves a lock file to whoever comes after a writer that was killed.
class stale_lock_backend : public backend_wrapper {
public:
  stale_lock_backend(inner_ptr inner, std::string path)
    : backend_wrapper(std::move(inner)), path_(std::move(path)) {
    // nop
  }

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    for (;;) {
      auto fd = ::open(path_.c_str(), O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      if (fd >= 0) {
        ::close(fd);
        break;
      }
      std::this_thread::yield();
    }
    auto result = inner().commit(batch);
    ::unlink(path_.c_str());
    return result;
  }

private:
  std::string path_;
};

inner_ptr add_ghost(inner_ptr inner) {
  mutation x;
  x.key = "\"own/ghost";
  x.content = make_shared_blob(x.key, 1, 100);
  inner->commit({&x, 1});
  return inner;
}

inner_ptr add_litter(inner_ptr inner, const std::string& dir) {
  auto path = dir + "/litter.new";
  ::close(::open(path.c_str(), O_CREAT | O_CLOEXEC, 0666));
  return inner;
}

// -- system calls -------------------------------------------------------------

class ignoring_ops : public detail::file_ops {
protected:
  int do_sync(int fd) override {
    file_ops::do_sync(fd);
    return 0;
  }
};

class repeating_ops : public detail::file_ops {
protected:
  int do_sync(int fd) override {
    auto result = file_ops::do_sync(fd);
    return result == -EIO ? file_ops::do_sync(fd) : result;
  }
};

// -- registration -------------------------------------------------------------

using wrap_fn = std::function<inner_ptr(inner_ptr, const std::string& dir)>;

/// Hands a shared backend out as one that is owned.
std::unique_ptr<backend> own(inner_ptr inner) {
  return std::make_unique<backend_wrapper>(std::move(inner));
}

void add(backend_registry& registry, const std::string& scheme,
         std::function<std::shared_ptr<detail::file_ops>()> ops, bool sync,
         wrap_fn wrap) {
  auto config = [sync](const uri& x) {
    return detail::file_config{x.path, sync, true, 4};
  };
  auto wrapped = [wrap](expected<std::unique_ptr<backend>> store,
                        const uri& x) -> expected<std::unique_ptr<backend>> {
    if (!store)
      return store;
    return own(wrap(std::move(*store), x.path));
  };
  engine result;
  result.scheme = scheme;
  result.create = [=](const uri& x) {
    return wrapped(detail::create_file_store(config(x), ops()), x);
  };
  result.open = [=](const uri& x) {
    return wrapped(detail::open_file_store(config(x), ops()), x);
  };
  result.exists
    = [=](const uri& x) { return detail::file_store_exists(x.path, *ops()); };
  result.destroy = [=](const uri& x) {
    return detail::destroy_file_store(config(x), ops());
  };
  if (auto ok = registry.add(std::move(result)); !ok)
    give_up(to_string(ok.error()));
}

} // namespace

void add_liars(backend_registry& registry) {
  auto real = [] { return std::make_shared<detail::file_ops>(); };
  auto wrapper = [&](const std::string& scheme, wrap_fn wrap) {
    add(registry, scheme, real, false, std::move(wrap));
  };
  auto simple = [&](const std::string& scheme, inner_ptr (*wrap)(inner_ptr)) {
    wrapper(scheme,
            [wrap](inner_ptr x, const std::string&) { return wrap(x); });
  };
  simple("early-ack", make_early_ack);
  simple("late-erase", make_late_erase);
  simple("half-group", make_half_group);
  simple("torn-put", make_torn_put);
  simple("unconditional", [](inner_ptr x) -> inner_ptr {
    return std::make_shared<unconditional_backend>(std::move(x));
  });
  simple("gap", [](inner_ptr x) -> inner_ptr {
    return std::make_shared<gap_backend>(std::move(x));
  });
  simple("ghost", add_ghost);
  wrapper("litter", add_litter);
  wrapper("stale-lock", [](inner_ptr x, const std::string& dir) -> inner_ptr {
    return std::make_shared<stale_lock_backend>(std::move(x), dir + "/locked");
  });
  auto lying_ops = [&](const std::string& scheme, auto ops) {
    add(registry, scheme, ops, true,
        [](inner_ptr x, const std::string&) { return x; });
  };
  lying_ops("ignored-sync", [] { return std::make_shared<ignoring_ops>(); });
  lying_ops("repeated-sync", [] { return std::make_shared<repeating_ops>(); });
}

} // namespace trials
