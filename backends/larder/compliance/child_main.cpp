// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/compliance.hpp"
#include "larder/detail/compliance_child.hpp"

#include <charconv>
#include <cstdio>
#include <iostream>

namespace larder {

namespace {

using namespace detail;

/// Writes a line at once, so that what was said before a kill is heard.
void say(const std::string& line) {
  std::cout << line << std::endl;
}

/// What a script could not do, for the suite to report.
int complain(const std::string& what, const error& x) {
  say(what + ": " + to_string(x));
  return 1;
}

template <class T>
expected<T> only(std::vector<expected<T>> xs) {
  if (xs.size() != 1)
    return fail(errc::internal, "the engine returned too few outcomes");
  return std::move(xs[0]);
}

// -- scripts ------------------------------------------------------------------

int hold() {
  say("open");
  for (std::string line; std::getline(std::cin, line);) {
    // nothing to do but to wait
  }
  return 0;
}

int write(backend& store, uint64_t seed) {
  workload work{store.caps(), seed};
  for (uint64_t n = 0;; ++n) {
    if (auto ok = work.commit(store, n); !ok)
      return complain("batch " + std::to_string(n), ok.error());
    say(std::to_string(n));
  }
}

int count(backend& store, uint64_t times) {
  uint64_t conflicts = 0;
  auto first = true;
  for (uint64_t done = 0; done < times;) {
    read_request request{"a", blob_part::all, 0, 0, {}};
    auto found = only(store.read({&request, 1}));
    if (!found)
      return complain("reading the counter", found.error());
    auto number = *found ? counter_of((*found)->data) : std::nullopt;
    if (!number)
      return complain("reading the counter",
                      {errc::corruption, "it is not what was put"});
    if (std::exchange(first, false)) { // all know the same state, so they clash
      say("ready");
      std::string go;
      std::getline(std::cin, go);
    }
    mutation x{"a", counter_blob(*number + 1),
               precondition::matches(header::decode((*found)->data)->rev)};
    auto outcome = only(store.commit({&x, 1}));
    if (outcome)
      ++done;
    else if (outcome.error() == errc::precondition_failed)
      ++conflicts;
    else
      return complain("counting", outcome.error());
  }
  say("conflicts " + std::to_string(conflicts));
  return 0;
}

int write_groups(backend& store) {
  say("open");
  for (uint64_t i = 1;; ++i) {
    auto batch = numbered_group(i);
    for (auto& x : store.commit(batch))
      if (!x)
        return complain("committing a group", x.error());
  }
}

int run(const backend_registry& engines, std::string_view script,
        const uri& where, uint64_t number) {
  auto found = engines.find(where.scheme);
  if (!found)
    return complain("finding the engine", found.error());
  auto store = (*found)->open(where);
  if (!store) {
    say(std::string{to_string(store.error().code())});
    return 1;
  }
  if (script == hold_script)
    return hold();
  if (script == write_script)
    return write(**store, number);
  if (script == count_script)
    return count(**store, number);
  if (script == groups_script)
    return write_groups(**store);
  return complain("running " + std::string{script},
                  {errc::unsupported, "there is no such script"});
}

} // namespace

int compliance_child_main(const backend_registry& engines, int argc,
                          char** argv) {
  if (argc < 3) {
    std::fputs("to be run by the compliance suite: SCRIPT URI NUMBER\n",
               stderr);
    return 2;
  }
  std::string_view script = argv[argc - 3];
  std::string_view digits = argv[argc - 1];
  auto where = uri::parse(argv[argc - 2]);
  if (!where)
    return complain("parsing the URI", where.error());
  uint64_t number = 0;
  auto end = digits.data() + digits.size();
  if (std::from_chars(digits.data(), end, number).ptr != end)
    return complain("parsing the number",
                    {errc::invalid_argument, "it is none"});
  try {
    return run(engines, script, *where, number);
  } catch (const std::exception& x) {
    say(std::string{"an exception left the engine: "} + x.what());
    return 1;
  }
}

} // namespace larder
