// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/blob_part.hpp"
#include "larder/detail/file/handle.hpp"
#include "larder/detail/file/list.hpp"
#include "larder/detail/file/read.hpp"

#include <algorithm>
#include <cerrno>

namespace larder::detail {

namespace {

/// How many directories one call looks into, so that a prefix that few keys
/// have does not make a call long.
constexpr unsigned max_dirs_per_call = 32;

/// Where a listing goes on.
struct position {
  unsigned dir = 0;
  std::string name; ///< behind this one
};

std::string to_string(const position& x) {
  return dir_name(x.dir) + "/" + x.name;
}

expected<position> parse_position(const std::string& str) {
  if (str.empty())
    return position{};
  auto dir = parse_dir_name(std::string_view{str}.substr(0, 2));
  if (dir && str.size() > 2 && str[2] == '/') {
    position result{*dir, str.substr(3)};
    if (result.name.empty() || parse_name(*dir, result.name))
      return result;
  }
  return fail(errc::invalid_argument,
              "\"" + str + "\" is no cursor of a file store's listing");
}

class lister {
public:
  lister(const file_state& state, const list_request& request)
    : state_(state), request_(request) {
    // nop
  }

  expected<list_page> run(position at) {
    auto last = std::min<unsigned>(at.dir + max_dirs_per_call, fan_out);
    for (; at.dir < last; ++at.dir, at.name.clear()) {
      if (auto ok = list_dir(at); !ok)
        return fail(ok.error());
      if (!page_.next.empty())
        return std::move(page_);
    }
    page_.next = at.dir < fan_out ? to_string(at) : std::string{};
    return std::move(page_);
  }

private:
  /// Appends the entries of one directory. If there may be more than fit into
  /// the page, sets `next`.
  expected<void> list_dir(const position& at) {
    auto room = request_.limit - page_.entries.size();
    auto names = names_after(at, room);
    if (!names)
      return fail(names.error());
    for (auto& name : *names)
      if (auto entry = make_entry(at.dir, name))
        page_.entries.push_back(std::move(*entry));
    if (names->size() == room)
      page_.next = to_string(position{at.dir, names->back()});
    return {};
  }

  /// Returns the first `max` names of blobs behind a position, in order. Memory
  /// does not grow with the directory.
  expected<std::vector<std::string>> names_after(const position& at,
                                                 size_t max) const {
    std::vector<std::string> result; // a heap, the greatest name in front
    auto path = state_.dir_path(at.dir);
    auto err
      = state_.ops->list(path, [&](std::string_view name, file_kind kind) {
          if (kind != file_kind::regular || name <= at.name
              || (result.size() == max && name >= result.front())
              || !may_match(at.dir, name))
            return;
          if (result.size() == max) {
            std::pop_heap(result.begin(), result.end());
            result.pop_back();
          }
          result.emplace_back(name);
          std::push_heap(result.begin(), result.end());
        });
    if (err != 0 && err != -ENOENT)
      return fail(io_failure("list", path, err));
    std::sort_heap(result.begin(), result.end());
    return result;
  }

  /// Returns whether a file is a blob whose key may have the prefix.
  bool may_match(unsigned dir, std::string_view name) const {
    auto parsed = parse_name(dir, name);
    if (!parsed)
      return false;
    if (parsed->key.starts_with(request_.prefix))
      return true;
    return parsed->is_long && request_.prefix.starts_with(parsed->key);
  }

  /// Returns nothing for a blob that has gone or has another prefix.
  std::optional<list_entry> make_entry(unsigned dir, const std::string& name) {
    auto parsed = parse_name(dir, name);
    auto path = state_.path({dir, name});
    if (parsed->is_long) {
      auto key = read_long_key(*state_.ops, path);
      if (!key) // all that is known of the key is its start
        return list_entry{std::move(parsed->key), fail(key.error())};
      if (!*key)
        return std::nullopt;
      auto right = name_of(**key);
      if (right.dir != dir || right.name != name)
        return list_entry{
          std::move(parsed->key),
          fail(errc::corruption, path + " ends with another key")};
      if (!(*key)->starts_with(request_.prefix))
        return std::nullopt;
      parsed->key = std::move(**key);
    }
    read_request request;
    request.key = parsed->key;
    request.part = request_.part;
    auto blob = read_blob(*state_.ops, path, parsed->is_long, request);
    if (!blob)
      return list_entry{std::move(parsed->key), fail(blob.error())};
    if (!*blob)
      return std::nullopt;
    return list_entry{std::move(parsed->key), std::move(**blob)};
  }

  const file_state& state_;
  const list_request& request_;
  list_page page_;
};

} // namespace

expected<list_page> list_files(const file_state& state,
                               const list_request& request) {
  if (auto ok = check_list_request(request); !ok)
    return fail(ok.error());
  auto at = parse_position(request.after);
  if (!at)
    return fail(at.error());
  return lister{state, request}.run(std::move(*at));
}

} // namespace larder::detail
