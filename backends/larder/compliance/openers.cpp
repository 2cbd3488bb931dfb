// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/compliance_checks.hpp"

#include <algorithm>
#include <atomic>
#include <set>

namespace larder::detail {

namespace {

std::string medium(trial& t) {
  auto& f = t.options().describe_medium;
  return f ? f(t.where()) : std::string{};
}

// -- the engine itself --------------------------------------------------------

void describes_itself(trial& t) {
  auto& e = t.subject();
  auto parsed = uri::parse(e.scheme + ":");
  t.expect(parsed && parsed->scheme == e.scheme,
           "the scheme " + printable(e.scheme) + " is none");
  t.expect(!e.description.empty(), "there is no description");
  t.expect(e.description.find('\n') == std::string::npos,
           "the description has several lines");
  t.require(e.create && e.open && e.exists && e.destroy,
            "a function is missing");
  auto name = t.store().name();
  t.expect(name.find(':') != std::string::npos, // of a wrapper: the inner one
           "the name " + printable(name) + " is not a URI");
  t.expect(std::none_of(name.begin(), name.end(),
                        [](char c) { return c >= 0 && c < ' '; }),
           "the name " + printable(name) + " has control characters");
}

bool is_figure_name(std::string_view x) {
  auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
  return !x.empty() && is_letter(x.front()) && x.back() != '-'
         && std::all_of(x.begin(), x.end(), [&](char c) {
              return is_letter(c) || c == '-' || (c >= '0' && c <= '9');
            });
}

/// Names are well formed and unique, and what counts up never goes down.
void figures(trial& t) {
  std::map<std::string, uint64_t> totals;
  auto check = [&] {
    std::set<std::string> names;
    for (auto& x : t.store().figures()) {
      t.expect(is_figure_name(x.name),
               printable(x.name) + " is no name for a figure");
      t.expect(names.insert(x.name).second, printable(x.name) + " comes twice");
      if (!x.name.ends_with("-total"))
        continue;
      auto& before = totals[x.name];
      t.expect(x.amount >= before, x.name + " went down from "
                                     + std::to_string(before) + " to "
                                     + std::to_string(x.amount));
      before = x.amount;
    }
  };
  check();
  for (size_t i = 0; i < 20; ++i) {
    t.must_put("key " + std::to_string(i % 5), sample_blob(i * 100));
    t.get("key 1");
    check();
  }
  for (size_t i = 0; i < 5; ++i)
    t.require_value(t.erase("key " + std::to_string(i)), "erasing");
  check();
  std::atomic<bool> done = false;
  run_threads(t, 2, [&](size_t thread) {
    if (thread == 1) { // any thread may ask while another commits
      while (!done)
        t.store().figures();
      return;
    }
    guarded(t, [&] {
      for (size_t i = 0; i < t.options().rounds; ++i)
        t.must_put("a", sample_blob(i));
    });
    done = true;
  });
  check();
}

// -- several openers ----------------------------------------------------------

void second_openers(trial& t) {
  auto first = sample_blob(10, 1);
  t.must_put("a", first);
  if (t.store().caps().domain == write_domain::process) {
    for (int i = 0; i < 2; ++i)
      t.expect_error(t.subject().open(t.where()), errc::locked,
                     "opening a store that is open");
    t.expect_content("a", first, "after another opener was turned away");
    t.must_put("b", first);
    t.reopen();
    t.expect_contents({{"a", first}, {"b", first}}, "after opening in turns");
    return;
  }
  auto opened = t.subject().open(t.where());
  t.require_value(opened, "opening a store twice, which its domain allows,");
  t.require(*opened != nullptr, "opening a store returned a null pointer");
  auto& other = **opened;
  t.expect(other.id() == t.store().id(), "two openers see two identities");
  auto second = sample_blob(20, 2);
  mutation x{"a", second, precondition::matches(revision_of(*first))};
  t.require_value(other.commit({&x, 1})[0], "committing as the second opener");
  t.expect_everywhere("a", second, "after another opener replaced it");
  t.expect_error(t.put("a", first, precondition::matches(revision_of(*first))),
                 errc::precondition_failed,
                 "replacing what another opener has replaced");
  t.require_value(t.put("b", first, precondition::absent()), "putting");
  read_request request{"b", blob_part::all, 0, 0, {}};
  auto found = std::move(other.read({&request, 1})[0]);
  t.require_value(found, "reading as the second opener");
  t.expect(found->has_value() && same_bytes((*found)->data, *first),
           "the second opener does not see what the first has put");
  opened->reset();
  t.expect_contents({{"a", second}, {"b", first}},
                    "after another opener closed the store");
  t.require_value(t.erase("a"), "erasing after another opener closed");
}

void no_destruction_while_open(trial& t) {
  std::map<std::string, blob_ptr> blobs{{"a", sample_blob(10)},
                                        {"b", sample_blob(20'000)}};
  t.must_put_all(blobs);
  t.expect_error(t.subject().destroy(t.where()), errc::locked,
                 "destroying a store that is open");
  t.expect_contents(blobs, "after a refused destroy");
  blobs["c"] = sample_blob(30);
  t.must_put("c", blobs["c"]);
  t.reopen();
  t.expect_contents(blobs, "after a refused destroy and reopening");
}

/// What `describe_medium` cannot see is looked for by creating a store again.
void destroying_leaves_nothing(trial& t) {
  auto before = medium(t);
  for (int i = 0; i < 2; ++i) {
    std::map<std::string, blob_ptr> blobs;
    for (int k = 0; k < 50; ++k)
      blobs["key " + std::to_string(k)] = sample_blob(size_t(k) * 1000);
    t.must_put_all(blobs);
    t.require_value(t.erase("key 7"), "erasing");
    t.close();
    t.require_value(t.subject().destroy(t.where()), "destroying");
    t.expect(medium(t) == before, "destroying left something on the medium");
  }
  t.expect_contents({}, "in a store created where one was destroyed");
  for (int k : {0, 7, 49})
    t.expect_everywhere("key " + std::to_string(k), nullptr,
                        "in a store created where one was destroyed");
}

/// Asking whether there is a store neither makes nor changes one.
void exists_changes_nothing(trial& t) {
  auto ask = [&](bool wanted, const std::string& when) {
    auto result = t.subject().exists(t.where());
    t.require_value(result, "exists " + when);
    t.expect(*result == wanted, "exists is wrong " + when);
  };
  auto ask_closed = [&](bool wanted, const std::string& when) {
    auto before = medium(t);
    ask(wanted, when);
    t.expect(medium(t) == before, "exists changed the medium " + when);
  };
  ask_closed(false, "where no store is");
  t.must_put("a", sample_blob(10));
  ask(true, "while it is open"); // and may be changed by threads of its own
  t.must_put("a", sample_blob(20));
  t.close();
  ask_closed(true, "after closing");
  t.require_value(t.subject().destroy(t.where()), "destroying");
  ask_closed(false, "after destroying");
}

// -- erased keys --------------------------------------------------------------

/// Erases in all ways and opens the store again and again.
void erased_keys_stay_erased(trial& t) {
  auto caps = t.store().caps();
  std::map<std::string, blob_ptr> blobs;
  for (std::string key : {"stays", "plain", "conditional", "group a", "group b",
                          "put twice", "large", "staged"})
    blobs[key] = sample_blob(key == "large" ? 300'000 : 100);
  t.must_put_all(blobs);
  if (caps.staging)
    t.require_value(
      t.commit(
        {{"staged", stage_blob(t, "staged", *blobs["staged"], 64, 50), {}}})[0],
      "committing a staged blob");
  t.must_put("put twice", sample_blob(5000));
  t.reopen();
  auto group = caps.atomic_groups ? uint64_t{1} : uint64_t{0};
  auto outcomes = t.commit({
    {"plain", std::monostate{}, {}},
    {"conditional", std::monostate{},
     precondition::matches(revision_of(*blobs["conditional"]))},
    {"group a", std::monostate{}, {}, group},
    {"group b", std::monostate{}, {}, group},
    {"put twice", std::monostate{}, {}},
    {"large", std::monostate{}, {}},
    {"staged", std::monostate{}, {}},
  });
  for (auto& x : outcomes)
    t.require_value(x, "erasing");
  for (int i = 0; i < 3; ++i) {
    auto when = "after erasing and opening " + std::to_string(i) + " times";
    t.expect_contents({{"stays", blobs["stays"]}}, when);
    for (auto& [key, blob] : blobs)
      t.expect_everywhere(key, key == "stays" ? blob : nullptr, when);
    t.reopen();
    t.must_put("stays", blobs["stays"]); // a write may bring others back
  }
}

constexpr compliance_check checks[] = {
  {"engine-describes-itself", describes_itself},
  {"figures-are-well-formed", figures},
  {"second-openers-are-locked-out-or-fenced", second_openers},
  {"open-stores-are-not-destroyed", no_destruction_while_open},
  {"destroying-leaves-nothing", destroying_leaves_nothing},
  {"asking-changes-nothing", exists_changes_nothing},
  {"erased-keys-stay-erased", erased_keys_stay_erased},
};

} // namespace

std::span<const compliance_check> opener_checks() {
  return checks;
}

} // namespace larder::detail
