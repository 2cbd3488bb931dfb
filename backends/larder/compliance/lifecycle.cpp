// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/compliance_checks.hpp"

namespace larder::detail {

namespace {

void expect_exists(trial& t, bool expected, const std::string& when) {
  auto result = t.subject().exists(t.where());
  t.require_value(result, "exists " + when);
  t.expect(*result == expected, "exists says "
                                  + std::string{*result ? "true" : "false"}
                                  + " " + when);
}

/// The medium as the engine's author describes it, if he does.
std::string medium(trial& t) {
  auto& f = t.options().describe_medium;
  return f ? f(t.where()) : std::string{};
}

void strict_lifecycle(trial& t) {
  auto& e = t.subject();
  auto& where = t.where();
  t.require(where.scheme == e.scheme, "the URI has another scheme");
  auto expect_nothing = [&](const std::string& when) {
    expect_exists(t, false, when);
    t.expect_error(e.open(where), errc::not_found, "opening " + when);
    t.expect_error(e.destroy(where), errc::not_found, "destroying " + when);
    expect_exists(t, false, when + ", after trying to open and destroy");
  };
  expect_nothing("before create");
  auto first_id = t.store().id();
  t.must_put("a", sample_blob(1));
  expect_exists(t, true, "while open");
  t.expect_error(e.create(where), errc::already_exists,
                 "creating what is open");
  t.close();
  expect_exists(t, true, "after closing");
  t.expect_error(e.create(where), errc::already_exists, "creating what exists");
  t.reopen();
  t.expect(t.get("a").has_value(), "a refused create lost a key");
  t.close();
  t.require_value(e.destroy(where), "destroying");
  expect_nothing("after destroy");
  t.expect(t.store().id() != first_id,
           "a store created anew has the identity of the destroyed one");
  t.expect_contents({}, "in a store created anew");
}

void unknown_options(trial& t) {
  auto x = t.where();
  x.options.emplace("x-no-such-option", "1");
  auto& e = t.subject();
  auto what = std::string{" with an unknown option"};
  t.expect_error(e.create(x), errc::invalid_argument, "create" + what);
  t.expect_error(e.exists(x), errc::invalid_argument, "exists" + what);
  expect_exists(t, false, "after a refused create");
  t.store();
  t.close();
  t.expect_error(e.open(x), errc::invalid_argument, "open" + what);
  t.expect_error(e.destroy(x), errc::invalid_argument, "destroy" + what);
  expect_exists(t, true, "after a refused destroy");
}

void identity(trial& t) {
  auto id = t.store().id();
  t.expect(id != uuid{}, "the identity is all zeros");
  t.expect(t.store().id() == id, "the identity changes from call to call");
  for (int i = 0; i < 2; ++i) {
    t.reopen();
    t.expect(t.store().id() == id, "the identity changed by reopening");
  }
  auto where = t.options().fresh_uri();
  auto other = t.subject().create(where);
  t.require_value(other, "creating a second store");
  t.expect((*other)->id() != id, "two stores have the same identity");
  other->reset();
  t.require_value(t.subject().destroy(where), "destroying the second store");
}

void content_survives(trial& t) {
  std::map<std::string, blob_ptr> blobs;
  for (int i = 0; i < 20; ++i)
    blobs["key " + std::to_string(i)] = sample_blob(size_t(i) * 100);
  t.must_put_all(blobs);
  t.reopen();
  t.expect_contents(blobs, "after reopening");
  blobs["key 3"] = sample_blob(7);
  t.must_put("key 3", blobs["key 3"]);
  blobs.erase("key 4");
  t.require_value(t.erase("key 4"), "erasing");
  t.reopen();
  t.expect_contents(blobs, "after replacing, erasing and reopening");
}

void opening_changes_nothing(trial& t) {
  std::map<std::string, blob_ptr> blobs{{"a", sample_blob(10)},
                                        {"b", sample_blob(20)}};
  t.must_put_all(blobs);
  t.close();
  auto before = medium(t);
  for (int i = 0; i < 2; ++i) {
    auto opened = t.subject().open(t.where());
    t.require_value(opened, "opening");
    opened->reset();
    t.expect(medium(t) == before, "opening and closing changed the medium");
  }
  t.reopen();
  t.expect_contents(blobs, "after opening twice");
  t.close();
  t.expect(medium(t) == before, "reading changed the medium");
}

void reading_never_creates(trial& t) {
  t.must_put("a", sample_blob(1));
  t.reopen();
  auto before = medium(t);
  for (auto part : {blob_part::none, blob_part::header, blob_part::metadata,
                    blob_part::all, blob_part::range}) {
    std::string key = "missing " + std::to_string(static_cast<int>(part));
    for (int i = 0; i < 2; ++i)
      t.expect(!t.get(key, part), "a missing key was found");
    t.list_all(key);
  }
  t.expect(t.list_all().size() == 1, "reading missing keys made them appear");
  t.expect(medium(t) == before, "reading missing keys changed the medium");
  t.reopen();
  t.expect(t.list_all().size() == 1,
           "reading missing keys made them appear after reopening");
}

void plausible_capabilities(trial& t) {
  auto caps = t.store().caps();
  t.expect(caps.max_key_size >= 1, "max_key_size is 0");
  t.expect(caps.max_blob_size >= header::max_size,
           "max_blob_size is less than a header");
  t.expect(caps.domain <= write_domain::global, "domain is no write_domain");
  t.expect(!(caps.durable && caps.nonblocking),
           "nothing is durable without waiting for a device");
  t.expect(!t.store().name().empty(), "the name is empty");
  t.reopen();
  auto again = t.store().caps();
  t.expect(caps.atomic_groups == again.atomic_groups
             && caps.ordered_listing == again.ordered_listing
             && caps.staging == again.staging && caps.domain == again.domain
             && caps.max_key_size == again.max_key_size
             && caps.max_blob_size == again.max_blob_size,
           "the capabilities changed by reopening");
}

constexpr compliance_check checks[] = {
  {"lifecycle-is-strict", strict_lifecycle},
  {"unknown-options-are-refused", unknown_options},
  {"capabilities-are-plausible", plausible_capabilities},
  {"identity-survives-reopening", identity},
  {"content-survives-reopening", content_survives},
  {"opening-changes-nothing", opening_changes_nothing},
  {"reading-never-creates", reading_never_creates},
};

} // namespace

std::span<const compliance_check> lifecycle_checks() {
  return checks;
}

} // namespace larder::detail
