// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/internal/log_data.hpp"

#include "larder/bytes.hpp"

#include <algorithm>
#include <utility>

namespace larder::internal {

namespace {

using detail::garbage_mark;

value kw(std::string_view name) {
  return value::keyword(name);
}

// -- reading maps -------------------------------------------------------------

/// Takes the fields out of a map, and remembers if one is not as it must be.
class field_reader {
public:
  explicit field_reader(const value& from) : from_(from) {
    // nop
  }

  uint64_t number(std::string_view name) {
    auto x = find(name, value::kind::integer);
    if (x != nullptr && x->as_integer() >= 0)
      return static_cast<uint64_t>(x->as_integer());
    good_ = false;
    return 0;
  }

  uuid id(std::string_view name) {
    auto x = find(name, value::kind::uuid);
    return x != nullptr ? x->as_uuid() : uuid{};
  }

  std::vector<value> entries(std::string_view name) {
    auto x = find(name, value::kind::vector);
    if (x == nullptr)
      return {};
    auto items = x->items();
    return {items.begin(), items.end()};
  }

  bool good() const noexcept {
    return good_;
  }

private:
  const value* find(std::string_view name, value::kind wanted) {
    auto x = from_.is(value::kind::map) ? from_.find(kw(name)) : nullptr;
    if (x != nullptr && x->is(wanted))
      return x;
    good_ = false;
    return nullptr;
  }

  const value& from_;
  bool good_ = true;
};

tl::unexpected<error> damaged(std::string_view what) {
  return fail(errc::corruption,
              "the " + std::string{what} + " of the log is damaged");
}

} // namespace

// -- parts of a log -----------------------------------------------------------

value log_segment::to_value() const {
  return value::map(
    {{kw("from"), from}, {kw("entries"), value::vector(entries)}});
}

expected<log_segment> log_segment::from_value(const value& x) {
  field_reader in{x};
  log_segment result{in.number("from"), in.entries("entries")};
  if (!in.good() || result.entries.empty())
    return damaged("segment");
  return result;
}

value log_head::to_value() const {
  return value::map({{kw("log"), id},
                     {kw("begin"), begin},
                     {kw("end"), end},
                     {kw("first"), first},
                     {kw("next"), next},
                     {kw("tail"), value::vector(tail)}});
}

expected<log_head> log_head::from_value(const value& x) {
  if (!x.is(value::kind::map))
    return fail(errc::unsupported,
                "a log that another program wrote cannot be used as one; "
                "erase it, or choose another key");
  field_reader in{x};
  log_head result{in.id("log"),       in.number("begin"), in.number("end"),
                  in.number("first"), in.number("next"),  in.entries("tail")};
  auto& [id, begin, end, first, next, tail] = result;
  if (!in.good() || begin > end || first > next || tail.size() > end - begin)
    return damaged("head");
  // There are entries before the tail if and only if there are segments.
  if ((result.tail_begin() > begin) != (next > first))
    return damaged("head");
  return result;
}

// -- hidden keys --------------------------------------------------------------

std::string garbage_key(const log_garbage& x) {
  return detail::hidden_key(garbage_mark, x.id, x.first, x.next);
}

std::optional<log_garbage> parse_garbage_key(std::string_view encoded) {
  constexpr auto id_size = sizeof(uuid::data);
  if (!encoded.starts_with(garbage_mark)
      || encoded.size() != garbage_mark.size() + id_size + 16)
    return std::nullopt;
  auto raw = as_bytes(encoded.substr(garbage_mark.size()));
  log_garbage result;
  std::copy_n(raw.begin(), id_size, result.id.data.begin());
  result.first = load_big_endian<uint64_t>(&raw[id_size]);
  result.next = load_big_endian<uint64_t>(&raw[id_size + 8]);
  return result;
}

// -- copies -------------------------------------------------------------------

revision copied_log_revision(const revision& original, const uuid& log) {
  auto result = original;
  for (size_t i = 0; i < result.data.size(); ++i)
    result.data[i] ^= log.data[i];
  return result;
}

// -- changes ------------------------------------------------------------------

std::vector<numbered_segment>
add_entries(log_head& head, std::span<const value> entries, bool seal) {
  std::vector<numbered_segment> sealed;
  if (!seal) {
    head.tail.insert(head.tail.end(), entries.begin(), entries.end());
    head.end += entries.size();
    return sealed;
  }
  size_t size = 0;
  for (auto& x : head.tail)
    size += x.footprint();
  for (auto& x : entries) {
    head.tail.push_back(x);
    ++head.end;
    size += x.footprint();
    if (head.tail.size() < max_tail_entries && size < max_tail_bytes)
      continue;
    auto from = head.tail_begin();
    sealed.push_back({head.next++, {from, std::exchange(head.tail, {})}});
    size = 0;
  }
  return sealed;
}

std::optional<numbered_segment> remove_before(log_head& head, uint64_t position,
                                              const numbered_segment* at) {
  head.begin = position;
  if (at == nullptr) {
    auto skip = static_cast<ptrdiff_t>(position - head.tail_begin());
    head.tail.erase(head.tail.begin(), head.tail.begin() + skip);
    head.first = head.next;
    return std::nullopt;
  }
  head.first = at->number;
  auto& [from, entries] = at->content;
  if (from == position)
    return std::nullopt;
  auto kept = entries.begin() + static_cast<ptrdiff_t>(position - from);
  return numbered_segment{at->number, {position, {kept, entries.end()}}};
}

} // namespace larder::internal
