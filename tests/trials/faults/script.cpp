// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "trials/faults/script.hpp"

#include "trials/load_reader.hpp"
#include "trials/store_access.hpp"

#include <algorithm>
#include <iterator>

namespace trials {

using namespace larder;

namespace {

const std::string long_key = "\"long" + std::string(700, 'l');

const std::vector<std::string> all_keys{"\"a",      "\"b",   "\"c", "\"d",
                                        "\"e",      "\"f",   "\"g", "\"big",
                                        "\"staged", long_key};

injector& faults() {
  return injector::instance();
}

} // namespace

fault_script::fault_script(std::string uri, std::string dir,
                           std::optional<fault_plan> plan)
  : uri_(std::move(uri)), dir_(std::move(dir)), plan_(plan) {
  // nop
}

violations fault_script::run() {
  faults().watch(dir_, plan_);
  create();
  write_first();
  write_more();
  read_all();
  list_all();
  reopen();
  read_all();
  write_again();
  list_all();
  read_all();
  close();
  faults().end_faults();
  examine_all();
  return std::move(violations_);
}

// -- phases -------------------------------------------------------------------

/// What an interrupted creation has left is no store, or one without content.
void fault_script::create() {
  for (auto* attempt : {"create", "create again"}) {
    begin(attempt);
    fired_at_opening_ = faults().fired();
    auto made = create_store(uri_);
    if (made) {
      store_ = std::move(*made);
      created_ = true;
      return;
    }
    faults().lose();
    if (made.error() == errc::already_exists && faults().fired() > 0) {
      created_ = true;
      return reopen();
    }
    judge_failure(made.error(), is_failing_now());
  }
}

void fault_script::reopen() {
  close();
  if (!created_)
    return create();
  for (auto* attempt : {"open", "open again"}) {
    begin(attempt);
    fired_at_opening_ = faults().fired();
    auto found = open_store(uri_);
    if (found) {
      store_ = std::move(*found);
      return;
    }
    faults().lose();
    judge_failure(found.error(), is_failing_now());
  }
}

void fault_script::close() {
  begin("close");
  store_.reset();
  for (auto& x : faults().open_files())
    complain("leak", x + " is still open");
  faults().lose();
}

void fault_script::write_first() {
  put("\"a", 20);
  put("\"b", 1000);
  put("\"c", 20'000);
  put("\"big", 1'500'000);
  put_if_same("\"d", 30);
  put_if_same("\"a", 500);
  put_if_other("\"b");
}

void fault_script::write_more() {
  put_group({"\"e", "\"f"}, "\"b");
  put_staged("\"staged", 400'000);
  erase("\"c");
  put_batch({"\"a", "\"d", "\"g", long_key});
}

void fault_script::write_again() {
  put("\"a", 40);
  put_group({"\"b", "\"c"}, "\"e");
  put_staged("\"staged", 300'000);
  erase("\"big");
  put_if_same("\"d", 100);
}

/// Everything must be there, and work.
void fault_script::examine_all() {
  plan_.reset();
  reopen();
  if (!store_)
    return complain("lost", "the store is gone for good");
  read_all();
  list_all();
  write_first();
  write_more();
  write_again();
  reopen();
  read_all();
  list_all();
  close();
  begin("end");
}

// -- operations ---------------------------------------------------------------

fault_script::operation fault_script::make_put(const std::string& key,
                                               size_t size) {
  auto to = ++last_version_;
  operation result;
  result.mutations.push_back({key, make_shared_blob(key, to, size), {}, 0});
  result.changes.push_back({key, to});
  return result;
}

void fault_script::put(const std::string& key, size_t size) {
  begin("put " + key);
  commit({make_put(key, size)});
}

/// On condition that nobody else has changed it.
void fault_script::put_if_same(const std::string& key, size_t size) {
  auto found = read_version(key);
  if (!found)
    return;
  begin("put conditionally " + key);
  auto x = make_put(key, size);
  x.mutations[0].condition = *found == 0
                               ? precondition::absent()
                               : precondition::matches(revision_of(*found));
  commit({std::move(x)});
}

void fault_script::put_if_other(const std::string& key) {
  begin("put on a false condition " + key);
  auto x = make_put(key, 100);
  x.mutations[0].condition = precondition::matches(revision_of(1'000'000));
  x.must_be_refused = true;
  commit({std::move(x)});
}

void fault_script::erase(const std::string& key) {
  begin("erase " + key);
  operation x;
  x.mutations.push_back({key, std::monostate{}, {}, 0});
  x.changes.push_back({key, 0});
  commit({std::move(x)});
}

void fault_script::put_group(const std::vector<std::string>& puts,
                             const std::string& erased) {
  if (!store_ || !store_->caps().atomic_groups)
    return;
  begin("commit a group");
  operation all;
  all.mutations.push_back({erased, std::monostate{}, {}, 0});
  all.changes.push_back({erased, 0});
  for (auto& key : puts) {
    auto x = make_put(key, 3000);
    all.mutations.push_back(std::move(x.mutations[0]));
    all.changes.push_back(std::move(x.changes[0]));
  }
  for (auto& x : all.mutations)
    x.group = 1;
  commit({std::move(all)});
}

void fault_script::put_batch(const std::vector<std::string>& keys) {
  begin("commit a batch");
  std::vector<operation> all;
  for (auto& key : keys)
    all.push_back(make_put(key, 700));
  commit(std::move(all));
}

void fault_script::put_staged(const std::string& key, size_t size) {
  if (!store_ || !store_->caps().staging)
    return;
  begin("stage " + key);
  auto to = ++last_version_;
  auto blob = make_blob(key, to, size);
  auto staged = stage(key, blob, header::size_v2 + metadata_size_of(to));
  if (!staged)
    return judge_failure(staged.error(), has_failed_since_opening());
  operation x;
  x.mutations.push_back({key, std::move(*staged), {}, 0});
  x.changes.push_back({key, to});
  commit({std::move(x)});
}

expected<std::shared_ptr<staged_blob>>
fault_script::stage(const std::string& key, bytes_view blob,
                    size_t prefix_size) {
  auto result = store_->stage(key, prefix_size);
  if (!result)
    return fail(result.error());
  for (auto rest = blob.subspan(prefix_size); !rest.empty();) {
    auto n = std::min<size_t>(rest.size(), 64 * 1024);
    if (auto ok = (*result)->append(rest.first(n)); !ok)
      return fail(ok.error());
    rest = rest.subspan(n);
  }
  if (auto ok = (*result)->set_prefix(blob.first(prefix_size)); !ok)
    return fail(ok.error());
  return std::shared_ptr<staged_blob>{std::move(*result)};
}

std::optional<version> fault_script::read_version(const std::string& key) {
  if (!store_)
    return std::nullopt;
  begin("read " + key);
  auto found = read_amount(*store_, key);
  if (found)
    return found->number;
  judge_failure(found.error(), is_failing_now());
  return std::nullopt;
}

void fault_script::read_all() {
  if (!store_)
    return;
  begin("read all");
  std::vector<read_request> requests;
  for (auto& key : all_keys)
    requests.push_back({key, blob_part::all, 0, 0, {}});
  contents result;
  auto complete = true;
  auto outcomes = store_->read(requests);
  for (size_t i = 0; i < outcomes.size(); ++i) {
    if (outcomes[i] && !*outcomes[i])
      continue;
    auto found = [&]() -> expected<content> {
      if (!outcomes[i])
        return fail(outcomes[i].error());
      return examine(all_keys[i], (**outcomes[i]).data);
    }();
    if (found)
      result[all_keys[i]] = found->number;
    else
      judge_failure(found.error(), is_failing_now());
    complete &= found.has_value();
  }
  if (complete)
    judge_found(result);
}

void fault_script::list_all() {
  if (!store_)
    return;
  begin("list");
  auto found = trials::list_all(*store_, 3);
  if (found)
    judge_found(*found);
  else
    judge_failure(found.error(), is_failing_now());
}

// -- judging ------------------------------------------------------------------

void fault_script::begin(std::string what) {
  for (auto& x : faults().take_violations())
    complain(x.kind, x.what);
  doing_ = std::move(what);
  fired_before_ = faults().fired();
}

/// Whether what cannot be done now has an excuse.
bool fault_script::is_failing_now() const {
  auto fired = faults().fired();
  return plan_ && (fired > fired_before_ || (plan_->for_ever && fired > 0));
}

/// Whether the store may refuse writes until it is reopened.
bool fault_script::has_failed_since_opening() const {
  return plan_ && (faults().fired() > fired_at_opening_ || is_failing_now());
}

/// Bytes that cannot be read may be called damaged: SQLite makes no difference.
bool fault_script::cannot_read() const {
  if (!plan_ || plan_->what != fault_kind::io_error)
    return false;
  auto first = faults().first_failure();
  return first.starts_with("read")
         || (plan_->for_ever && first.starts_with("open"));
}

void fault_script::commit(std::vector<operation> operations) {
  if (!store_)
    return;
  std::vector<mutation> batch;
  for (auto& x : operations) {
    std::move(x.mutations.begin(), x.mutations.end(),
              std::back_inserter(batch));
    x.number = ++last_operation_;
    oracle_.sent(x.number, x.changes);
  }
  auto outcomes = store_->commit(batch);
  if (outcomes.size() != batch.size())
    return complain("refused", "wrong number of outcomes");
  std::span<const commit_outcome> rest{outcomes};
  for (auto& x : operations) {
    judge(x, rest.first(x.changes.size()));
    rest = rest.subspan(x.changes.size());
  }
}

void fault_script::judge(const operation& x,
                         std::span<const commit_outcome> outcomes) {
  size_t failed = 0;
  size_t unknown = 0;
  size_t conflicts = 0;
  for (auto& y : outcomes) {
    if (y)
      continue;
    ++failed;
    unknown += y.error().data_loss();
    conflicts += y.error() == errc::conflict;
    auto is_right = x.must_be_refused && y.error() == errc::precondition_failed;
    if (!is_right && y.error() != errc::conflict)
      judge_failure(y.error(), has_failed_since_opening());
  }
  if (failed != 0 && (failed != outcomes.size() || conflicts == failed))
    complain("group", "some failed, some did not, or none said why");
  if (failed == 0 && x.must_be_refused)
    complain("ghost", "a false condition was ignored");
  if (failed == 0)
    oracle_.acknowledged(x.number);
  else if (unknown == 0)
    oracle_.refused(x.number);
}

void fault_script::judge_found(const contents& found) {
  for (auto& x : oracle_.check(found))
    complain(x.kind, x.what);
}

void fault_script::judge_failure(const error& err, bool may_fail) {
  if (!may_fail)
    complain(err == errc::corruption ? "torn" : "refused", to_string(err));
  else if (err != errc::io_error && !(err == errc::corruption && cannot_read()))
    complain("refused", "not an I/O error: " + to_string(err));
}

void fault_script::complain(std::string kind, const std::string& what) {
  violations_.push_back(
    {std::move(kind), what + " (at: " + doing_.substr(0, 40)
                        + "; failed: " + faults().first_failure() + ")"});
}

} // namespace trials
