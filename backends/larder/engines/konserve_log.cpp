// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/konserve/keys.hpp"
#include "larder/detail/konserve/log.hpp"
#include "larder/detail/konserve/names.hpp"
#include "larder/detail/utf8.hpp"
#include "larder/konserve/hasch.hpp"
#include "larder/text.hpp"

#include <set>

namespace larder::detail::ksv {

namespace {

value kw(std::string_view name) {
  return value::keyword(name);
}

tl::unexpected<error> no_log(const std::string& why) {
  return fail(errc::corruption, "not an append log: " + why);
}

std::string shown(const value& x) {
  return excerpt(to_edn(x));
}

value id_or_nil(const std::optional<uuid>& x) {
  return x ? value{*x} : value{};
}

/// @returns false if `x` is neither nil nor a UUID
bool take_id(const value& x, std::optional<uuid>& to) {
  if (x.is(value::kind::uuid))
    to = x.as_uuid();
  return to || x.is_nil();
}

const value* find(const value& x, std::string_view name) {
  return x.is(value::kind::map) ? x.find(kw(name)) : nullptr;
}

expected<uint64_t> take_number(const value& x, std::string_view name) {
  auto* found = find(x, name);
  if (found == nullptr || !found->is(value::kind::integer)
      || found->as_integer() < 0)
    return no_log("it has no number :" + std::string{name});
  return static_cast<uint64_t>(found->as_integer());
}

bool is_sequence(const value& x) {
  return x.is(value::kind::vector) || x.is(value::kind::list);
}

} // namespace

// -- parts --------------------------------------------------------------------

value log_ends::to_value() const {
  return value::vector({kw("append-log"), id_or_nil(last), id_or_nil(first)});
}

expected<log_ends> log_ends::from_value(const value& x) {
  log_ends result;
  if (!is_sequence(x) || x.size() != 3 || x.items()[0] != kw("append-log")
      || !take_id(x.items()[1], result.last)
      || !take_id(x.items()[2], result.first)
      || result.last.has_value() != result.first.has_value())
    return no_log("its head is " + shown(x));
  return result;
}

value log_node::to_value() const {
  return value::map({{kw("next"), id_or_nil(next)}, {kw("elem"), element}});
}

expected<log_node> log_node::from_value(const value& x) {
  log_node result;
  auto* next = find(x, "next");
  auto* element = find(x, "elem");
  if (next == nullptr || element == nullptr || !take_id(*next, result.next))
    return no_log("a node is " + shown(x));
  result.element = *element;
  return result;
}

// -- stored_log ---------------------------------------------------------------

value stored_log::to_value() const {
  return value::map({{kw("log"), id},
                     {kw("begin"), begin},
                     {kw("end"), end()},
                     {kw("first"), 0},
                     {kw("next"), 0},
                     {kw("tail"), value::vector(entries)}});
}

expected<stored_log> stored_log::from_value(const value& x) {
  auto* id = find(x, "log");
  auto* tail = find(x, "tail");
  if (id == nullptr || !id->is(value::kind::uuid) || tail == nullptr
      || !is_sequence(*tail))
    return no_log("it is " + shown(x));
  stored_log result;
  result.id = id->as_uuid();
  result.entries.assign(tail->items().begin(), tail->items().end());
  auto begin = take_number(x, "begin");
  auto end = take_number(x, "end");
  auto first = take_number(x, "first");
  auto next = take_number(x, "next");
  for (auto* number : {&begin, &end, &first, &next})
    if (!*number)
      return fail(number->error());
  result.begin = *begin;
  if (*first != *next)
    return fail(errc::unsupported, "a konserve store takes append logs whole, "
                                   "and this one has segments of its own");
  if (result.end() != *end)
    return no_log("its entries do not fit its positions");
  return result;
}

// -- reading ------------------------------------------------------------------

expected<void> check_file_name(const store_state& state, const stored_blob& x) {
  if (true_key(x.meta.key, x.id, x.layout.serializer_id))
    return {};
  auto is_head = [&] {
    return x.decode_value(state).and_then(log_ends::from_value).has_value();
  };
  if (x.is_log() && !is_head())
    return {};
  return fail(errc::corruption, blob_name(x.id) + " is not the file of its key "
                                  + to_edn(x.meta.key));
}

uuid node_blob_id(const uuid& node) {
  // No limit is in the way of a UUID.
  return konserve::hasch_uuid(value{node}).value_or(uuid{});
}

expected<std::optional<found_node>>
read_node(const store_state& state, const value& key, const uuid& id) {
  auto blob = open_blob(state, node_blob_id(id));
  if (!blob)
    return fail(blob.error().with_context("node " + to_string(id)));
  if (!*blob)
    return std::nullopt;
  if (!(*blob)->is_log()
      || !names_same_key((*blob)->meta.key, key, (*blob)->layout.serializer_id))
    return no_log("the node " + to_string(id) + " is not its own");
  auto content = (*blob)->decode_value(state).and_then(log_node::from_value);
  if (!content)
    return fail(content.error().with_context("node " + to_string(id)));
  return found_node{std::move(**blob), std::move(*content)};
}

expected<stored_log> read_log(const store_state& state, const stored_blob& head,
                              const value& content) {
  auto ends = log_ends::from_value(content);
  if (!ends)
    return fail(ends.error());
  stored_log result;
  result.begin = head.own.log_begin;
  // A head whose log is empty and has no name yet is named after its place.
  result.id = head.own.log ? *head.own.log : ends->first.value_or(head.id);
  std::set<uuid> seen;
  auto next = ends->first;
  while (next) {
    if (!seen.insert(*next).second)
      return no_log("its nodes form a circle at " + to_string(*next));
    auto node = read_node(state, head.meta.key, *next);
    if (!node)
      return fail(node.error());
    if (!*node)
      return no_log("the node " + to_string(*next) + " is missing");
    result.nodes.push_back(*next);
    result.entries.push_back(std::move((*node)->content.element));
    if (*next == *ends->last)
      return result;
    next = (*node)->content.next;
  }
  if (ends->first)
    return no_log("its last node " + to_string(*ends->last)
                  + " is not in the chain");
  return result;
}

} // namespace larder::detail::ksv
