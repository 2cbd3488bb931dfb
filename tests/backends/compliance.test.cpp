// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/compliance.hpp"

#include "larder/wrappers.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

using namespace larder;

namespace {

engine memory_engine() {
  backend_registry registry;
  return **registry.find("memory");
}

uri fresh_uri() {
  static std::atomic<int> counter = 0;
  return {"memory", {}, "compliance " + std::to_string(++counter), {}};
}

compliance_options options_for(engine subject) {
  compliance_options result;
  result.subject = std::move(subject);
  result.fresh_uri = fresh_uri;
  return result;
}

using stores = std::unique_ptr<backend>;

/// The memory engine with a wrapper around every store.
template <class Wrapper>
engine wrapped() {
  auto result = memory_engine();
  auto wrap = [](auto f) {
    return [f](const uri& x) -> expected<stores> {
      auto inner = f(x);
      if (!inner)
        return inner;
      return std::make_unique<Wrapper>(std::move(*inner));
    };
  };
  result.create = wrap(result.create);
  result.open = wrap(result.open);
  return result;
}

std::vector<std::string> violations(const compliance_options& options,
                                    const std::string& check) {
  auto result = run_compliance(options, check);
  REQUIRE(result.size() == 1);
  CHECK(result[0].check == check);
  CHECK(result[0].skipped.empty());
  return result[0].violations;
}

/// Passes if the named check finds fault with the engine.
void caught(engine broken, const std::string& check) {
  CAPTURE(check);
  auto options = options_for(std::move(broken));
  options.max_blob_size = 1 << 20;
  options.rounds = 20;
  CHECK(!violations(options, check).empty());
  // The sound engine passes the same check, so it is the fault that it found.
  options.subject = memory_engine();
  CHECK(violations(options, check).empty());
}

template <class Wrapper>
void caught(const std::string& check) {
  caught(wrapped<Wrapper>(), check);
}

mutation put(const std::string& key, bytes blob) {
  return {key, std::make_shared<const bytes>(std::move(blob)), {}};
}

// -- faults of commit ---------------------------------------------------------

struct drops_preconditions : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    for (auto& x : batch)
      x.condition = {};
    return inner().commit(batch);
  }
};

struct drops_preconditions_of_erases : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    for (auto& x : batch)
      if (std::holds_alternative<std::monostate>(x.content))
        x.condition = {};
    return inner().commit(batch);
  }
};

struct drops_preconditions_of_staged : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    for (auto& x : batch)
      if (x.content.index() == 2)
        x.condition = {};
    return inner().commit(batch);
  }
};

/// Looks first and writes then, as if that were one step.
struct checks_then_acts : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    std::vector<commit_outcome> result;
    for (auto& x : batch)
      result.push_back(commit_one(x));
    return result;
  }

  commit_outcome commit_one(mutation& x) {
    read_request request{x.key, blob_part::header, 0, 0, {}};
    auto found = std::move(inner().read({&request, 1})[0]);
    auto absent = x.condition.type == precondition::kind::absent;
    auto matches = x.condition.type == precondition::kind::matches;
    auto lost
      = matches
        && (!*found || header::decode((*found)->data)->rev != x.condition.rev);
    if (lost || (absent && *found))
      return fail(errc::precondition_failed, "too late");
    if (absent || matches) { // lets another thread come here
      auto before = waiting_++;
      for (int i = 0; i < 1000 && waiting_ < before + 2; ++i)
        std::this_thread::yield();
    }
    x.condition = {};
    return std::move(inner().commit({&x, 1})[0]);
  }

  std::atomic<int> waiting_ = 0;
};

struct claims_success : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    auto result = inner().commit(batch);
    for (auto& x : result)
      if (!x)
        x = commit_result{};
    return result;
  }
};

struct loses_every_tenth_write : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    if (++count_ % 10 == 0)
      return std::vector<commit_outcome>(batch.size(), commit_result{true});
    return inner().commit(batch);
  }

  std::atomic<int> count_ = 0;
};

struct swaps_blobs : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    if (batch.size() > 1)
      std::swap(batch[0].content, batch[1].content);
    return inner().commit(batch);
  }
};

struct truncates : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    for (auto& x : batch)
      if (auto* blob = std::get_if<std::shared_ptr<const bytes>>(&x.content))
        if ((*blob)->size() > 65'536)
          *blob = std::make_shared<const bytes>((*blob)->begin(),
                                                (*blob)->begin() + 65'536);
    return inner().commit(batch);
  }
};

/// Overwrites in place without cutting off what was longer.
struct keeps_old_tail : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    for (auto& x : batch)
      if (auto* blob = std::get_if<std::shared_ptr<const bytes>>(&x.content)) {
        read_request request{x.key, blob_part::all, 0, 0, {}};
        auto old = std::move(*inner().read({&request, 1})[0]);
        if (old && old->data.size() > (*blob)->size()) {
          auto mixed = **blob;
          append(mixed, old->data.subspan(mixed.size()));
          *blob = std::make_shared<const bytes>(std::move(mixed));
        }
      }
    return inner().commit(batch);
  }
};

struct does_not_erase : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    std::vector<commit_outcome> result;
    for (auto& x : batch)
      if (std::holds_alternative<std::monostate>(x.content))
        result.push_back(commit_result{true});
      else
        result.push_back(std::move(inner().commit({&x, 1})[0]));
    return result;
  }
};

struct answers_backwards : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    auto result = inner().commit(batch);
    std::reverse(result.begin(), result.end());
    return result;
  }
};

struct guesses_existed : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    auto result = inner().commit(batch);
    for (auto& x : result)
      if (x)
        x->existed = true;
    return result;
  }
};

/// Takes each mutation and each request on its own, and between the first two
/// waits (not for ever) until another thread has done something.
template <bool Commits, bool Reads>
struct one_by_one : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    ++calls_;
    if (!Commits)
      return inner().commit(batch);
    return split<commit_outcome>(batch, [this](auto& x) {
      return inner().commit({&x, 1});
    });
  }

  std::vector<read_outcome>
  read(std::span<const read_request> requests) override {
    ++calls_;
    if (!Reads)
      return inner().read(requests);
    return split<read_outcome>(requests, [this](auto& x) {
      return inner().read({&x, 1});
    });
  }

  template <class Outcome, class Items, class F>
  std::vector<Outcome> split(Items items, F f) {
    std::vector<Outcome> result;
    for (auto& x : items) {
      auto before = calls_.load();
      result.push_back(std::move(f(x)[0]));
      for (int i = 0; i < 1000 && result.size() == 1 && calls_ == before; ++i)
        std::this_thread::yield();
    }
    return result;
  }

  std::atomic<int> calls_ = 0;
};

using commits_one_by_one = one_by_one<true, false>;
using reads_one_by_one = one_by_one<false, true>;

/// As if each batch were one group.
struct one_fails_the_batch : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    for (auto& x : batch)
      x.group = 1;
    return inner().commit(batch);
  }
};

struct keep_erases : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    for (auto& x : batch)
      if (std::holds_alternative<keep>(x.content))
        x.content = {};
    return inner().commit(batch);
  }
};

/// Writes the new header first and the rest later.
struct writes_in_two_steps : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    for (auto& x : batch)
      if (auto* blob = std::get_if<std::shared_ptr<const bytes>>(&x.content)) {
        auto torn = **blob;
        torn.resize(torn.size() / 2 + 32);
        auto first = put(x.key, std::move(torn));
        inner().commit({&first, 1});
        std::this_thread::yield();
      }
    return inner().commit(batch);
  }
};

struct throws : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation>) override {
    throw std::runtime_error{"disk on fire"};
  }
};

// -- faults of keys -----------------------------------------------------------

/// Translates keys on the way in, so that some become the same.
template <class Translate>
struct translates_keys : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    for (auto& x : batch)
      x.key = Translate{}(x.key);
    std::vector<commit_outcome> result;
    for (auto& x : batch) // some may have become the same
      result.push_back(std::move(inner().commit({&x, 1})[0]));
    return result;
  }

  std::vector<read_outcome>
  read(std::span<const read_request> requests) override {
    std::vector<read_request> copy{requests.begin(), requests.end()};
    for (auto& x : copy)
      x.key = Translate{}(x.key);
    return inner().read(copy);
  }
};

struct to_upper {
  std::string operator()(std::string key) const {
    for (auto& c : key)
      if (c >= 'a' && c <= 'z')
        c = static_cast<char>(c - 32);
    return key;
  }
};

struct up_to_null {
  std::string operator()(const std::string& key) const {
    return key.c_str();
  }
};

struct up_to_255 {
  std::string operator()(const std::string& key) const {
    return key.substr(0, 255);
  }
};

template <class Caps>
struct declares : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  capabilities caps() const override {
    auto result = inner().caps();
    Caps{}(result);
    return result;
  }
};

struct small_keys {
  void operator()(capabilities& x) const {
    x.max_key_size = 600;
  }
};

struct small_blobs {
  void operator()(capabilities& x) const {
    x.max_blob_size = 5000;
  }
};

struct no_groups {
  void operator()(capabilities& x) const {
    x.atomic_groups = false;
  }
};

struct no_staging {
  void operator()(capabilities& x) const {
    x.staging = false;
  }
};

// -- faults of read -----------------------------------------------------------

struct creates_on_read : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<read_outcome>
  read(std::span<const read_request> requests) override {
    auto result = inner().read(requests);
    for (size_t i = 0; i < result.size(); ++i)
      if (!*result[i]) {
        auto ghost = put(requests[i].key, {});
        inner().commit({&ghost, 1});
      }
    return result;
  }
};

/// Changes the requests on the way in.
template <class Change>
struct changes_reads : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<read_outcome>
  read(std::span<const read_request> requests) override {
    std::vector<read_request> copy{requests.begin(), requests.end()};
    for (auto& x : copy)
      Change{}(x);
    return inner().read(copy);
  }
};

struct ignore_pin {
  void operator()(read_request& x) const {
    x.pinned.reset();
  }
};

struct shift_range {
  void operator()(read_request& x) const {
    if (x.offset >= 4096)
      --x.offset;
  }
};

struct header_for_metadata {
  void operator()(read_request& x) const {
    if (x.part == blob_part::metadata)
      x.part = blob_part::header;
  }
};

struct fails_on_missing : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<read_outcome>
  read(std::span<const read_request> requests) override {
    auto result = inner().read(requests);
    for (auto& x : result)
      if (x && !*x)
        x = fail(errc::not_found, "no such key");
    return result;
  }
};

struct reads_backwards : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<read_outcome>
  read(std::span<const read_request> requests) override {
    auto result = inner().read(requests);
    std::reverse(result.begin(), result.end());
    return result;
  }
};

/// Hands out a buffer that the next read overwrites.
struct reuses_its_buffer : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  std::vector<read_outcome>
  read(std::span<const read_request> requests) override {
    auto result = inner().read(requests);
    for (auto& x : result)
      if (x && *x && (*x)->data.size() <= buffer_->size()) {
        std::copy((*x)->data.begin(), (*x)->data.end(), buffer_->begin());
        (*x)->data = bytes_view{*buffer_}.first((*x)->data.size());
        (*x)->owner = buffer_;
      }
    return result;
  }

  std::shared_ptr<bytes> buffer_ = std::make_shared<bytes>(1000);
};

// -- faults of list -----------------------------------------------------------

/// Changes the pages on the way out.
template <class Change>
struct changes_pages : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  expected<list_page> list(const list_request& request) override {
    auto result = inner().list(request);
    if (result)
      Change{}(*result);
    return result;
  }
};

struct with_gaps {
  void operator()(list_page& x) const {
    if (!x.next.empty() && x.entries.size() > 2)
      x.entries.pop_back();
  }
};

struct with_duplicates {
  void operator()(list_page& x) const {
    if (x.entries.size() == 1)
      x.entries.push_back(x.entries.back());
  }
};

struct in_disorder {
  void operator()(list_page& x) const {
    std::reverse(x.entries.begin(), x.entries.end());
  }
};

struct cursor_with_spaces {
  void operator()(list_page& x) const {
    if (!x.next.empty())
      x.next += " ";
  }
};

struct without_blobs {
  void operator()(list_page& x) const {
    for (auto& entry : x.entries)
      entry.blob->data = {};
  }
};

struct ignores_prefix : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  expected<list_page> list(const list_request& request) override {
    return inner().list({{}, request.after, request.limit, request.part});
  }
};

struct starts_over_on_bad_cursor : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  expected<list_page> list(const list_request& request) override {
    auto result = inner().list(request);
    if (!result)
      return inner().list({request.prefix, {}, 10, blob_part::none});
    return result;
  }
};

/// Counts the keys to skip, so that those before them matter.
struct cursor_is_a_number : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  expected<list_page> list(const list_request& request) override {
    auto all
      = inner().list({request.prefix, {}, size_t{1} << 20, request.part});
    auto from = request.after.empty() ? 0 : std::stoul(request.after);
    auto& xs = all->entries;
    auto to = std::min(xs.size(), from + request.limit);
    list_page result;
    for (auto i = from; i < to; ++i)
      result.entries.push_back(xs[i]);
    if (to < xs.size())
      result.next = std::to_string(to);
    return result;
  }
};

// -- faults of staging --------------------------------------------------------

/// Puts what was staged as soon as it is discarded.
struct leaks_staged : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  struct leaking : staged_blob {
    leaking(backend& store, std::string_view key, uint64_t prefix_size)
      : store_(store), key_(key), blob_(prefix_size) {
      // nop
    }

    ~leaking() override {
      auto x = put(key_, std::move(blob_));
      store_.commit({&x, 1});
    }

    expected<void> append(bytes_view data) override {
      larder::append(blob_, data);
      return {};
    }

    expected<void> set_prefix(bytes_view data) override {
      std::copy(data.begin(), data.end(), blob_.begin());
      return {};
    }

    backend& store_;
    std::string key_;
    bytes blob_;
  };

  expected<std::unique_ptr<staged_blob>> stage(std::string_view key,
                                               uint64_t prefix_size) override {
    return std::make_unique<leaking>(inner(), key, prefix_size);
  }
};

/// Loses the last piece.
struct staged_too_short : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  struct losing : staged_blob {
    expected<void> append(bytes_view data) override {
      if (data.size() < 100)
        return {};
      return inner->append(data);
    }

    expected<void> set_prefix(bytes_view data) override {
      return inner->set_prefix(data);
    }

    std::shared_ptr<staged_blob> inner;
  };

  expected<std::unique_ptr<staged_blob>> stage(std::string_view key,
                                               uint64_t prefix_size) override {
    auto result = std::make_unique<losing>();
    result->inner = *inner().stage(key, prefix_size);
    return result;
  }

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    for (auto& x : batch)
      if (auto* y = std::get_if<std::shared_ptr<staged_blob>>(&x.content))
        *y = std::shared_ptr<staged_blob>{static_cast<losing&>(**y).inner};
    return inner().commit(batch);
  }
};

/// Takes no other prefix after the first commit, however that ends.
struct staged_once : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  struct once : staged_blob {
    expected<void> append(bytes_view data) override {
      return inner->append(data);
    }

    expected<void> set_prefix(bytes_view data) override {
      if (spent)
        return fail(errc::invalid_argument, "spent");
      return inner->set_prefix(data);
    }

    std::shared_ptr<staged_blob> inner;
    bool spent = false;
  };

  expected<std::unique_ptr<staged_blob>> stage(std::string_view key,
                                               uint64_t prefix_size) override {
    auto result = std::make_unique<once>();
    result->inner = *inner().stage(key, prefix_size);
    return result;
  }

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    for (auto& x : batch)
      if (auto* y = std::get_if<std::shared_ptr<staged_blob>>(&x.content)) {
        auto& staged = static_cast<once&>(**y);
        staged.spent = true;
        *y = std::shared_ptr<staged_blob>{staged.inner};
      }
    return inner().commit(batch);
  }
};

// -- faults of the life cycle -------------------------------------------------

struct new_identity : backend_wrapper {
  using backend_wrapper::backend_wrapper;

  const uuid& id() const override {
    return id_;
  }

  uuid id_ = uuid::random();
};

/// Erases one key when it is opened.
struct changes_on_open : backend_wrapper {
  explicit changes_on_open(std::shared_ptr<backend> x)
    : backend_wrapper(std::move(x)) {
    mutation first{"a", std::monostate{}, {}};
    inner().commit({&first, 1});
  }
};

} // namespace

// -- sound engines ------------------------------------------------------------

TEST_CASE("the memory engine passes the compliance suite") {
  auto results = run_compliance(options_for(memory_engine()));
  CHECK(describe_violations(results) == "");
  CHECK(results.size() == compliance_checks().size());
  for (auto& x : results) {
    CAPTURE(x.check, x.skipped);
    // What the engine does not have, a limit or a medium, cannot be checked.
    CHECK(x.skipped.empty()
          == !(x.check.starts_with("oversized-")
               || x.check.starts_with("full-media-")));
  }
}

TEST_CASE("the wrappers pass the compliance suite") {
  for (auto& subject :
       {wrapped<backend_wrapper>(), wrapped<fault_injecting_backend>(),
        wrapped<recording_backend>()}) {
    auto options = options_for(subject);
    options.max_blob_size = 1 << 20;
    options.rounds = 10;
    CHECK(describe_violations(run_compliance(options)) == "");
  }
}

// -- the suite itself ---------------------------------------------------------

TEST_CASE("the checks of the suite have names of their own") {
  auto names = compliance_checks();
  CHECK(names.size() > 30);
  CHECK(std::set<std::string>(names.begin(), names.end()).size()
        == names.size());
}

TEST_CASE("a deviation is reported instead of run") {
  auto options = options_for(wrapped<drops_preconditions>());
  options.deviations = {{"preconditions-hold", "there are none"}};
  auto results = run_compliance(options, "preconditions-hold");
  REQUIRE(results.size() == 1);
  CHECK(results[0].violations.empty());
  CHECK(results[0].skipped == "there are none");
}

TEST_CASE("names that no check has do not pass in silence") {
  auto options = options_for(memory_engine());
  CHECK(!run_compliance(options, "no-such-check")[0].violations.empty());
  options.deviations = {{"no-such-check", "misspelt"}};
  auto results = run_compliance(options, "put-replace-erase");
  REQUIRE(results.size() == 2);
  CHECK(describe_violations(results)
        == "no-such-check: a deviation from an unknown check\n");
}

TEST_CASE("a change of the medium is noticed where the author describes it") {
  auto options = options_for(memory_engine());
  options.describe_medium
    = [n = 0](const uri&) mutable { return std::to_string(++n); };
  CHECK(!violations(options, "opening-changes-nothing").empty());
  CHECK(!violations(options, "reading-never-creates").empty());
  options.describe_medium = [](const uri&) { return "the same"; };
  CHECK(violations(options, "opening-changes-nothing").empty());
}

TEST_CASE("test blobs are headers with metadata and value") {
  revision rev;
  rev.data.fill(std::byte{7});
  auto blob = make_test_blob(rev, bytes(3, std::byte{1}), bytes(5));
  auto hdr = header::decode(blob);
  REQUIRE(hdr);
  CHECK(hdr->rev == rev);
  CHECK(hdr->value_offset() == 67);
  CHECK(hdr->value_size == 5);
  CHECK(blob.size() == 72);
}

// -- negative controls --------------------------------------------------------

TEST_CASE("the suite catches an engine that does not do what it answers") {
  caught<claims_success>("preconditions-hold");
  caught<claims_success>("each-mutation-has-its-outcome");
  caught<loses_every_tenth_write>("conditional-counter-is-exact");
  caught<loses_every_tenth_write>("concurrent-commits-are-all-kept");
  caught<swaps_blobs>("content-survives-reopening");
  caught<truncates>("blobs-of-all-sizes");
  caught<keeps_old_tail>("put-replace-erase");
  caught<does_not_erase>("put-replace-erase");
  caught<guesses_existed>("put-replace-erase");
  caught<answers_backwards>("large-batches-are-answered-in-order");
  caught<answers_backwards>("each-mutation-has-its-outcome");
  caught<throws>("put-replace-erase");
}

TEST_CASE("the suite catches an engine without a real fence") {
  caught<drops_preconditions>("preconditions-hold");
  caught<drops_preconditions>("conditional-writes-have-one-winner");
  caught<drops_preconditions>("conditional-counter-is-exact");
  caught<drops_preconditions_of_erases>("preconditions-hold");
  caught<drops_preconditions_of_staged>("staged-blobs-obey-preconditions");
  caught<checks_then_acts>("conditional-writes-have-one-winner");
  caught<checks_then_acts>("conditional-counter-is-exact");
}

TEST_CASE("the suite catches an engine whose commits can be seen half done") {
  caught<commits_one_by_one>("one-failure-fails-its-group-only");
  caught<commits_one_by_one>("groups-are-seen-whole");
  caught<one_fails_the_batch>("one-failure-fails-its-group-only");
  caught<one_fails_the_batch>("each-mutation-has-its-outcome");
  caught<reads_one_by_one>("groups-are-seen-whole");
  caught<keep_erases>("keep-checks-and-changes-nothing");
  caught<drops_preconditions>("keep-checks-and-changes-nothing");
  caught<declares<no_groups>>("groups-are-declared-or-refused");
  caught<writes_in_two_steps>("readers-never-see-a-torn-blob");
}

TEST_CASE("the suite catches an engine that mixes up keys") {
  caught<translates_keys<to_upper>>("any-key-works");
  caught<translates_keys<up_to_null>>("any-key-works");
  caught<translates_keys<up_to_255>>("long-keys-are-told-apart");
}

TEST_CASE("the suite catches an engine that reads wrongly") {
  caught<creates_on_read>("reading-never-creates");
  caught<fails_on_missing>("missing-keys-read-as-nothing");
  caught<changes_reads<ignore_pin>>("pinned-reads-notice-another-revision");
  caught<changes_reads<shift_range>>("ranges-are-exact");
  caught<changes_reads<header_for_metadata>>("parts-are-exact");
  caught<reads_backwards>("reads-are-answered-in-order");
  caught<reuses_its_buffer>("views-stay-valid");
}

TEST_CASE("the suite catches an engine that lists wrongly") {
  caught<changes_pages<with_gaps>>("listing-covers-all-keys-once");
  caught<changes_pages<with_duplicates>>("listing-covers-all-keys-once");
  caught<changes_pages<in_disorder>>("listing-covers-all-keys-once");
  caught<changes_pages<cursor_with_spaces>>("listing-covers-all-keys-once");
  caught<changes_pages<without_blobs>>("listing-reads-parts");
  caught<ignores_prefix>("listing-obeys-the-prefix");
  caught<starts_over_on_bad_cursor>("bad-list-requests-are-refused");
  caught<cursor_is_a_number>("keys-come-and-go-between-pages");
  caught<cursor_is_a_number>("keys-come-and-go-during-listing");
}

TEST_CASE("the suite catches an engine that stages wrongly") {
  caught<leaks_staged>("discarded-staged-blobs-leave-nothing");
  caught<staged_too_short>("staged-blobs-are-whole");
  caught<staged_once>("staged-blobs-survive-refusals");
  caught<declares<no_staging>>("staging-is-declared-or-refused");
}

TEST_CASE("the suite catches an engine that takes more than it declares") {
  for (auto& [subject, check] :
       {std::pair{wrapped<declares<small_keys>>(),
                  "oversized-keys-are-refused"},
        {wrapped<declares<small_blobs>>(), "oversized-blobs-are-refused"}})
    CHECK(!violations(options_for(subject), check).empty());
}

TEST_CASE("the suite catches an engine with a careless life cycle") {
  caught<new_identity>("identity-survives-reopening");
  caught<changes_on_open>("opening-changes-nothing");
  auto careless = memory_engine();
  careless.create = [e = memory_engine()](const uri& x) {
    auto result = e.create(x);
    return result ? std::move(result) : e.open(x);
  };
  caught(careless, "lifecycle-is-strict");
  careless = memory_engine();
  careless.open = [e = memory_engine()](const uri& x) {
    auto result = e.open(x);
    return result ? std::move(result) : e.create(x);
  };
  caught(careless, "lifecycle-is-strict");
  careless = memory_engine();
  careless.destroy = [](const uri&) -> expected<void> { return {}; };
  caught(careless, "lifecycle-is-strict");
  careless = memory_engine();
  careless.open = [e = memory_engine()](uri x) {
    x.options.clear();
    return e.open(x);
  };
  caught(careless, "unknown-options-are-refused");
}
