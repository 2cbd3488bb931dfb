// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "command_line.hpp"

#include "overview.hpp"
#include "words.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cstdlib>
#include <sstream>
#include <utility>

namespace larder::cli {

namespace {

constexpr const char* commands_label = "Commands";

// -- help ---------------------------------------------------------------------

constexpr size_t left_column = 30;
constexpr size_t right_column = 80 - left_column;

/// Breaks text into lines of the right column.
std::string wrap(const std::string& text) {
  std::istringstream words{text};
  std::string res;
  size_t used = 0;
  for (std::string word; words >> word;) {
    auto fits = used + 1 + word.size() <= right_column;
    if (!res.empty())
      res += fits ? ' ' : '\n';
    used = fits ? used + 1 + word.size() : word.size();
    res += word;
  }
  return res;
}

/// Shows the operands of a command the way they are written.
class help_formatter : public CLI::Formatter {
public:
  std::string make_usage(const CLI::App* app, std::string name) const override {
    if (auto* opt = app->get_option_no_throw(operands_name))
      return fmt::format("Usage: {} {}\n", name, opt->get_option_text());
    return fmt::format("Usage: {} [OPTIONS] COMMAND …\n", name);
  }

  std::string make_positionals(const CLI::App*) const override {
    return {};
  }

  std::string make_option_desc(const CLI::Option* opt) const override {
    return wrap(opt->get_description());
  }

  std::string make_subcommand(const CLI::App* sub) const override {
    std::stringstream out;
    CLI::detail::format_help(out, sub->get_name(), wrap(sub->get_description()),
                             left_column);
    return out.str();
  }
};

// -- the parser ---------------------------------------------------------------

class parser {
public:
  parser(const std::vector<command>& commands, std::vector<std::string> words)
    : app_(fmt::format("larder: {}.", overview::summary), "larder"),
      words_(std::move(words)) {
    app_.formatter(std::make_shared<help_formatter>());
    app_.footer(fmt::format("Examples:\n{}\n\n{}\n\n{}", overview::examples,
                            overview::arguments, overview::exit_codes));
    app_.set_version_flag("--version", "larder " LARDER_VERSION,
                          "Print the version and exit");
    app_.get_formatter()->column_width(left_column);
    app_.fallthrough();
    for (auto& opt : overview::options())
      add_option(app_, opt);
    for (auto& cmd : commands)
      add(cmd);
  }

  result<parsed_command_line> run() {
    auto marked = mark_words(app_, words_);
    if (!marked)
      return fail(std::move(marked.error()));
    try {
      app_.parse(std::vector<std::string>{marked->rbegin(), marked->rend()});
    } catch (const CLI::CallForHelp&) {
      res_.text = app_.help();
      return std::move(res_);
    } catch (const CLI::CallForVersion&) {
      res_.text = app_.version() + "\n";
      return std::move(res_);
    } catch (const CLI::ParseError& err) {
      return usage_error(fmt::format("{}; see {} --help", err.what(), path()));
    }
    return finish();
  }

private:
  argument word(const std::string& mark) const {
    auto position = std::stoul(mark);
    return {position, words_[position]};
  }

  void add_option(CLI::App& app, const command_option& x) {
    x.value_name.empty() ? add_flag(app, x) : add_value(app, x);
  }

  void add_value(CLI::App& app, const command_option& x) {
    CLI::callback_t store = [this, name = x.name](auto& marks) {
      res_.args.options.insert_or_assign(name, word(marks.front()));
      return true;
    };
    app.add_option(x.name, store, x.help)
      ->type_name(x.value_name)
      ->required(x.required);
  }

  void add_flag(CLI::App& app, const command_option& x) {
    auto store = [this, name = x.name](int64_t) {
      res_.args.options.insert_or_assign(name, argument{0, {}});
    };
    app.add_flag_function(x.name, store, x.help);
  }

  /// The app that the command is a part of; leaves the last word in `name`.
  CLI::App& group_of(std::string& name) {
    auto space = name.find(' ');
    if (space == std::string::npos)
      return app_;
    auto group = name.substr(0, space);
    name.erase(0, space + 1);
    auto is_group
      = [&](const CLI::App* sub) { return sub->get_name() == group; };
    auto known = app_.get_subcommands(is_group);
    if (!known.empty())
      return *known.front();
    auto* res = app_.add_subcommand(group, summary_of_group(group));
    res->group(commands_label)->footer("");
    return *res->fallthrough();
  }

  void add(const command& cmd) {
    auto name = cmd.name;
    auto& group = group_of(name);
    auto* sub = group.add_subcommand(name, cmd.summary);
    sub->fallthrough()->group(commands_label);
    auto details = cmd.details.empty() ? "" : cmd.details + "\n\n";
    sub->footer(details + "Examples:\n" + cmd.examples);
    sub->callback([this, &cmd] { res_.selected = &cmd; });
    CLI::callback_t store = [this](auto& marks) {
      for (auto& mark : marks)
        res_.args.operands.push_back(word(mark));
      return true;
    };
    sub->add_option(operands_name, store)
      ->expected(-1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->option_text(synopsis(cmd));
    for (auto& opt : cmd.options)
      add_option(*sub, opt);
  }

  /// The command so far, for messages.
  std::string path() const {
    auto res = app_.get_name();
    for (auto* app = &app_; !app->get_subcommands().empty();) {
      app = app->get_subcommands().front();
      res += " " + app->get_name();
    }
    return res;
  }

  result<parsed_command_line> finish() {
    if (res_.selected == nullptr)
      return usage_error(
        fmt::format("a command is missing; see {} --help", path()));
    auto& args = res_.args;
    auto& cmd = *res_.selected;
    auto n = args.operands.size();
    if (n < cmd.min_operands || n > cmd.max_operands)
      return usage_error(fmt::format(
        "{}: too {} arguments; usage: larder {} {}", cmd.name,
        n < cmd.min_operands ? "few" : "many", cmd.name, synopsis(cmd)));
    args.json = args.has("--json");
    args.edn = args.has("--edn");
    auto* env = std::getenv("LARDER_STORE");
    if (auto* uri = args.find("--store"))
      args.store = uri->text;
    else
      args.store = env != nullptr && *env != '\0' ? env : LARDER_DEFAULT_STORE;
    return std::move(res_);
  }

  CLI::App app_;
  std::vector<std::string> words_;
  parsed_command_line res_;
};

} // namespace

result<parsed_command_line>
parse_command_line(const std::vector<command>& commands,
                   std::vector<std::string> words) {
  return parser{commands, std::move(words)}.run();
}

} // namespace larder::cli
