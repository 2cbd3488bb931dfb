// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// One system call after the other fails under a script of operations.

#include "backends/file_tools.hpp"
#include "backends/watched_ops.hpp"
#include "temp_dir.hpp"

#include <set>

using namespace file_tools;
using namespace std::literals;

namespace fs = std::filesystem;

namespace {

using call = watched_ops::call;

/// What is to go wrong.
struct fault {
  int code;      ///< negated errno or `short_write`
  bool for_ever; ///< from the n-th call on, or only then
  bool harmless; ///< must not be noticed
};

const std::vector<std::string> names{"\"a", "\"b", "\"c", "\"d",
                                     "\"" + std::string(500, 'e')};

/// Runs a script while faults happen, and keeps account of what each key may
/// hold.
class script {
public:
  script(std::string dir, const fault& what, size_t at)
    : config_(config_for(std::move(dir))), what_(what), at_(at) {
    config_.threads = 1; // for a definite order
    for (auto& key : names)
      allowed_[key] = {std::nullopt};
    for (auto& key : {names[0], names[1], names[2]})
      allowed_[key] = {*blob(0, "old")};
    for (auto& x : group())
      allowed_[x.key] = {*blob(0, "old")};
  }

  /// Changes of keys that no other operation touches, all or nothing.
  static std::vector<mutation> group() {
    std::vector<mutation> result{put("\"group a", blob(1, "new")),
                                 erase("\"group b"),
                                 put("\"group c", blob(1, "new"))};
    for (auto& x : result)
      x.group = 1;
    return result;
  }

  /// @returns false if the script ended before the fault happened
  bool run() {
    ops_->hook(
      [this](call x, const std::string& path) { return hook(x, path); });
    auto store = detail::open_file_store(config_, ops_);
    if (store)
      operate(**store);
    else
      check_error(store.error());
    ops_->hook(nullptr);
    if (store)
      examine_still_open(**store);
    store = fail(errc::closed, "");
    examine_reopened();
    return fired_ > 0;
  }

private:
  int hook(call x, const std::string& path) {
    if (x == call::sync) {
      CAPTURE(path);
      CHECK(!failed_syncs_.contains(path));
    }
    if (x == call::list && !fs::exists(path))
      return 0; // most fan-out directories: not worth a run each
    auto hit = what_.for_ever ? calls_ >= at_ : calls_ == at_;
    if (what_.code == watched_ops::short_write && x != call::write)
      hit = false;
    else
      ++calls_;
    if (!hit)
      return 0;
    ++fired_;
    if (x == call::sync && what_.code < 0 && what_.code != -EINTR)
      failed_syncs_.insert(path);
    return what_.code;
  }

  void check_error(const error& err) {
    CAPTURE(err.message());
    CHECK(!what_.harmless);
    CHECK(fired_ > 0);
    if (err == errc::conflict)
      return; // its group has an error of its own, see `commit`
    CHECK(err == errc::io_error);
    CHECK(err.message().find(config_.dir) != std::string::npos);
  }

  void account(const mutation& x, const std::optional<bytes>& content,
               const commit_outcome& outcome) {
    auto& allowed = allowed_[x.key];
    if (outcome) {
      allowed = {content};
      return;
    }
    check_error(outcome.error());
    if (outcome.error().data_loss())
      allowed.insert(content);
  }

  static std::optional<bytes> content_of(const mutation& x) {
    if (auto* y = std::get_if<std::shared_ptr<const bytes>>(&x.content))
      return **y;
    return std::nullopt;
  }

  void commit(backend& store, std::vector<mutation> batch) {
    auto outcomes = store.commit(batch);
    REQUIRE(outcomes.size() == batch.size());
    for (size_t i = 0; i < batch.size(); ++i)
      account(batch[i], content_of(batch[i]), outcomes[i]);
    size_t conflicts = 0;
    size_t losses = 0;
    for (auto& x : outcomes)
      if (!x) {
        conflicts += x.error() == errc::conflict;
        losses += x.error().data_loss();
      }
    CHECK(conflicts < batch.size());
    if (batch[0].group != 0)
      CHECK((losses == 0 || losses == batch.size()));
  }

  /// Expects all of the group or nothing, in one read.
  void check_group(backend& store) {
    std::vector<read_request> requests;
    for (auto& x : group())
      requests.push_back({x.key, blob_part::all, 0, 0, {}});
    size_t changed = 0;
    for (auto& x : store.read(requests)) {
      if (!x)
        return check_error(x.error());
      changed += !*x || to_bytes((*x)->data) != *blob(0, "old");
    }
    CHECK((changed == 0 || changed == requests.size()));
  }

  void commit_staged(backend& store, const std::string& key,
                     const bytes& content) {
    auto made = store.stage(key, 64);
    if (!made)
      return check_error(made.error());
    std::shared_ptr<staged_blob> staged = std::move(*made);
    auto view = bytes_view{content};
    for (auto ok :
         {staged->append(view.subspan(64)), staged->set_prefix(view.first(64))})
      if (!ok && ok.error() != errc::invalid_argument)
        check_error(ok.error());
    mutation x{key, staged, {}};
    auto outcome = std::move(store.commit({&x, 1})[0]);
    // After a failed write the blob is refused.
    if (outcome || outcome.error() != errc::invalid_argument)
      account(x, content, outcome);
  }

  void read_all(backend& store) {
    check_group(store);
    for (auto& [key, contents] : allowed_) {
      read_request request;
      request.key = key;
      auto found = read_one(store, request);
      if (!found)
        check_error(found.error());
      else
        CHECK(contents.contains(*found ? std::optional{to_bytes((*found)->data)}
                                       : std::nullopt));
    }
  }

  void operate(backend& store) {
    commit(store, {put(names[0], blob(1, "replaced"))});
    commit(store, {put(names[3], blob(1, "new"), precondition::absent())});
    commit(store, {erase(names[1])});
    commit_staged(store, names[2], *blob(1, "staged"));
    commit_staged(store, names[4], *blob(1, "staged with a long key"));
    read_all(store);
    commit(store,
           {put(names[0], blob(2, "x")), erase(names[2]),
            put(names[1], blob(2, "back")), put(names[4], blob(2, "e"))});
    commit(store, group());
    check_group(store);
    commit(store, {put(names[0], blob(2, "y"))});
    list_request request;
    request.part = blob_part::metadata;
    do {
      auto page = store.list(request);
      if (!page)
        return check_error(page.error());
      for (auto& x : page->entries)
        if (!x.blob)
          check_error(x.blob.error());
      request.after = page->next;
    } while (!request.after.empty());
  }

  /// Once the fault is over, all can be read, and writes work or are refused.
  void examine_still_open(backend& store) {
    read_all(store);
    for (auto& key : names) {
      auto x = put(key, blob(3, "later"));
      auto outcome = commit_one(store, x);
      if (!outcome)
        CHECK(outcome.error().message().find("reopen") != std::string::npos);
      account(x, content_of(x), outcome);
    }
  }

  void examine_reopened() {
    config_.sync = false; // quicker
    auto store = open(config_);
    read_all(*store);
    std::vector<std::string> files{"larder-store", "lock"};
    for (auto& key : names) {
      REQUIRE(commit_one(*store, put(key, blob(4, "reopened"))));
      files.push_back(detail::name_of(key).relative());
    }
    for (auto& x : group()) {
      REQUIRE(commit_one(*store, put(x.key, blob(4, "reopened"))));
      files.push_back(detail::name_of(x.key).relative());
    }
    std::sort(files.begin(), files.end());
    CHECK(files_below(config_.dir) == files);
  }

  detail::file_config config_;
  fault what_;
  size_t at_;
  size_t calls_ = 0;
  size_t fired_ = 0;
  std::set<std::string> failed_syncs_;
  std::map<std::string, std::set<std::optional<bytes>>> allowed_;
  std::shared_ptr<watched_ops> ops_ = std::make_shared<watched_ops>();
};

/// Lets the fault happen at every call of the script in turn.
/// @returns how many calls there were
size_t sweep(const fault& what) {
  temp_dir tmp;
  auto original = tmp / "original";
  {
    auto config = config_for(original);
    config.sync = false; // quicker
    auto store = create(config);
    for (auto& key : {"\"group a"s, "\"group b"s, "\"group c"s, names[0],
                      names[1], names[2]})
      REQUIRE(commit_one(*store, put(key, blob(0, "old"))));
  }
  for (size_t at = 0;; ++at) {
    CAPTURE(what.code, what.for_ever, at);
    auto dir = tmp / "copy";
    fs::remove_all(dir);
    fs::copy(original, dir, fs::copy_options::recursive);
    if (!script{dir, what, at}.run())
      return at;
  }
}

} // namespace

TEST_CASE("a call that fails once is an error of its operation alone") {
  CHECK(sweep({-EIO, false, false}) > 80);
  CHECK(sweep({-ENOSPC, false, false}) > 80);
}

TEST_CASE("calls that fail from some point on are errors that lose nothing") {
  CHECK(sweep({-EIO, true, false}) > 80);
  CHECK(sweep({-ENOSPC, true, false}) > 80);
}

TEST_CASE("interrupted calls and short writes are not noticed") {
  CHECK(sweep({-EINTR, false, true}) > 80);
  CHECK(sweep({watched_ops::short_write, false, true}) > 10);
  CHECK(sweep({watched_ops::short_write, true, true}) > 10);
}
