// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/edn_reader.hpp"

#include "larder/detail/edn_name.hpp"
#include "larder/detail/utf8.hpp"
#include "larder/text.hpp"

#include <algorithm>
#include <limits>

namespace larder::detail {

namespace {

/// Gives `key` the namespace of the map that it stands in.
value qualify(value key, std::string_view ns) {
  auto is_keyword = key.is(value::kind::keyword);
  if (!is_keyword && !key.is(value::kind::symbol))
    return key;
  auto name = key.as_string();
  std::string result;
  if (name.starts_with("_/"))
    result = name.substr(2);
  else if (name.find('/') == std::string_view::npos)
    result = std::string{ns} + '/' + std::string{name};
  else
    return key;
  return is_keyword ? value::keyword(result) : value::symbol(result);
}

} // namespace

std::string in_ticks(std::string_view token) {
  return '`' + excerpt(token) + '`';
}

error at_position(std::string_view text, size_t offset, error err) {
  auto before = text.substr(0, offset);
  auto line = 1 + std::count(before.begin(), before.end(), '\n');
  if (auto last = before.rfind('\n'); last != std::string_view::npos)
    before.remove_prefix(last + 1);
  auto column = 1 + std::count_if(before.begin(), before.end(), [](char c) {
                  return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
                });
  return err.with_context("line " + std::to_string(line) + ", column "
                          + std::to_string(column));
}

// -- the loop -----------------------------------------------------------------

expected<std::optional<value>> edn_reader::read() {
  for (;;) {
    skip_space();
    if (pos_ > limits_.max_value_size)
      return fail_at(pos_, errc::limit_exceeded,
                     "the text is longer than "
                       + std::to_string(limits_.max_value_size) + " bytes");
    if (pos_ == text_.size()) {
      if (auto res = end_of_text(); !res)
        return fail(std::move(res.error()));
      return std::nullopt;
    }
    auto x = next();
    if (x && *x)
      x = deliver(std::move(**x));
    if (!x || *x)
      return x;
  }
}

edn_reader::step edn_reader::next() {
  switch (peek()) {
    case '[':
      return open({form::vector, pos_}, 1);
    case '(':
      return open({form::list, pos_}, 1);
    case '{':
      return open({form::map, pos_}, 1);
    case ']':
    case ')':
    case '}':
      return close(peek());
    case '#':
      return read_hash();
    case '"':
      return read_string();
    case '\\':
      return read_character();
    default:
      return read_atom();
  }
}

expected<void> edn_reader::end_of_text() const {
  if (stack_.empty())
    return {};
  auto& top = stack_.back();
  switch (top.what) {
    case form::tagged:
      return fail_at(top.start, errc::parse_error,
                     "a tag needs a value behind it");
    case form::discard:
      return fail_at(top.start, errc::parse_error,
                     "#_ needs a value behind it to discard");
    default:
      return fail_at(top.start, errc::parse_error,
                     "what begins here is not closed");
  }
}

edn_reader::step edn_reader::deliver(value x) {
  while (!stack_.empty()) {
    auto& top = stack_.back();
    if (top.what == form::discard) {
      if (--top.discards == 0)
        stack_.pop_back();
      return std::nullopt;
    }
    if (top.what != form::tagged) {
      top.items.push_back(std::move(x));
      return std::nullopt;
    }
    auto result = apply_tag(top.name, std::move(x));
    if (!result)
      return fail(at_position(text_, top.start, std::move(result.error())));
    if (!value::is_reserved_tag(top.name))
      --depth_;
    stack_.pop_back();
    x = std::move(*result);
  }
  return std::optional<value>{std::move(x)};
}

tl::unexpected<error> edn_reader::fail_at(size_t offset, errc code,
                                          std::string message) const {
  return fail(at_position(text_, offset, error{code, std::move(message)}));
}

void edn_reader::skip_space() noexcept {
  while (pos_ < text_.size()) {
    if (is_edn_space(text_[pos_])) {
      ++pos_;
    } else if (text_[pos_] == ';') {
      pos_ = std::min(text_.find('\n', pos_), text_.size());
    } else {
      return;
    }
  }
}

std::string_view edn_reader::take_token() noexcept {
  auto rest = text_.substr(pos_);
  auto end = std::find_if(rest.begin(), rest.end(), is_edn_delimiter);
  auto result = rest.substr(0, static_cast<size_t>(end - rest.begin()));
  pos_ += result.size();
  return result;
}

// -- collections --------------------------------------------------------------

edn_reader::step edn_reader::open(frame x, size_t size) {
  // Discard marks and reserved tags do not make the value deeper. There may be
  // one of each per collection, and a few around it.
  auto deeper = x.what != form::discard
                && !(x.what == form::tagged && value::is_reserved_tag(x.name));
  constexpr size_t spare = 4;
  if ((deeper && depth_ >= limits_.max_depth)
      || (stack_.size() >= spare
          && (stack_.size() - spare) / 3 >= limits_.max_depth))
    return fail_at(pos_, errc::limit_exceeded,
                   "nested deeper than " + std::to_string(limits_.max_depth));
  depth_ += deeper ? 1 : 0;
  pos_ += size;
  stack_.push_back(std::move(x));
  return std::nullopt;
}

edn_reader::step edn_reader::close(char closer) {
  auto start = pos_;
  if (stack_.empty())
    return fail_at(start, errc::parse_error,
                   "nothing is open that " + in_ticks({&closer, 1})
                     + " could close");
  if (stack_.back().what == form::tagged || stack_.back().what == form::discard)
    return fail(end_of_text().error());
  auto opener = stack_.back().what;
  auto wanted = opener == form::vector ? ']' : opener == form::list ? ')' : '}';
  if (closer != wanted)
    return fail_at(start, errc::parse_error,
                   in_ticks({&closer, 1}) + " where " + in_ticks({&wanted, 1})
                     + " should close the collection");
  ++pos_;
  auto x = std::move(stack_.back());
  stack_.pop_back();
  --depth_;
  switch (x.what) {
    case form::vector:
      return value::vector(std::move(x.items));
    case form::list:
      return value::list(std::move(x.items));
    case form::map:
      return finish_map(std::move(x));
    default:
      std::sort(x.items.begin(), x.items.end());
      auto twice = std::adjacent_find(x.items.begin(), x.items.end());
      if (twice != x.items.end())
        return fail_at(x.start, errc::parse_error,
                       "the set has the item " + in_ticks(to_edn(*twice))
                         + " twice");
      return value::set_from_sorted(std::move(x.items));
  }
}

edn_reader::step edn_reader::finish_map(frame x) {
  if (x.items.size() % 2 != 0)
    return fail_at(x.start, errc::parse_error,
                   "the last key of the map has no value");
  std::vector<value::entry> entries;
  entries.reserve(x.items.size() / 2);
  for (size_t i = 0; i < x.items.size(); i += 2) {
    auto key = x.name.empty() ? std::move(x.items[i])
                              : qualify(std::move(x.items[i]), x.name);
    entries.emplace_back(std::move(key), std::move(x.items[i + 1]));
  }
  auto key_of = [](const value::entry& e) -> const value& { return e.first; };
  std::ranges::sort(entries, {}, key_of);
  auto twice = std::ranges::adjacent_find(entries, {}, key_of);
  if (twice != entries.end())
    return fail_at(x.start, errc::parse_error,
                   "the map has the key " + in_ticks(to_edn(twice->first))
                     + " twice");
  return value::map_from_sorted(std::move(entries));
}

// -- what begins with # -------------------------------------------------------

edn_reader::step edn_reader::read_hash() {
  switch (peek(1)) {
    case '{':
      return open({form::set, pos_}, 2);
    case '_':
      return discard();
    case '#':
      return read_symbolic();
    case ':':
      return open_namespaced_map();
    case '^':
      return fail_at(pos_, errc::parse_error,
                     "metadata (^) is no part of EDN: remove it");
    case '"':
      return fail_at(pos_, errc::parse_error,
                     "regular expressions are no part of EDN: use a string");
    default:
      return read_tag();
  }
}

edn_reader::step edn_reader::discard() {
  if (!stack_.empty() && stack_.back().what == form::discard) {
    ++stack_.back().discards;
    pos_ += 2;
    return std::nullopt;
  }
  return open({form::discard, pos_}, 2);
}

edn_reader::step edn_reader::read_symbolic() {
  auto start = pos_;
  pos_ += 2;
  auto token = take_token();
  using reals = std::numeric_limits<double>;
  if (token == "Inf")
    return value{reals::infinity()};
  if (token == "-Inf")
    return value{-reals::infinity()};
  if (token == "NaN")
    return value{reals::quiet_NaN()};
  return fail_at(start, errc::parse_error,
                 in_ticks("##" + std::string{token})
                   + " is none of ##Inf, ##-Inf and ##NaN");
}

edn_reader::step edn_reader::open_namespaced_map() {
  auto start = pos_;
  pos_ += 2;
  auto ns = take_token();
  if (!is_edn_symbol(ns) || ns.find('/') != std::string_view::npos)
    return fail_at(start, errc::parse_error,
                   in_ticks("#:" + std::string{ns})
                     + " does not name the namespace of a map");
  skip_space();
  if (peek() != '{')
    return fail_at(start, errc::parse_error,
                   "a namespace of a map needs a map behind it");
  return open({form::map, start, ns}, 1);
}

edn_reader::step edn_reader::read_tag() {
  auto start = pos_;
  ++pos_;
  auto tag = take_token();
  if (!is_edn_tag(tag))
    return fail_at(start, errc::parse_error,
                   in_ticks("#" + std::string{tag})
                     + " is no tag: it must be a symbol that begins with a "
                       "letter");
  return open({form::tagged, start, tag}, 0);
}

} // namespace larder::detail
