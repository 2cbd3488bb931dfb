// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/file/handle.hpp"
#include "larder/detail/konserve/window.hpp"

#include <algorithm>
#include <cerrno>

namespace larder::detail::ksv {

namespace {

/// Keeps the smallest of many, no more than twice as many as asked for at once.
class smallest {
public:
  smallest(const std::optional<file_id>& after, size_t limit)
    : after_(after), limit_(limit) {
    // nop
  }

  void add(const file_id& x) {
    if (after_ && x <= *after_)
      return;
    found_.push_back(x);
    if (found_.size() >= 2 * limit_)
      shrink();
  }

  file_window finish() && {
    shrink();
    std::ranges::sort(found_);
    return {0, after_, std::move(found_), !dropped_};
  }

private:
  void shrink() {
    if (found_.size() <= limit_)
      return;
    auto end = found_.begin() + static_cast<ptrdiff_t>(limit_);
    std::nth_element(found_.begin(), end, found_.end());
    found_.erase(end, found_.end());
    dropped_ = true;
  }

  const std::optional<file_id>& after_;
  size_t limit_;
  std::vector<file_id> found_;
  bool dropped_ = false;
};

} // namespace

expected<file_window> scan(file_ops& ops, const std::string& dir,
                           const std::optional<file_id>& after, size_t limit,
                           scan_counts& counts, bool only_old) {
  smallest found{after, limit};
  auto has_metadata = false;
  auto add = [&](file_role role, const uuid& id) {
    if (is_old(role))
      ++counts.old;
    else if (only_old)
      return;
    found.add({role, id});
  };
  auto err = ops.list(dir, [&](std::string_view name, file_kind kind) {
    auto [role, id] = classify(name, kind);
    if (role == file_role::blob || is_old(role))
      add(role, id);
    else if (role == file_role::foreign)
      ++counts.foreign;
    has_metadata |= role == file_role::folder && name == "meta";
  });
  if (err != 0)
    return fail(io_failure("list", dir, err));
  auto metadata = dir + "/meta";
  if (has_metadata)
    err = ops.list(metadata, [&](std::string_view name, file_kind kind) {
      if (auto x = classify(name, kind); x.role == file_role::v1_value)
        add(file_role::v2_value, x.id);
      else
        ++counts.foreign;
    });
  if (err != 0 && err != -ENOENT)
    return fail(io_failure("list", metadata, err));
  return std::move(found).finish();
}

expected<std::shared_ptr<const file_window>>
window_cache::get(file_ops& ops, const std::string& dir, uint64_t number,
                  const std::optional<file_id>& after) {
  {
    std::lock_guard guard{mutex_};
    auto i = std::ranges::find(windows_, number, &file_window::number);
    if (after && i != windows_.end() && (*i)->goes_on_behind(*after)) {
      windows_.splice(windows_.begin(), windows_, i);
      return windows_.front();
    }
  }
  scan_counts counts;
  auto found = scan(ops, dir, after, window_size, counts);
  if (!found)
    return fail(found.error());
  auto result = std::make_shared<file_window>(std::move(*found));
  std::lock_guard guard{mutex_};
  result->number = next_++;
  counts_ = counts;
  windows_.push_front(result);
  if (windows_.size() > max_windows)
    windows_.pop_back();
  return result;
}

scan_counts window_cache::counts() const {
  std::lock_guard guard{mutex_};
  return counts_;
}

} // namespace larder::detail::ksv
