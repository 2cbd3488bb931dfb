// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

// Negative controls: broken backends, each caught by the check that is named
// beside it, and sound ones that pass the same check.

#include "backends/broken/commits.hpp"
#include "backends/broken/contents.hpp"
#include "backends/broken/keys.hpp"
#include "backends/broken/lifecycles.hpp"
#include "backends/broken/lists.hpp"
#include "backends/broken/media.hpp"
#include "backends/broken/reads.hpp"
#include "backends/broken/snapshots.hpp"
#include "backends/broken/stages.hpp"
#include "temp_dir.hpp"
#include "trials/liars.hpp"

#include <catch2/catch.hpp>

#include <set>

using namespace broken;

namespace {

/// A broken backend and the checks that catch it, each on its own.
struct control {
  std::string fault;
  engine subject;
  std::vector<std::string> checks;
};

/// Takes one row at a time: compilers are slow with large lists of objects.
class table {
public:
  void add(const char* fault, const engine& subject,
           std::initializer_list<const char*> checks) {
    rows_.push_back({fault, subject, {checks.begin(), checks.end()}});
  }

  std::vector<control> take() {
    return std::move(rows_);
  }

private:
  std::vector<control> rows_;
};

std::vector<control> writing_controls() {
  table rows;
  rows.add("claims success", wrapped<claims_success>(),
           {"preconditions-hold", "each-mutation-has-its-outcome",
            "failed-writes-leave-nothing"});
  rows.add("loses every tenth write", wrapped<loses_every_tenth_write>(),
           {"conditional-counter-is-exact", "concurrent-commits-are-all-kept"});
  rows.add("swaps blobs", wrapped<swaps_blobs>(),
           {"content-survives-reopening", "staged-blobs-commit-among-others"});
  rows.add("truncates", wrapped<truncates>(), {"blobs-of-all-sizes"});
  rows.add("keeps the old tail", wrapped<keeps_old_tail>(),
           {"put-replace-erase"});
  rows.add("does not erase", wrapped<does_not_erase>(), {"put-replace-erase"});
  rows.add("guesses what existed", wrapped<guesses_existed>(),
           {"put-replace-erase"});
  rows.add(
    "answers backwards", wrapped<answers_backwards>(),
    {"large-batches-are-answered-in-order", "each-mutation-has-its-outcome"});
  rows.add("throws", wrapped<throws>(), {"put-replace-erase"});
  rows.add("drops preconditions", wrapped<drops_preconditions>(),
           {"preconditions-hold", "conditional-writes-have-one-winner",
            "conditional-counter-is-exact", "keep-checks-and-changes-nothing"});
  rows.add("drops preconditions of erases",
           wrapped<drops_preconditions_of_erases>(), {"preconditions-hold"});
  rows.add("drops preconditions of staged blobs",
           wrapped<drops_preconditions_of_staged>(),
           {"staged-blobs-obey-preconditions"});
  rows.add(
    "checks, then acts", wrapped<checks_then_acts>(),
    {"conditional-writes-have-one-winner", "conditional-counter-is-exact"});
  rows.add("checks groups, then acts", wrapped<checks_groups_then_acts>(),
           {"conditional-groups-have-one-winner"});
  rows.add("tears a group", wrapped<commits_one_by_one>(),
           {"one-failure-fails-its-group-only", "groups-are-seen-whole"});
  rows.add(
    "takes a batch for a group", wrapped<one_fails_the_batch>(),
    {"one-failure-fails-its-group-only", "each-mutation-has-its-outcome"});
  rows.add("reads group members one by one", wrapped<reads_one_by_one>(),
           {"groups-are-seen-whole"});
  rows.add("erases what is to be kept", wrapped<keep_erases>(),
           {"keep-checks-and-changes-nothing"});
  rows.add("takes groups it does not declare", wrapped<declares<no_groups>>(),
           {"groups-are-declared-or-refused"});
  rows.add("writes in two steps", wrapped<writes_in_two_steps>(),
           {"readers-never-see-a-torn-blob"});
  rows.add("refuses but writes", wrapped<refuses_but_writes>(),
           {"failed-writes-leave-nothing", "one-failure-fails-its-group-only"});
  rows.add("lists what was refused", wrapped<lists_what_was_refused>(),
           {"failed-writes-leave-nothing"});
  return rows.take();
}

std::vector<control> content_controls() {
  table rows;
  rows.add("folds case", wrapped<translates_keys<to_upper>>(),
           {"any-key-works"});
  rows.add("ends keys at a null", wrapped<translates_keys<up_to_null>>(),
           {"any-key-works"});
  rows.add("cuts keys", wrapped<translates_keys<up_to_255>>(),
           {"long-keys-are-told-apart", "greatest-keys-work-everywhere"});
  rows.add("has no long prefixes", wrapped<short_prefixes>(),
           {"greatest-keys-work-everywhere"});
  rows.add("loses carriage returns",
           wrapped<changes_blobs<carriage_returns_lost>>(),
           {"every-byte-is-kept"});
  rows.add("trims zeros", wrapped<changes_blobs<zeros_trimmed>>(),
           {"every-byte-is-kept"});
  rows.add("takes empty for erased", wrapped<erases_empty_values>(),
           {"empty-parts-are-kept"});
  rows.add("swaps metadata", wrapped<swaps_metadata>(),
           {"metadata-stays-with-its-value"});
  rows.add("offsets wrap at 4 GiB",
           wrapped<changes_reads<offsets_of_32_bits>>(),
           {"ranges-do-not-wrap"});
  rows.add("lengths wrap at 4 GiB",
           wrapped<changes_reads<lengths_of_32_bits>>(),
           {"ranges-do-not-wrap"});
  rows.add("ends of ranges wrap", wrapped<changes_reads<ends_that_wrap>>(),
           {"ranges-do-not-wrap", "ranges-are-exact"});
  return rows.take();
}

std::vector<control> reading_controls() {
  table rows;
  rows.add("creates on read", wrapped<creates_on_read>(),
           {"reading-never-creates"});
  rows.add("fails on missing keys", wrapped<fails_on_missing>(),
           {"missing-keys-read-as-nothing"});
  rows.add("ignores pins", wrapped<changes_reads<ignore_pin>>(),
           {"pinned-reads-notice-another-revision"});
  rows.add("shifts ranges", wrapped<changes_reads<shift_range>>(),
           {"ranges-are-exact"});
  rows.add("cuts metadata", wrapped<changes_reads<header_for_metadata>>(),
           {"parts-are-exact"});
  rows.add("reads backwards", wrapped<reads_backwards>(),
           {"reads-are-answered-in-order"});
  rows.add("reuses its buffer", wrapped<reuses_its_buffer>(),
           {"views-stay-valid"});
  rows.add("lists with gaps", wrapped<changes_pages<with_gaps>>(),
           {"listing-covers-all-keys-once"});
  rows.add("lists twice", wrapped<changes_pages<with_duplicates>>(),
           {"listing-covers-all-keys-once"});
  rows.add("lists in disorder", wrapped<changes_pages<in_disorder>>(),
           {"listing-covers-all-keys-once"});
  rows.add("has spaces in cursors",
           wrapped<changes_pages<cursor_with_spaces>>(),
           {"listing-covers-all-keys-once"});
  rows.add("lists without blobs", wrapped<changes_pages<without_blobs>>(),
           {"listing-reads-parts"});
  rows.add("ignores the prefix", wrapped<ignores_prefix>(),
           {"listing-obeys-the-prefix"});
  rows.add("starts over on a bad cursor", wrapped<starts_over_on_bad_cursor>(),
           {"bad-list-requests-are-refused"});
  rows.add(
    "skips by count", wrapped<cursor_is_a_number>(),
    {"keys-come-and-go-between-pages", "keys-come-and-go-during-listing"});
  return rows.take();
}

std::vector<control> staging_controls() {
  table rows;
  rows.add("puts what is discarded", wrapped<leaks_staged>(),
           {"discarded-staged-blobs-leave-nothing"});
  rows.add("lists what is staged", wrapped<lists_staged>(),
           {"discarded-staged-blobs-leave-nothing"});
  rows.add("loses the last piece", wrapped<staged_too_short>(),
           {"staged-blobs-are-whole"});
  rows.add("stages once", wrapped<staged_once>(),
           {"staged-blobs-survive-refusals"});
  rows.add("stages for any key", wrapped<stages_for_any_key>(),
           {"misused-staged-blobs-are-refused"});
  rows.add("takes any prefix", wrapped<takes_any_prefix>(),
           {"misused-staged-blobs-are-refused"});
  rows.add("stages without declaring it", wrapped<declares<no_staging>>(),
           {"staging-is-declared-or-refused"});
  return rows.take();
}

std::vector<control> snapshot_controls() {
  constexpr auto moment = "snapshots-see-one-moment";
  constexpr auto groups = "snapshots-see-groups-whole";
  table rows;
  rows.add("snapshots of the present", wrapped<snapshots_of_the_present>(),
           {"snapshots-are-declared-or-refused", moment,
            "snapshots-see-no-staged-blobs"});
  rows.add("lists a moment, reads the present", wrapped<torn_snapshots>(),
           {moment});
  rows.add("takes the moment late", wrapped<late_snapshots>(),
           {"snapshots-are-declared-or-refused"});
  rows.add("the same snapshot again", wrapped<same_snapshot_again>(),
           {moment, groups});
  rows.add("snapshots without chunks", wrapped<snapshots_without_chunks>(),
           {moment, "snapshots-see-no-staged-blobs"});
  rows.add("snapshots key by key", wrapped<snapshots_key_by_key>(), {groups});
  rows.add("takes snapshots without declaring it",
           wrapped<declares<no_snapshots>>(),
           {"snapshots-are-declared-or-refused"});
  return rows.take();
}

engine careless(void (*change)(engine& x, const engine& sound)) {
  return changed_engine(change);
}

std::vector<control> lifecycle_controls() {
  table rows;
  rows.add("has a new identity each time", wrapped<new_identity>(),
           {"identity-survives-reopening"});
  rows.add("changes on opening", wrapped<changes_on_open>(),
           {"opening-changes-nothing"});
  rows.add("resurrects after erase", wrapped<resurrects>(),
           {"erased-keys-stay-erased", "content-survives-reopening"});
  rows.add("forgets to sync", wrapped<forgets_to_sync>(),
           {"content-survives-reopening"});
  rows.add("opens when told to create",
           careless([](engine& x, const engine& sound) {
             x.create = [sound](const uri& where) {
               auto result = sound.create(where);
               return result ? std::move(result) : sound.open(where);
             };
           }),
           {"lifecycle-is-strict"});
  rows.add("creates when told to open",
           careless([](engine& x, const engine& sound) {
             x.open = [sound](const uri& where) {
               auto result = sound.open(where);
               return result ? std::move(result) : sound.create(where);
             };
           }),
           {"lifecycle-is-strict"});
  rows.add("destroys nothing", careless([](engine& x, const engine&) {
             x.destroy = [](const uri&) -> expected<void> { return {}; };
           }),
           {"lifecycle-is-strict", "open-stores-are-not-destroyed"});
  rows.add("ignores options", careless([](engine& x, const engine& sound) {
             x.open = [sound](uri where) {
               where.options.clear();
               return sound.open(where);
             };
           }),
           {"unknown-options-are-refused"});
  rows.add("has no description",
           careless([](engine& x, const engine&) { x.description = ""; }),
           {"engine-describes-itself"});
  rows.add("takes no keys", wrapped<declares<no_keys>>(),
           {"capabilities-are-plausible"});
  rows.add("is durable without waiting", wrapped<declares<durable_at_once>>(),
           {"capabilities-are-plausible"});
  rows.add("opens another store", opens_another(),
           {"second-openers-are-locked-out-or-fenced"});
  rows.add("claims a domain", wrapped<declares<all_of_the_machine>>(),
           {"second-openers-are-locked-out-or-fenced"});
  rows.add("leaves content behind", leaves_content(),
           {"destroying-leaves-nothing"});
  rows.add("creates by asking", creates_by_asking(),
           {"asking-changes-nothing"});
  rows.add("shouts its figures", wrapped<has_figure<shouted_figure>>(),
           {"figures-are-well-formed"});
  rows.add("has totals that fall", wrapped<has_figure<total_that_falls>>(),
           {"figures-are-well-formed"});
  return rows.take();
}

std::vector<control> controls_with_limits() {
  table rows;
  rows.add("takes keys of any size", wrapped<declares<small_keys>>(),
           {"oversized-keys-are-refused",
            "oversized-keys-are-refused-everywhere",
            "oversized-keys-fail-their-group"});
  rows.add("takes blobs of any size", wrapped<declares<small_blobs>>(),
           {"oversized-blobs-are-refused", "oversized-blobs-fail-their-group",
            "oversized-staged-blobs-are-refused"});
  rows.add(
    "has no limits in groups", wrapped<unlimited_in_groups>(),
    {"oversized-keys-fail-their-group", "oversized-blobs-fail-their-group"});
  rows.add("refuses the whole batch", wrapped<refuses_the_batch>(),
           {"oversized-mutations-spare-the-others",
            "oversized-keys-are-refused-everywhere"});
  rows.add("counts with too few bits", wrapped<counts_with_12_bits>(),
           {"oversized-staged-blobs-are-refused"});
  return rows.take();
}

std::vector<control> controls_on_full_media() {
  auto told = "full-media-are-told";
  auto recover = "full-media-recover";
  table rows;
  rows.add("claims success when full",
           wrapped<fills_up<when_full::claim_success>>(), {told, recover});
  rows.add("blames the caller when full",
           wrapped<fills_up<when_full::blame_the_caller>>(), {told});
  rows.add("tears when full", wrapped<fills_up<when_full::tear>>(),
           {told, recover});
  rows.add("erases first when full",
           wrapped<fills_up<when_full::erase_first>>(), {told, recover});
  rows.add("stays full", wrapped<fills_up<when_full::stay_full>>(), {recover});
  return rows.take();
}

compliance_options options_for(engine subject) {
  compliance_options result;
  result.subject = std::move(subject);
  result.fresh_uri = [] {
    static std::atomic<int> counter = 0;
    return uri{"memory", {}, "control " + std::to_string(++counter), {}};
  };
  result.max_blob_size = 1 << 20;
  result.rounds = 20;
  return result;
}

std::vector<std::string> violations(const compliance_options& options,
                                    const std::string& check) {
  auto results = run_compliance(options, check);
  REQUIRE(results.size() == 1);
  CHECK(results[0].check == check);
  CHECK(results[0].skipped == "");
  return results[0].violations;
}

/// Passes if each broken backend is caught by its checks, and the sound engine
/// passes them, so that it is the fault that they have found.
void catch_all(const std::vector<control>& controls, engine sound,
               const std::function<compliance_options(engine)>& options) {
  std::set<std::string> checks;
  for (auto& x : controls)
    for (auto& check : x.checks) {
      CAPTURE(x.fault, check);
      CHECK(!violations(options(x.subject), check).empty());
      checks.insert(check);
    }
  for (auto& check : checks) {
    CAPTURE(check);
    CHECK(violations(options(sound), check) == std::vector<std::string>{});
  }
}

// -- liars on files, for checks with other processes --------------------------

struct liar {
  std::string scheme;
  std::string check;
};

const std::vector<liar>& liars() {
  static const std::vector<liar> result{
    {"early-ack", "killed-writers-lose-nothing"},
    {"late-erase", "killed-writers-lose-nothing"},
    {"half-group", "killed-writers-lose-nothing"},
    {"half-group", "groups-are-seen-whole-across-processes"},
    {"unconditional", "counter-is-exact-across-processes"},
    {"open-to-all", "other-processes-are-locked-out-or-fenced"},
  };
  return result;
}

std::vector<compliance_result> run_on_files(const std::string& scheme,
                                            const std::string& check) {
  temp_dir dir;
  backend_registry registry;
  trials::add_liars(registry);
  compliance_options options;
  if (scheme == "open-to-all") // what this says of itself is the lie
    options.subject = wrapped<declares<process_only>>(**registry.find("file"));
  else // these do not sync, which a kill does not find out
    options.subject = wrapped<declares<durable_too>>(**registry.find(scheme));
  options.fresh_uri = [&, n = 0]() mutable {
    return uri{options.subject.scheme, {}, dir / std::to_string(++n), {}};
  };
  options.child_command = {LARDER_COMPLIANCE_CHILD};
  options.rounds = 100; // 20 kills, of which one has to meet a lie
  return run_compliance(options, check);
}

std::vector<control> all_controls() {
  std::vector<control> result;
  for (auto& xs :
       {writing_controls(), content_controls(), reading_controls(),
        staging_controls(), snapshot_controls(), lifecycle_controls(),
        controls_with_limits(), controls_on_full_media()})
    result.insert(result.end(), xs.begin(), xs.end());
  for (auto& x : liars())
    result.push_back({x.scheme, {}, {x.check}});
  return result;
}

} // namespace

TEST_CASE("the suite catches backends that write wrongly") {
  catch_all(writing_controls(), memory_engine(), options_for);
}

TEST_CASE("the suite catches backends that change keys or contents") {
  catch_all(content_controls(), memory_engine(), options_for);
}

TEST_CASE("the suite catches backends that read and list wrongly") {
  catch_all(reading_controls(), memory_engine(), options_for);
}

TEST_CASE("the suite catches backends that stage wrongly") {
  catch_all(staging_controls(), memory_engine(), options_for);
}

TEST_CASE("the suite catches backends whose snapshots are none") {
  catch_all(snapshot_controls(), memory_engine(), options_for);
}

TEST_CASE("the suite catches backends with a careless life cycle") {
  catch_all(lifecycle_controls(), memory_engine(), options_for);
}

TEST_CASE("the suite catches backends that take more than they declare") {
  catch_all(controls_with_limits(), wrapped<limited>(), options_for);
}

TEST_CASE("the suite catches backends that do not bear a full medium") {
  catch_all(controls_on_full_media(), wrapped<fills_up<when_full::refuse>>(),
            [](engine subject) {
              auto result = options_for(std::move(subject));
              result.fill_medium
                = [](const uri&, bool full) { medium_is_full = full; };
              return result;
            });
}

TEST_CASE("the suite catches backends that fail other processes") {
  for (auto& x : liars()) {
    CAPTURE(x.scheme, x.check);
    auto results = run_on_files(x.scheme, x.check);
    CHECK(results[0].skipped == "");
    CHECK(!results[0].violations.empty());
  }
}

TEST_CASE("each check has caught a broken backend") {
  std::set<std::string> faults;
  std::set<std::string> caught;
  for (auto& x : all_controls()) {
    faults.insert(x.fault);
    caught.insert(x.checks.begin(), x.checks.end());
  }
  CHECK(faults.size() >= 70);
  auto names = compliance_checks();
  CHECK(caught == std::set<std::string>(names.begin(), names.end()));
}
