// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The command `generate`.

#include "generating.hpp"

#include "output.hpp"

#include "larder/registry.hpp"

namespace larder::cli {

namespace {

outcome run_generate(const std::vector<command>& all, const invocation& args) {
  auto& what = args.operands.front().text;
  if (what == "man")
    print_text(manual_page(all));
  else if (what == "bash")
    print_text(bash_completion(all));
  else if (what == "zsh")
    print_text(zsh_completion(all));
  else
    return usage_error("generate: '" + what + "' is none of man, bash and zsh");
  return exit_code::fine;
}

constexpr const char* examples = R"(  larder generate man | man -l -
  source <(larder generate bash))";

} // namespace

std::vector<std::string> store_beginnings() {
  std::vector<std::string> result{"caf://"};
  backend_registry registry;
  for (auto& x : registry.engines())
    if (x.scheme != "memory")
      result.push_back(x.scheme + ":");
  return result;
}

std::vector<command> generating_commands(std::vector<command> others) {
  command res{"generate",
              "Print the man page, or the completion for a shell",
              "man|bash|zsh",
              1,
              1,
              {},
              examples,
              {}};
  others.push_back(res);
  res.run = [all = std::move(others)](const invocation& args) {
    return run_generate(all, args);
  };
  return {std::move(res)};
}

} // namespace larder::cli
