// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The man page. The macros are those of groff_man(7).

#include "generating.hpp"
#include "overview.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace larder::cli {

namespace {

// -- escaping -----------------------------------------------------------------

/// Returns the number of bytes of the character that begins with `first`.
size_t size_of_character(unsigned char first) {
  return first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

uint32_t code_point(std::string_view character) {
  if (character.size() == 1)
    return static_cast<unsigned char>(character[0]);
  uint32_t res = static_cast<unsigned char>(character[0])
                 & (0xFFu >> (character.size() + 1));
  for (auto c : character.substr(1))
    res = res << 6 | (static_cast<unsigned char>(c) & 0x3F);
  return res;
}

/// Returns the name that groff has for an ASCII character which it would take
/// for something else or print as something else; else null.
const char* escape_of(char c) {
  switch (c) {
    case '\\':
      return "\\(rs";
    case '-':
      return "\\-";
    case '\'':
      return "\\(aq";
    case '"':
      return "\\(dq";
    case '`':
      return "\\(ga";
    case '^':
      return "\\(ha";
    case '~':
      return "\\(ti";
    default:
      return nullptr;
  }
}

/// Escapes a text without line breaks.
std::string escape(std::string_view str) {
  std::string res = str.starts_with('.') ? "\\&" : "";
  while (!str.empty()) {
    auto size = std::min(size_of_character(str.front()), str.size());
    if (size > 1)
      res += fmt::format("\\[u{:04X}]", code_point(str.substr(0, size)));
    else if (auto* name = escape_of(str.front()))
      res += name;
    else
      res += str.front();
    str.remove_prefix(size);
  }
  return res;
}

template <class F>
void for_each_line(std::string_view text, F f) {
  while (!text.empty()) {
    auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    f(line);
  }
}

// -- the page -----------------------------------------------------------------

class page {
public:
  std::string take() {
    return std::move(out_);
  }

  void title(std::string_view name, std::string_view version) {
    out_ += fmt::format(".TH {} 1 \"\" \"{}\" \"User Commands\"\n", name,
                        escape(version));
  }

  void section(std::string_view name) {
    out_ += fmt::format(".SH {}\n", name);
  }

  void subsection(std::string_view name) {
    out_ += fmt::format(".SS {}\n", escape(name));
  }

  void line(std::string_view str) {
    out_ += escape(str) + "\n";
  }

  /// Text whose paragraphs are parted by empty lines; indented lines stay as
  /// they are.
  void text(std::string_view str) {
    auto literal = false;
    auto gap = false;
    for_each_line(str, [&](std::string_view line) {
      if (line.empty()) {
        gap = true;
        return;
      }
      if (line.starts_with("  ") != literal) {
        literal = !literal;
        out_ += literal ? ".PP\n.EX\n" : ".EE\n.PP\n";
      } else if (gap) {
        out_ += literal ? "\n" : ".PP\n";
      }
      gap = false;
      out_ += escape(line) + "\n";
    });
    if (literal)
      out_ += ".EE\n";
  }

  void paragraph() {
    out_ += ".PP\n";
  }

  void command_line(std::string_view words) {
    out_ += fmt::format(".B larder\n{}\n", escape(words));
  }

  void option(const command_option& x) {
    item(x.value_name.empty()
           ? bold(x.name)
           : bold(x.name) + " \\fI" + escape(x.value_name) + "\\fR");
    line(x.help);
  }

  void item(std::string_view escaped_name) {
    out_ += fmt::format(".TP\n{}\n", escaped_name);
  }

  static std::string bold(std::string_view str) {
    return "\\fB" + escape(str) + "\\fR";
  }

private:
  std::string out_;
};

void add_command(page& out, const command& cmd) {
  out.subsection(cmd.name);
  out.command_line(cmd.name + " " + synopsis(cmd));
  out.paragraph();
  out.line(cmd.summary + ".");
  for (auto& opt : cmd.options)
    out.option(opt);
  if (!cmd.details.empty()) {
    out.paragraph();
    out.text(cmd.details);
  }
  out.paragraph();
  out.line("Examples:");
  out.text(cmd.examples);
}

} // namespace

std::string manual_page(const std::vector<command>& all) {
  page out;
  out.title("LARDER", "larder " LARDER_VERSION);
  out.section("NAME");
  out.line(fmt::format("larder - {}", overview::summary));
  out.section("SYNOPSIS");
  out.command_line("[OPTIONS] COMMAND …");
  out.section("DESCRIPTION");
  out.text(overview::arguments);
  out.section("OPTIONS");
  for (auto& opt : overview::options())
    out.option(opt);
  out.option({"--help", "", "Explain larder, or the command it stands behind"});
  out.option({"--version", "", "Print the version and exit"});
  out.section("COMMANDS");
  for (auto& cmd : all)
    add_command(out, cmd);
  out.section("\"EXIT STATUS\"");
  out.text(overview::exit_codes);
  out.section("ENVIRONMENT");
  out.item(page::bold("LARDER_STORE"));
  out.line("Where the store is, if there is no --store.");
  out.section("EXAMPLES");
  out.text(overview::examples);
  return out.take();
}

} // namespace larder::cli
