// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/konserve/commit.hpp"
#include "larder/detail/konserve/names.hpp"

#include <cerrno>

namespace larder::detail::ksv {

expected<void> batch_commit::publish_file(staging_file& file, const uuid& id) {
  return file.publish(state_.path(blob_name(id)));
}

/// New nodes first, then what links them, in konserve's order. Nobody sees them
/// before the head is replaced.
void batch_commit::publish_logs() {
  auto any = false;
  for (auto* x : live())
    for (auto& node : x->nodes) {
      any = true;
      if (auto ok = publish_file(node.file, node.blob.id); !ok) {
        drop(*x, ok.error());
        break;
      }
    }
  if (any && !sync_directory(false))
    return;
  any = false;
  for (auto* x : live()) {
    if (!x->link)
      continue;
    any = true;
    if (auto ok = publish_file(x->link->file, x->link->blob.id); !ok)
      drop(*x, ok.error());
  }
  if (any)
    sync_directory(false);
}

void batch_commit::publish() {
  auto changes = live();
  std::erase_if(changes, [](step* x) { return x->keeps(); });
  for (auto* x : changes) {
    if (x->puts()) {
      auto& file = x->staged ? x->staged->file() : x->head.file;
      if (auto ok = publish_file(file, x->id); !ok)
        drop(*x, ok.error());
      else if (x->staged)
        x->staged->finish();
      continue;
    }
    if (!x->existed)
      continue;
    auto path = state_.path(blob_name(x->id));
    auto err = state_.ops->unlink(path);
    if (err != 0 && err != -ENOENT)
      drop(*x, io_failure("remove", path, err, err == -EIO));
  }
  // Also after erasing what was not there: whoever erased it may not have lived
  // to sync it.
  if (!changes.empty())
    sync_directory(true);
}

void batch_commit::clean_up() {
  for (auto* x : live())
    remove_nodes(state_, x->unlinked);
}

} // namespace larder::detail::ksv
