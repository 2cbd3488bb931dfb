// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "words.hpp"

#include <fmt/format.h>

#include <cctype>
#include <set>
#include <utility>

namespace larder::cli {

namespace {

bool is_option(const std::string& word) {
  if (word.size() < 2 || word.front() != '-')
    return false;
  return word[1] == '-' || std::isalpha(static_cast<unsigned char>(word[1]));
}

const CLI::Option* find_option(const CLI::App* app, const std::string& name) {
  for (; app != nullptr; app = app->get_parent())
    if (auto* opt = app->get_option_no_throw(name))
      return opt;
  return nullptr;
}

bool is_group(const CLI::App* app) {
  return app->get_option_no_throw(operands_name) == nullptr;
}

class word_marker {
public:
  word_marker(const CLI::App& top, std::vector<std::string>& words)
    : app_(&top), words_(words) {
    // nop
  }

  result<std::vector<std::string>> run() {
    for (; position_ < words_.size(); ++position_) {
      auto& word = words_[position_];
      result<void> res;
      if (!operands_only_ && word == "--")
        operands_only_ = true;
      else if (!operands_only_ && is_option(word))
        res = mark_option(word);
      else if (is_group(app_))
        res = enter(word);
      else
        mark();
      if (!res)
        return fail(std::move(res.error()));
    }
    return std::move(marked_);
  }

private:
  void mark() {
    marked_.push_back(std::to_string(position_));
  }

  result<void> enter(const std::string& word) {
    auto subs = app_->get_subcommands(
      [&](const CLI::App* sub) { return sub->get_name() == word; });
    if (subs.empty())
      return usage_error(
        fmt::format("unknown command '{}'; see {} --help", word, path()));
    app_ = subs.front();
    marked_.push_back(word);
    return {};
  }

  result<void> mark_option(std::string& word) {
    auto equals = word.find('=');
    auto name = word.substr(0, equals);
    auto* opt = find_option(app_, name);
    if (opt == nullptr)
      return usage_error(fmt::format("unknown option {}; see {} --help, or "
                                     "write -- before what is no option",
                                     name, path()));
    if (!seen_.insert(opt).second)
      return usage_error(fmt::format("{} is given twice", name));
    marked_.push_back(name);
    if (opt->get_items_expected_min() == 0) {
      if (equals != std::string::npos)
        return usage_error(fmt::format("{} takes no value", name));
      return {};
    }
    if (equals != std::string::npos)
      word.erase(0, equals + 1);
    else if (++position_ == words_.size())
      return usage_error(
        fmt::format("{} needs a value: {}", name, opt->get_type_name()));
    mark();
    return {};
  }

  /// The command so far, for messages.
  std::string path() const {
    std::string res;
    for (auto* app = app_; app != nullptr; app = app->get_parent())
      res = res.empty() ? app->get_name() : app->get_name() + " " + res;
    return res;
  }

  const CLI::App* app_;
  std::vector<std::string>& words_;
  std::vector<std::string> marked_;
  std::set<const CLI::Option*> seen_;
  size_t position_ = 0;
  bool operands_only_ = false;
};

} // namespace

result<std::vector<std::string>> mark_words(const CLI::App& top,
                                            std::vector<std::string>& words) {
  return word_marker{top, words}.run();
}

} // namespace larder::cli
