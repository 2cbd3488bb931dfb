// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Failing reads, writes and syncs below SQLite.

#include "backends/sqlite/faulty_vfs.hpp"
#include "backends/sqlite/sqlite_tools.hpp"

#include <set>

using namespace sqlite_tools;

namespace {

/// What a key may have: the size of its blob, 0 if it has none.
using allowed = std::map<std::string, std::set<size_t>>;

std::shared_ptr<const bytes> sized(uint8_t x, size_t size) {
  return blob(x, std::string(size, static_cast<char>(x)));
}

/// Carries out a fixed list of changes and notes what may be found afterwards.
class script {
public:
  /// @param store has the key "d"
  explicit script(backend& store) : store_(store) {
    allowed_["d"] = {header::size_v2 + 10};
  }

  void run() {
    commit({put("a", sized(2, 30))});
    commit({put("b", sized(3, 70'000)), erase("d")});
    auto x = put("c", sized(4, 40));
    auto y = erase("a");
    x.group = y.group = 1;
    commit({std::move(x), std::move(y)});
    stage("big", 400'000);
    commit({put("b", sized(5, 20), precondition::matches(rev(3)))});
    commit({erase("big")});
    commit({put("e", sized(6, 300'000))});
  }

  /// Checks what is stored, or what can be read of it.
  void check(backend& store, bool may_fail) const {
    for (auto& [key, sizes] : allowed_) {
      CAPTURE(key);
      auto found = read_one(store, {key, blob_part::all, 0, 0, {}});
      if (!found) {
        CAPTURE(to_string(found.error()));
        CHECK(may_fail);
        continue;
      }
      CHECK(sizes.contains(*found ? (*found)->data.size() : 0));
    }
  }

  /// Whether an outcome was in doubt.
  bool in_doubt = false;
  /// How many commits were answered with errors.
  int failures = 0;

private:
  static size_t size_after(const mutation& x) {
    if (auto* put = std::get_if<std::shared_ptr<const bytes>>(&x.content))
      return (*put)->size();
    return 0;
  }

  void note(const std::string& key, size_t size, const commit_outcome& x) {
    auto& sizes = allowed_.try_emplace(key, std::set<size_t>{0}).first->second;
    if (x) {
      sizes = {size};
      return;
    }
    CHECK(!to_string(x.error()).empty());
    if (x.error() == errc::precondition_failed)
      return;
    CAPTURE(to_string(x.error()));
    CHECK(x.error() == errc::io_error);
    ++failures;
    if (x.error().data_loss()) {
      in_doubt = true;
      sizes.insert(size);
    }
  }

  void commit(std::vector<mutation> batch) {
    auto outcomes = store_.commit(batch);
    REQUIRE(outcomes.size() == batch.size());
    for (size_t i = 0; i < batch.size(); ++i)
      note(batch[i].key, size_after(batch[i]), outcomes[i]);
  }

  void stage(const std::string& key, size_t size) {
    auto whole = sized(9, size);
    bytes_view view{*whole};
    auto staged = store_.stage(key, 64);
    REQUIRE(staged);
    auto ok = (*staged)->append(view.subspan(64));
    if (ok)
      ok = (*staged)->set_prefix(view.first(64));
    if (!ok) {
      CHECK(ok.error() == errc::io_error);
      ++failures;
      allowed_.try_emplace(key, std::set<size_t>{0});
      return;
    }
    mutation x{key, std::shared_ptr<staged_blob>{std::move(*staged)}, {}};
    note(key, whole->size(), commit_one(store_, std::move(x)));
  }

  backend& store_;
  allowed allowed_;
};

/// Runs the script with the `nth` call failing.
/// @returns whether it came to that
bool survives(faulty_vfs& vfs, call which, int nth, int code, bool for_ever) {
  CAPTURE(static_cast<int>(which), nth, code, for_ever);
  temp_dir tmp;
  create(tmp / "db");
  auto store = open(tmp / "db");
  REQUIRE(commit_one(*store, put("d", sized(1, 10))));
  script changes{*store};
  vfs.fail(which, nth, code, for_ever);
  changes.run();
  auto failed = vfs.has_failed();
  if (which == call::sync) {
    // Something was answered with an error, unless a checkpoint was hit.
    CHECK((!failed || changes.failures > 0));
    // Reads go on, and nothing more is written.
    changes.check(*store, false);
    if (changes.failures > 0) {
      auto refused = commit_one(*store, put("x", sized(1, 1)));
      REQUIRE(!refused);
      CHECK(refused.error() == errc::io_error);
      CHECK(refused.error().message().find("reopen") != std::string::npos);
    }
  } else {
    CHECK(!changes.in_doubt);
    changes.check(*store, which == call::read && for_ever);
  }
  store.reset();
  CHECK(vfs.syncs_after_failure() == 0);
  vfs.work();
  store = open(tmp / "db");
  changes.check(*store, false);
  REQUIRE(commit_one(*store, put("x", sized(1, 1))));
  changes.check(*store, false);
  return failed;
}

/// Lets each call of the script fail in turn, once and from then on.
void sweep(call which, int code_once, int code_for_ever) {
  faulty_vfs vfs;
  for (auto for_ever : {false, true}) {
    auto code = for_ever ? code_for_ever : code_once;
    auto nth = 1;
    // Most writes are alike: not all of the long runs of pages.
    while (survives(vfs, which, nth, code, for_ever))
      nth += which == call::sync || nth < 20 ? 1 : 13;
    CHECK(nth > (which == call::sync ? 6 : 40));
  }
}

} // namespace

TEST_CASE("the SQLite engine survives any failing sync and never repeats it") {
  sweep(call::sync, SQLITE_IOERR_FSYNC, SQLITE_IOERR_FSYNC);
}

TEST_CASE("the SQLite engine survives any failing write and any full disk") {
  sweep(call::write, SQLITE_IOERR_WRITE, SQLITE_FULL);
}

TEST_CASE("a full disk is said to be one, and goes on when there is room") {
  faulty_vfs vfs;
  temp_dir tmp;
  auto store = create(tmp / "db");
  REQUIRE(commit_one(*store, put("a", sized(1, 10))));
  vfs.fail(call::write, 1, SQLITE_FULL, true);
  auto refused = commit_one(*store, put("a", sized(2, 20)));
  REQUIRE(!refused);
  CHECK(refused.error() == errc::io_error);
  CHECK(!refused.error().data_loss());
  CHECK(refused.error().message().find("no space left") != std::string::npos);
  CHECK(*get(*store, "a") == *sized(1, 10));
  vfs.work();
  REQUIRE(commit_one(*store, put("a", sized(2, 20))));
  CHECK(*get(*store, "a") == *sized(2, 20));
}

TEST_CASE("keys are erased and replaced in the log of a full disk") {
  faulty_vfs vfs;
  temp_dir tmp;
  auto put_all = [](backend& store, uint8_t x) {
    for (auto key : {"a", "b", "c", "d"})
      REQUIRE(commit_one(store, put(key, sized(x, 2000))));
  };
  put_all(*create(tmp / "db"), 1);
  auto store = open(tmp / "db"); // with an empty log
  put_all(*store, 2);
  put_all(*store, 3);
  vfs.fill();
  for (uint8_t i = 4; i < 20; ++i)
    REQUIRE(commit_one(*store, put("a", sized(i, 2000))));
  REQUIRE(commit_one(*store, erase("b")));
  CHECK(!commit_one(*store, put("e", sized(1, 200'000))));
  REQUIRE(commit_one(*store, put("c", sized(2, 10))));
  CHECK(*get(*store, "a") == *sized(19, 2000));
  CHECK(keys(*store) == std::vector<std::string>{"a", "c", "d"});
}

TEST_CASE("a failed sync of a checkpoint stops all writing until reopened") {
  faulty_vfs vfs;
  temp_dir tmp;
  auto store = create(tmp / "db");
  // Enough for a checkpoint. Syncs: directory and log, then log and database.
  auto large = sized(1, 17'000'000);
  vfs.fail(call::sync, 3, SQLITE_IOERR_FSYNC, false);
  REQUIRE(commit_one(*store, put("a", large)));
  REQUIRE(vfs.has_failed());
  auto refused = commit_one(*store, put("b", sized(2, 20)));
  REQUIRE(!refused);
  CHECK(refused.error() == errc::io_error);
  CHECK(*get(*store, "a") == *large);
  store.reset();
  CHECK(vfs.syncs_after_failure() == 0);
  store = open(tmp / "db");
  CHECK(*get(*store, "a") == *large);
  REQUIRE(commit_one(*store, put("b", sized(2, 20))));
}

TEST_CASE("a batch loses no more than what cannot be written") {
  faulty_vfs vfs;
  temp_dir tmp;
  auto store = create(tmp / "db");
  REQUIRE(commit_one(*store, put("z", sized(1, 10))));
  std::vector<mutation> batch;
  batch.push_back(put("a", sized(1, 10)));
  batch.push_back(put("b", sized(2, 20)));
  vfs.fail(call::write, 1, SQLITE_IOERR_WRITE, false);
  // The transaction of both fails, those of each succeed.
  for (auto& x : store->commit(batch))
    CHECK(x);
  CHECK(vfs.has_failed());
  CHECK(keys(*store) == std::vector<std::string>{"a", "b", "z"});
}
