// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "command_line.hpp"
#include "output.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <iterator>

namespace {

using namespace larder::cli;

std::vector<command> all_commands() {
  std::vector<command> res;
  auto add = [&res](std::vector<command> xs) {
    std::move(xs.begin(), xs.end(), std::back_inserter(res));
  };
  add(value_commands());
  add(binary_commands());
  add(batch_commands());
  add(log_commands());
  add(listing_commands());
  add(sweeping_commands());
  add(migration_commands());
  add(import_commands());
  add(export_commands());
  add(copying_commands());
  add(backup_commands());
  add(administration_commands());
  add(statistics_commands());
  add(serving_commands());
  add(watching_commands());
  add(keyring_commands());
  add(rekeying_commands());
  add(generating_commands(res));
  return res;
}

outcome run(std::vector<std::string> words) {
  auto commands = all_commands();
  auto parsed = parse_command_line(commands, std::move(words));
  if (!parsed)
    return fail(std::move(parsed.error()));
  if (parsed->selected == nullptr) {
    print_text(parsed->text);
    return exit_code::fine;
  }
  return parsed->selected->run(parsed->args);
}

/// What may still throw is a bug or a lack of memory; the user cannot do
/// anything with the text of the exception.
outcome run_safely(std::vector<std::string> words) {
  try {
    return run(std::move(words));
  } catch (const std::bad_alloc&) {
    return fail(exit_code::failed, "out of memory");
  } catch (...) {
    return fail(exit_code::failed, "internal error: please report it");
  }
}

/// Occupies the standard descriptors that whoever started this has closed, or
/// files of a store would get their numbers, and messages. Using them fails as
/// before, for they are open the wrong way round.
bool occupy_standard_files() {
  constexpr int modes[] = {O_WRONLY, O_RDONLY, O_RDONLY};
  for (int fd = 0; fd < 3; ++fd)
    if (::fcntl(fd, F_GETFD) == -1 && errno == EBADF
        && ::open("/dev/null", modes[fd]) != fd)
      return false;
  return true;
}

} // namespace

int main(int argc, char** argv) {
  if (!occupy_standard_files())
    return static_cast<int>(exit_code::failed);
  // Nobody who stops reading ends this in the middle of a change.
  std::signal(SIGPIPE, SIG_IGN);
  auto res = run_safely({argv + std::min(argc, 1), argv + argc});
  auto flushed = flush_output();
  if (res && !flushed)
    res = fail(std::move(flushed.error()));
  // Who has read enough (`| head`) wants no message.
  if (!res && !output_abandoned())
    print_message(res.error().message);
  return static_cast<int>(res ? *res : res.error().code);
}
