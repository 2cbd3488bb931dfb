// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "clients.hpp"

#include "larder/client.hpp"
#include "larder/text.hpp"

#include <algorithm>
#include <optional>
#include <random>
#include <utility>

using namespace larder;

namespace tour {

namespace {

// -- what the actors share ----------------------------------------------------

/// What a worker has to do: so many tasks, some of them at a time.
struct job {
  caf::actor store;
  size_t tasks;
  size_t window;
  std::promise<report> done;
};

/// Works through numbered tasks.
class worker : public caf::event_based_actor {
public:
  worker(caf::actor_config& cfg, job todo)
    : caf::event_based_actor(cfg), todo_(std::move(todo)) {
    // nop
  }

  caf::behavior make_behavior() override {
    client_options options;
    options.window = todo_.window;
    client_.emplace(this, todo_.store, options);
    while (begun_ < std::min(todo_.window, todo_.tasks))
      begin(begun_++);
    return {};
  }

  void on_exit() override {
    client_.reset();
    todo_.store = nullptr;
  }

protected:
  /// Starts task number `i`, which ends with `end_task`.
  virtual void begin(size_t i) = 0;

  /// Sends a request about `key`. `f` gets the reply; an error is a problem and
  /// ends the task.
  template <class Request, class F>
  void ask(Request req, F f) {
    auto about = req.key;
    client_->send<Request>(
      std::move(req),
      [this, about, f](expected<typename Request::reply_type> res) {
        ++result.requests;
        if (res)
          return f(*res);
        problem(about, to_string(res.error()));
        end_task();
      });
  }

  void check(bool ok, const value& key, const char* what) {
    if (!ok)
      problem(key, what);
  }

  void problem(const value& key, const std::string& what) {
    result.problems.push_back(to_edn(key) + ": " + what);
  }

  void end_task() {
    if (++ended_ == todo_.tasks) {
      todo_.done.set_value(std::move(result));
      quit();
    } else if (begun_ < todo_.tasks) {
      begin(begun_++);
    }
  }

  report result;

private:
  job todo_;
  std::optional<client> client_;
  size_t begun_ = 0;
  size_t ended_ = 0;
};

template <class Worker, class... Ts>
std::future<report> spawn_worker(caf::actor_system& sys, job todo, Ts&&... xs) {
  auto result = todo.done.get_future();
  sys.spawn<Worker>(std::move(todo), std::forward<Ts>(xs)...);
  return result;
}

// -- writing ------------------------------------------------------------------

class importer : public worker {
public:
  importer(caf::actor_config& cfg, job todo, const std::vector<record>* records)
    : worker(cfg, std::move(todo)), records_(records) {
    // nop
  }

private:
  void begin(size_t i) override {
    put_request req;
    req.key = (*records_)[i].key;
    req.content = (*records_)[i].content;
    req.condition.must_be_absent = true;
    ask(std::move(req), [this](const put_reply&) { end_task(); });
  }

  const std::vector<record>* records_;
};

// -- reading and updating -----------------------------------------------------

class visitor : public worker {
public:
  visitor(caf::actor_config& cfg, job todo, const std::vector<record>* records,
          unsigned seed)
    : worker(cfg, std::move(todo)), records_(records), random_(seed) {
    // nop
  }

private:
  void begin(size_t) override {
    auto& where = pick();
    get_request req;
    req.key = where.key;
    req.steps = {"name"};
    ask(std::move(req), [this, &where](const get_reply& reply) {
      check(reply.content == *where.content.find("name"), where.key,
            "read another name than was imported");
      count(where);
    });
  }

  void count(const record& where) {
    update_request req;
    req.key = where.key;
    req.steps = {"visits"};
    req.function = "inc";
    ask(std::move(req), [this, &where](const update_reply& reply) {
      auto before = reply.before.is_nil() ? value{0} : reply.before;
      auto ok = before.is(value::kind::integer)
                && reply.after == value{before.as_integer() + 1};
      check(ok, where.key, "inc did not add one");
      if (ok)
        result.visits[where.key].push_back(reply.after.as_integer());
      end_task();
    });
  }

  /// Half of all visits go to a few records, where all visitors meet.
  const record& pick() {
    constexpr size_t popular = 100;
    auto n = random_() % 2 == 0 ? popular : records_->size();
    return (*records_)[random_() % n];
  }

  const std::vector<record>* records_;
  std::mt19937 random_;
};

// -- checking -----------------------------------------------------------------

class auditor : public worker {
public:
  auditor(caf::actor_config& cfg, job todo,
          const std::map<value, value>* wanted)
    : worker(cfg, std::move(todo)), next_(wanted->begin()) {
    // nop
  }

private:
  void begin(size_t) override {
    auto& [key, content] = *next_++;
    get_request req;
    req.key = key;
    ask(std::move(req),
        [this, &key = key, &content = content](const get_reply& reply) {
          check(reply.content == content, key, "is not what was written");
          verify(key);
        });
  }

  void verify(const value& key) {
    ask(verify_request{key}, [this](const verify_reply& reply) {
      result.stored_bytes += reply.stored_size;
      end_task();
    });
  }

  std::map<value, value>::const_iterator next_;
};

} // namespace

// -- spawning -----------------------------------------------------------------

std::future<report> spawn_importer(caf::actor_system& sys, caf::actor store,
                                   const std::vector<record>& records) {
  // The store commits together what has come in together: a wide window makes
  // for large commits.
  return spawn_worker<importer>(
    sys, job{std::move(store), records.size(), 2048, {}}, &records);
}

std::future<report> spawn_visitor(caf::actor_system& sys, caf::actor store,
                                  const std::vector<record>& records,
                                  size_t visits, unsigned seed) {
  return spawn_worker<visitor>(sys, job{std::move(store), visits, 128, {}},
                               &records, seed);
}

std::future<report> spawn_auditor(caf::actor_system& sys, caf::actor store,
                                  const std::map<value, value>& wanted) {
  return spawn_worker<auditor>(
    sys, job{std::move(store), wanted.size(), 512, {}}, &wanted);
}

} // namespace tour
