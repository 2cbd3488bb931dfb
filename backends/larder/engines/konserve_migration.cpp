// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/file/identity.hpp"
#include "larder/detail/file/stage.hpp"
#include "larder/detail/konserve/blob.hpp"
#include "larder/detail/konserve/incoming.hpp"
#include "larder/detail/konserve/migration.hpp"
#include "larder/detail/konserve/revision.hpp"
#include "larder/konserve/hasch.hpp"
#include "larder/text.hpp"

#include <algorithm>
#include <cerrno>

namespace larder::detail::ksv {

namespace {

constexpr uint8_t fressian_id = 1;

/// Of a binary that is copied.
constexpr size_t piece_size = size_t{1} << 20;

/// How many files are open at once.
constexpr size_t wave_size = 128;

constexpr auto all_old_roles
  = {file_role::v2_value, file_role::v1_value, file_role::v1_binary};

tl::unexpected<error> damaged(const file_id& file, std::string_view what) {
  return fail(errc::corruption,
              file.relative() + " of an old layout " + std::string{what});
}

/// The path of the value that `meta/UUID` describes.
std::string data_path(const store_state& state, const uuid& id) {
  return state.path("data/" + to_string(id));
}

// -- reading old layouts ------------------------------------------------------

/// A value in an old layout, read but for the bytes of a binary.
struct old_value {
  value key;
  content_type type = content_type::edn;
  value content;
  file_handle file; ///< of a binary
  struct stat status {};
};

expected<void> open_file(const store_state& state, const std::string& path,
                         file_handle& file, struct stat& status) {
  auto there = open_regular(*state.ops, path, file, status);
  if (there && !*there)
    return fail(io_failure("open", path, -ENOENT));
  return there.map([](bool) {});
}

/// Reads a file and decodes the value in it.
expected<value> read_fressian(const store_state& state, const std::string& path,
                              struct stat& status) {
  file_handle file;
  if (auto ok = open_file(state, path, file, status); !ok)
    return fail(ok.error());
  auto& config = state.blobs.config();
  auto size = static_cast<uint64_t>(status.st_size);
  if (size > config.limits.max_value_size)
    return fail(errc::limit_exceeded, path + " is too large for a value");
  auto raw = file.read(0, size);
  if (!raw)
    return fail(raw.error());
  auto codec = config.registry->find_serializer(fressian_id);
  if (!codec)
    return fail(codec.error());
  auto result = (*codec)->decode(*raw, config.limits);
  return result ? std::move(result) : fail(result.error().with_context(path));
}

expected<old_value> read_v1(const store_state& state, const file_id& file) {
  old_value result;
  auto pair = read_fressian(state, state.path(file.relative()), result.status);
  if (!pair)
    return fail(pair.error());
  auto is_vector = [](const value& x, size_t size) {
    return x.is(value::kind::vector) && x.size() >= size;
  };
  if (!is_vector(*pair, 2) || !is_vector(pair->items()[0], 1))
    return damaged(file, "has no key");
  result.key = pair->items()[0].items()[0];
  result.content = pair->items()[1];
  return result;
}

expected<old_value> read_v1_binary(const store_state& state,
                                   const file_id& file,
                                   const std::optional<value>& key) {
  if (!key)
    return fail(needs_key(file));
  old_value result;
  result.key = *key;
  result.type = content_type::binary;
  if (auto ok = open_file(state, state.path(file.relative()), result.file,
                          result.status);
      !ok)
    return fail(ok.error());
  return result;
}

expected<old_value> read_v2(const store_state& state, const file_id& file) {
  old_value result;
  auto meta = read_fressian(state, state.path(file.relative()), result.status);
  if (!meta)
    return fail(meta.error());
  if (!meta->is(value::kind::map))
    return damaged(file, "is no map");
  auto* key = meta->find(value::keyword("key"));
  auto* format = meta->find(value::keyword("format"));
  if (key == nullptr || format == nullptr)
    return damaged(file, "names no key or format");
  result.key = *key;
  auto path = data_path(state, file.id);
  if (*format == value::keyword("binary")) {
    result.type = content_type::binary;
    if (auto ok = open_file(state, path, result.file, result.status); !ok)
      return fail(ok.error());
    return result;
  }
  if (*format != value::keyword("edn"))
    return damaged(file, "has the unknown format " + to_edn(*format));
  auto content = read_fressian(state, path, result.status);
  if (!content)
    return fail(content.error());
  result.content = std::move(*content);
  return result;
}

expected<old_value> read_old(const store_state& state, const relocation& x) {
  auto result = x.from.role == file_role::v1_value ? read_v1(state, x.from)
                : x.from.role == file_role::v1_binary
                  ? read_v1_binary(state, x.from, x.key)
                  : read_v2(state, x.from);
  if (!result)
    return result;
  auto id = konserve::hasch_uuid(result->key);
  if (!id)
    return fail(id.error());
  if (*id != x.from.id)
    return damaged(x.from, "is not the file of its key " + to_edn(result->key));
  return result;
}

// -- writing blobs ------------------------------------------------------------

metadata make_metadata(const old_value& x, const file_id& file) {
  auto& changed = x.status.st_mtim;
  metadata result;
  result.key = x.key;
  result.type = x.type;
  result.last_write = int64_t{changed.tv_sec} * 1000
                      + int64_t{changed.tv_nsec} / 1'000'000;
  result.rev = derived_revision(as_bytes(file.relative()), x.status);
  return result;
}

expected<void> copy(const file_handle& from, uint64_t size,
                    const file_handle& to, uint64_t offset) {
  for (uint64_t done = 0; done < size;) {
    auto piece = from.read(done, std::min<uint64_t>(piece_size, size - done));
    if (!piece)
      return fail(piece.error());
    if (piece->empty())
      return fail(errc::conflict, from.path()
                                    + " was changed while it was "
                                      "moved");
    if (auto ok = to.write(*piece, offset + done); !ok)
      return ok;
    done += piece->size();
  }
  return {};
}

/// Writes the blob of a value under a staging name.
expected<void> write_blob(store_state& state, relocation& x,
                          staging_file& file) {
  auto old = read_old(state, x);
  if (!old)
    return fail(old.error());
  x.key = old->key;
  auto meta = make_metadata(*old, x.from);
  auto map = stored_metadata(meta, {});
  blob_layout layout;
  layout.serializer_id = fressian_id;
  auto binary = old->type == content_type::binary;
  if (binary && !state.config.clear_binaries)
    return fail(errc::unsupported, "konserve stores binaries in the clear, "
                                   "which clear-binaries=no forbids");
  auto& id = x.from.id;
  auto start = binary ? make_prefix(state, id, layout, map)
                      : make_blob(state, id, layout, map, old->content);
  if (!start)
    return fail(start.error());
  if (auto ok = file.create(*state.ops, state.config.dir, blob_name(id)); !ok)
    return ok;
  auto& to = file.handle();
  if (auto ok = to.write(*start, 0); !ok)
    return ok;
  if (binary)
    if (auto ok = copy(old->file, static_cast<uint64_t>(old->status.st_size),
                       to, start->size());
        !ok)
      return ok;
  auto when = revision_time(meta.rev, meta.last_write);
  if (auto err = state.ops->set_modified(to.fd(), when); err != 0)
    return fail(io_failure("set the time of", to.path(), err));
  return {};
}

// -- removing old files -------------------------------------------------------

expected<bool> unlink_if_exists(store_state& state, const std::string& path) {
  auto err = state.ops->unlink(path);
  if (err != 0 && err != -ENOENT)
    return fail(io_failure("remove", path, err));
  return err == 0;
}

/// What is removed last tells that there is something: the metadata.
expected<bool> unlink_old(store_state& state, const file_id& file) {
  if (file.role == file_role::v2_value)
    if (auto data = unlink_if_exists(state, data_path(state, file.id)); !data)
      return data;
  return unlink_if_exists(state, state.path(file.relative()));
}

/// Makes removals from a directory durable, which another migration may have
/// removed since: then that is to be durable.
expected<void> sync_removals(store_state& state, const std::string& dir) {
  auto result = sync_directory(*state.ops, dir);
  if (result)
    return result;
  auto there = path_exists(*state.ops, dir);
  return there && !*there ? sync_directory(*state.ops, state.config.dir)
                          : result;
}

// -- moving -------------------------------------------------------------------

/// Whether a blob has taken the place of what is in an old file. Before 0.5 a
/// key could have a value and a binary: one does not replace the other.
expected<bool> is_replaced(const store_state& state, const relocation& x) {
  auto blob = open_blob(state, x.from.id);
  if (!blob)
    return fail(blob.error());
  if (!*blob)
    return false;
  if (x.from.role == file_role::v1_binary
      && (*blob)->meta.type != content_type::binary)
    return fail(errc::already_exists,
                x.from.relative() + " is a binary of the key "
                  + to_edn((*blob)->meta.key)
                  + ", which has a value as well; larder's keys have one of "
                    "both: save the file, then remove it");
  return true;
}

/// One wave of moves through its phases.
class wave {
public:
  wave(store_state& state, std::span<relocation> moves)
    : state_(state), moves_(moves), files_(moves.size()) {
    // nop
  }

  void run() {
    for_each([&](relocation& x, staging_file& file) -> expected<void> {
      auto replaced = is_replaced(state_, x);
      if (!replaced)
        return fail(replaced.error());
      if (!*replaced)
        return write_blob(state_, x, file);
      x.outcome = std::nullopt;
      return {};
    });
    sync_files();
    for_each([&](relocation& x, staging_file& file) -> expected<void> {
      if (!is_new(x))
        return {};
      file.close();
      return file.publish(state_.path(blob_name(x.from.id)));
    });
    // Nothing is removed before what takes its place is durable, even if it was
    // another process that has put it there.
    sync(state_.config.dir, file_role::blob);
    for_each([&](relocation& x, staging_file&) -> expected<void> {
      auto removed = unlink_old(state_, x.from);
      return removed ? expected<void>{} : fail(removed.error());
    });
    // In the store's own directory, removals become durable with the next
    // change, and until then the blobs hide what may come back.
    sync(state_.path("meta"), file_role::v2_value);
  }

private:
  static bool is_new(const relocation& x) {
    return x.outcome && *x.outcome;
  }

  /// Calls `f` for all that have not failed yet.
  template <class F>
  void for_each(F f) {
    for (size_t i = 0; i < moves_.size(); ++i)
      if (auto& x = moves_[i]; x.outcome)
        if (auto ok = f(x, files_[i]); !ok)
          x.outcome = fail(ok.error());
  }

  void sync_files() {
    if (!state_.config.sync)
      return;
    std::vector<expected<void>> results(moves_.size());
    state_.pool.for_each(moves_.size(), [&](size_t i) {
      if (is_new(moves_[i]))
        results[i] = files_[i].handle().sync();
    });
    for (size_t i = 0; i < moves_.size(); ++i)
      if (!results[i])
        moves_[i].outcome = fail(results[i].error());
  }

  /// Syncs a directory for the moves from files with this role, or all.
  void sync(const std::string& dir, file_role role) {
    auto concerned = [role](const relocation& x) {
      return x.outcome && (role == file_role::blob || x.from.role == role);
    };
    if (!state_.config.sync || std::ranges::none_of(moves_, concerned))
      return;
    auto ok = sync_removals(state_, dir);
    if (ok)
      return;
    state_.failed = true;
    for_each([&](relocation&, staging_file&) -> expected<void> {
      return fail(ok.error());
    });
  }

  store_state& state_;
  std::span<relocation> moves_;
  std::vector<staging_file> files_;
};

} // namespace

expected<std::optional<file_id>> find_old(const store_state& state,
                                          const uuid& id) {
  for (auto role : all_old_roles) {
    file_id result{role, id};
    auto path = state.path(result.relative());
    struct stat info {};
    auto err = state.ops->stat(path, info);
    if (err != 0 && err != -ENOENT && err != -ENOTDIR)
      return fail(io_failure("look at", path, err));
    if (err == 0 && S_ISREG(info.st_mode))
      return result;
  }
  return std::nullopt;
}

error needs_migration(const file_id& file) {
  return {errc::unsupported,
          file.relative()
            + " is a value in an old layout of konserve's: open the store with "
              "migrate=yes"};
}

error needs_key(const file_id& file) {
  return {errc::unsupported,
          file.relative()
            + " is a binary in an old layout of konserve's, which did not "
              "store its key: read it by its key, in a store opened with "
              "migrate=yes, to move it"};
}

void move_all(store_state& state, std::span<relocation> moves) {
  while (!moves.empty()) {
    // Of two files of one key the second comes when the first has moved.
    auto same_key = [](const relocation& x, const relocation& y) {
      return x.from.id == y.from.id;
    };
    auto some = moves.first(std::min(moves.size(), wave_size));
    auto twice = std::adjacent_find(some.begin(), some.end(), same_key);
    if (twice != some.end())
      some = {some.begin(), twice + 1};
    moves = moves.subspan(some.size());
    wave{state, some}.run();
    auto moved = [](const relocation& x) { return x.outcome && *x.outcome; };
    state.migrated += static_cast<uint64_t>(std::ranges::count_if(some, moved));
  }
}

void lock_and_move_all(store_state& state, std::span<relocation> moves) {
  std::lock_guard guard{state.writing};
  struct unlocker { // also if memory runs out
    store_lock& held;
    ~unlocker() {
      held.end_writing();
    }
  } unlock{state.lock};
  auto ok = state.lock.begin_writing();
  if (ok && state.failed)
    ok = fail(errc::io_error, "nothing more is written to " + state.config.dir
                                + ", as a sync of it failed: reopen the store");
  std::vector<uuid> ids;
  for (auto& x : moves)
    ids.push_back(x.from.id);
  std::ranges::sort(ids);
  for (auto& id : ids)
    if (ok)
      ok = state.lock.fence(id, false);
  if (ok)
    move_all(state, moves);
  else
    for (auto& x : moves)
      x.outcome = fail(ok.error());
}

expected<bool> move_or_refuse(store_state& state, const uuid& id,
                              const value& key) {
  auto old = find_old(state, id);
  if (!old)
    return fail(old.error());
  if (!*old)
    return false;
  if (!state.config.migrate)
    return fail(needs_migration(**old));
  relocation x{**old, key};
  move_all(state, {&x, 1});
  return x.outcome ? expected<bool>{true} : fail(x.outcome.error());
}

expected<void> remove_old(store_state& state, const uuid& id) {
  for (auto role : all_old_roles) {
    auto removed = unlink_old(state, {role, id});
    if (!removed)
      return fail(removed.error());
    // Also if there was nothing in "meta": whoever has removed it may not have
    // lived to sync that.
    auto in_meta = role == file_role::v2_value;
    auto dir = in_meta ? state.path("meta") : state.config.dir;
    auto concerned = in_meta ? path_exists(*state.ops, dir) : removed;
    if (!concerned)
      return fail(concerned.error());
    if (!*concerned || !state.config.sync)
      continue;
    if (auto ok = sync_removals(state, dir); !ok) {
      state.failed = true;
      return ok;
    }
  }
  return {};
}

} // namespace larder::detail::ksv
