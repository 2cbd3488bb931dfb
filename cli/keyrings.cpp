// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Commands on keyring files.

#include "keyrings.hpp"

#include "arguments.hpp"
#include "output.hpp"

#include "larder/keyring.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <limits>

namespace larder::cli {

namespace {

/// A keyring file and what opens it.
struct keyring_file {
  std::string name;
  std::optional<std::string> passphrase;

  result<keyring> load() const {
    auto res = keyring::load(name, passphrase);
    if (!res)
      return failed(res.error());
    return std::move(*res);
  }

  result<void> save(const keyring& ring) const {
    if (auto res = ring.save(name, passphrase); !res)
      return failed(res.error());
    return {};
  }

  /// A missing file is no missing key, and a missing passphrase is a missing
  /// option.
  tl::unexpected<failure> failed(const error& err) const {
    auto code = to_exit_code(err.code());
    if (code == exit_code::not_found)
      code = exit_code::failed;
    // What concerns the file names it already.
    auto& what = err.message();
    auto named = what.starts_with(name + ": ");
    return fail(code, named ? what : name + ": " + what);
  }
};

result<keyring_file> name_file(const invocation& args,
                               const std::string& name) {
  keyring_file res{name, std::nullopt};
  auto* variable = args.find("--passphrase-env");
  if (variable == nullptr)
    return res;
  auto* text = std::getenv(variable->text.c_str());
  if (text == nullptr || *text == '\0')
    return usage_error(fmt::format("--passphrase-env: the environment has no "
                                   "variable {}, or it is empty",
                                   variable->text));
  res.passphrase = text;
  return res;
}

result<keyring_file> read_file_argument(const invocation& args) {
  return name_file(args, args.operands.front().text);
}

result<uint32_t> read_id(const invocation& args) {
  auto res = parse_number("ID", args.operands[1].text,
                          std::numeric_limits<uint32_t>::max());
  if (!res)
    return fail(std::move(res.error()));
  return static_cast<uint32_t>(*res);
}

// -- commands -----------------------------------------------------------------

outcome run_new(const invocation& args) {
  auto file = read_file_argument(args);
  if (!file)
    return fail(std::move(file.error()));
  std::error_code ignored;
  if (std::filesystem::exists(file->name, ignored))
    return fail(exit_code::failed,
                file->name + ": exists already: larder keyring add adds to it");
  keyring ring;
  auto key = encryption_key::random();
  if (auto added = ring.add(key); !added)
    return file->failed(added.error());
  if (auto saved = file->save(ring); !saved)
    return fail(std::move(saved.error()));
  print_value(args, key.id());
  return exit_code::fine;
}

outcome run_list(const invocation& args) {
  auto file = read_file_argument(args);
  if (!file)
    return fail(std::move(file.error()));
  auto ring = file->load();
  if (!ring)
    return fail(std::move(ring.error()));
  for (auto& x : ring->entries())
    print_value(args, value::map({{value::keyword("id"), x.key.id()},
                                  {value::keyword("primary"),
                                   x.key.id() == ring->primary_id()},
                                  {value::keyword("retired"), x.retired}}));
  return exit_code::fine;
}

/// Changes the keyring in a file.
outcome change(const invocation& args,
               const std::function<outcome(const keyring_file&, keyring&)>& f) {
  auto file = read_file_argument(args);
  if (!file)
    return fail(std::move(file.error()));
  auto ring = file->load();
  if (!ring)
    return fail(std::move(ring.error()));
  if (auto res = f(*file, *ring); !res)
    return res;
  if (auto saved = file->save(*ring); !saved)
    return fail(std::move(saved.error()));
  return exit_code::fine;
}

outcome run_add(const invocation& args) {
  auto key = encryption_key::random();
  auto res = change(args, [&](auto& file, keyring& ring) -> outcome {
    if (auto added = ring.add(key); !added)
      return file.failed(added.error());
    return exit_code::fine;
  });
  if (res)
    print_value(args, key.id());
  return res;
}

/// Calls a member function of a keyring that takes the id of a key.
template <expected<void> (keyring::*Function)(uint32_t)>
outcome change_key(const invocation& args) {
  auto id = read_id(args);
  if (!id)
    return fail(std::move(id.error()));
  return change(args, [&](auto& file, keyring& ring) -> outcome {
    if (auto changed = (ring.*Function)(*id); !changed)
      return file.failed(changed.error());
    return exit_code::fine;
  });
}

} // namespace

command_option passphrase_option() {
  return {"--passphrase-env", "NAME",
          "The environment variable with the passphrase that seals the file"};
}

result<keyring> load_keyring(const invocation& args, const std::string& name) {
  auto file = name_file(args, name);
  return file ? file->load() : fail(std::move(file.error()));
}

std::vector<command> keyring_commands() {
  return {
    {"keyring new",
     "Make a keyring file with one key; print the key's id",
     "FILE",
     1,
     1,
     {passphrase_option()},
     "  larder keyring new ring\n"
     "  PASS=… larder keyring new ring --passphrase-env PASS",
     run_new},
    {"keyring add",
     "Add a key; print its id",
     "FILE",
     1,
     1,
     {passphrase_option()},
     "  larder keyring add ring",
     run_add},
    {"keyring list",
     "Print the keys' ids, not their secrets",
     "FILE",
     1,
     1,
     {passphrase_option()},
     "  larder keyring list ring",
     run_list},
    {"keyring primary",
     "Make a key the one that encrypts",
     "FILE ID",
     2,
     2,
     {passphrase_option()},
     "  larder keyring primary ring 1830299713",
     change_key<&keyring::set_primary>},
    {"keyring retire",
     "Forbid any use of a key",
     "FILE ID",
     2,
     2,
     {passphrase_option()},
     "  larder keyring retire ring 1830299713",
     change_key<&keyring::retire>},
  };
}

} // namespace larder::cli
