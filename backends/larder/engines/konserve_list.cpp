// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/blob_part.hpp"
#include "larder/detail/file/identity.hpp"
#include "larder/detail/konserve/keys.hpp"
#include "larder/detail/konserve/list.hpp"
#include "larder/detail/konserve/log.hpp"
#include "larder/detail/konserve/migration.hpp"
#include "larder/detail/konserve/read.hpp"
#include "larder/detail/konserve/show.hpp"
#include "larder/key.hpp"
#include "larder/konserve/hasch.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <span>
#include <vector>

namespace larder::detail::ksv {

namespace {

/// How many files a page looks at, at least: those with other prefixes and the
/// nodes of logs have no entries.
constexpr size_t min_examined = 1000;

/// Where a listing goes on.
struct cursor {
  uint64_t window = 0;
  file_id after;
};

/// Prints "window.role.uuid".
std::string print_cursor(const cursor& x) {
  return std::to_string(x.window) + "."
         + std::to_string(static_cast<unsigned>(x.after.role)) + "."
         + to_string(x.after.id);
}

std::optional<cursor> parse_cursor(std::string_view str) {
  cursor result;
  unsigned role = 0;
  auto* last = str.data() + str.size();
  auto window = std::from_chars(str.data(), last, result.window);
  if (window.ec != std::errc{} || window.ptr == last || *window.ptr != '.')
    return std::nullopt;
  auto second = std::from_chars(window.ptr + 1, last, role);
  if (second.ec != std::errc{} || second.ptr == last || *second.ptr != '.')
    return std::nullopt;
  auto id = uuid::parse({second.ptr + 1, last});
  result.after.role = static_cast<file_role>(role);
  if (!id
      || (result.after.role != file_role::blob && !is_old(result.after.role)))
    return std::nullopt;
  result.after.id = *id;
  if (print_cursor(result) != str)
    return std::nullopt;
  return result;
}

/// Makes the entries of one page.
class lister {
public:
  lister(store_state& state, const list_request& request)
    : state_(state), request_(request) {
    // nop
  }

  /// Moves values in old layouts among these files, if the store was opened
  /// for that.
  void move_old(std::span<const file_id> files) {
    if (!state_.config.migrate)
      return;
    std::vector<relocation> moves;
    for (auto& x : files)
      if (is_old(x.role) && x.role != file_role::v1_binary)
        moves.emplace_back(x);
    if (moves.empty())
      return;
    lock_and_move_all(state_, moves);
    for (auto& x : moves)
      if (!x.outcome)
        failed_.emplace(x.from, x.outcome.error());
  }

  /// @param before the file before this one in the listing, if any
  void add(const file_id& file, const std::optional<file_id>& before,
           list_page& page) {
    // What has a blob is not in an old layout any more.
    if (is_old(file.role) && before && before->id == file.id)
      return;
    auto entry = undisturbed([&] { return describe(file); });
    if (!entry)
      page.entries.push_back(damaged(file, entry.error()));
    else if (*entry)
      page.entries.push_back(std::move(**entry));
  }

private:
  error why_old(const file_id& file) const {
    if (auto i = failed_.find(file); i != failed_.end())
      return i->second;
    return state_.config.migrate ? needs_key(file) : needs_migration(file);
  }

  list_entry damaged(const file_id& file, error problem) const {
    return {request_.prefix + "\xFF" + file.relative(),
            fail(std::move(problem))};
  }

  /// @returns why a value in an old layout is still there, nothing if it is not
  expected<std::optional<list_entry>> describe_old(const file_id& file) const {
    auto old = find_old(state_, file.id);
    if (!old)
      return fail(old.error());
    if (*old)
      return fail(why_old(file));
    auto blob = open_blob(state_, file.id);
    if (!blob || *blob)
      return fail(errc::conflict, "the value was moved while it was listed");
    return std::nullopt;
  }

  /// @returns nothing if there is no such file (any more), or it is no key's,
  ///          or not one of this listing
  expected<std::optional<list_entry>> describe(const file_id& file) const {
    auto& id = file.id;
    auto blob = open_blob(state_, id);
    if (!blob)
      return fail(blob.error());
    if (!*blob && is_old(file.role))
      return describe_old(file);
    if (!*blob)
      return std::nullopt;
    auto& x = **blob;
    auto key = true_key(x.meta.key, id, x.layout.serializer_id);
    if (!key) {
      if (auto ok = check_file_name(state_, x); !ok)
        return fail(ok.error());
      if (is_orphan(x))
        state_.orphans.fetch_add(1, std::memory_order_relaxed);
      return std::nullopt;
    }
    auto encoded = encode_key(*key);
    if (!encoded)
      return fail(encoded.error());
    if (!encoded->starts_with(request_.prefix))
      return std::nullopt;
    auto shown = show(state_, x, *key, *encoded,
                      {*encoded, request_.part, 0, 0, std::nullopt});
    if (!shown)
      return fail(shown.error());
    return list_entry{std::move(*encoded), std::move(**shown)};
  }

  /// Whether a node belongs to a log that is not there: konserve leaves all
  /// when it erases a log, larder those it was killed before removing.
  bool is_orphan(const stored_blob& node) const {
    auto head = konserve::hasch_uuid(node.meta.key);
    auto there = head ? path_exists(*state_.ops, state_.path(blob_name(*head)))
                      : expected<bool>{true};
    return there && !*there;
  }

  store_state& state_;
  const list_request& request_;
  std::map<file_id, error> failed_; // to move
};

} // namespace

expected<list_page> list_files(store_state& state,
                               const list_request& request) {
  if (auto ok = check_list_request(request); !ok)
    return fail(ok.error());
  cursor at;
  std::optional<file_id> after;
  if (!request.after.empty()) {
    auto parsed = parse_cursor(request.after);
    if (!parsed)
      return fail(errc::invalid_argument,
                  "not a cursor of this listing: \"" + request.after + "\"");
    at = *parsed;
    after = at.after;
  }
  list_page result;
  if (is_hidden_key(request.prefix))
    return result; // there are none
  auto window
    = state.windows.get(*state.ops, state.config.dir, at.window, after);
  if (!window)
    return fail(window.error());
  auto& files = (*window)->files;
  auto i = after ? std::ranges::upper_bound(files, *after) : files.begin();
  if (!after && request.prefix.empty())
    state.orphans = 0;
  lister list{state, request};
  auto rest = std::max(request.limit, min_examined);
  auto before = after;
  auto moved = i; // what is in old layouts, up to here
  for (; i != files.end() && rest > 0; before = *i++, --rest) {
    if (result.entries.size() == request.limit)
      break;
    if (i == moved) {
      auto left = static_cast<size_t>(files.end() - i);
      moved += static_cast<ptrdiff_t>(std::min(left, request.limit));
      list.move_old({i, moved});
    }
    list.add(*i, before, result);
  }
  if (auto ok = state.lock.check_place(); !ok)
    return fail(ok.error()); // what was found to be gone may be elsewhere
  if (i != files.end() || !(*window)->last)
    result.next = print_cursor({(*window)->number, *std::prev(i)});
  return result;
}

} // namespace larder::detail::ksv
