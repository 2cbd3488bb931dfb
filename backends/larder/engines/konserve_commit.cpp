// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/blob_part.hpp"
#include "larder/detail/konserve/commit.hpp"
#include "larder/detail/konserve/keys.hpp"
#include "larder/detail/konserve/log.hpp"
#include "larder/detail/konserve/migration.hpp"
#include "larder/detail/konserve/names.hpp"
#include "larder/detail/konserve/revision.hpp"
#include "larder/detail/outcomes.hpp"
#include "larder/text.hpp"

#include <algorithm>
#include <cerrno>
#include <functional>

namespace larder::detail::ksv {

namespace {

/// How many files are open at once between writing and syncing.
constexpr size_t wave_size = 128;

error invalid(std::string message) {
  return {errc::invalid_argument, std::move(message)};
}

/// Whether a blob cannot be read because of how the store was opened, and not
/// because it is damaged.
bool is_closed_to_us(const error& x) {
  return x == errc::unknown_encryption_key || x == errc::unknown_codec
         || x == errc::authentication_failed;
}

error collision(const value& asked, const value& found) {
  return invalid("the key " + to_edn(asked)
                 + " cannot be stored: konserve "
                   "gives it the same file as the key "
                 + to_edn(found) + ", which exists; use another one");
}

} // namespace

batch_commit::batch_commit(store_state& state, std::span<mutation> batch)
  : state_(state) {
  for (auto& x : batch)
    steps_.emplace_back().what = &x;
}

batch_commit::~batch_commit() {
  state_.lock.end_writing();
}

std::vector<commit_outcome> batch_commit::run() {
  for (auto& x : steps_)
    prepare(x);
  lock();
  for (auto* x : live())
    check(*x);
  sweep();
  write_all();
  publish_logs();
  publish();
  clean_up();
  return outcomes_of(steps_);
}

// -- before the lock ----------------------------------------------------------

void batch_commit::prepare(step& x) {
  if (x.what->group != 0)
    return drop(x, {errc::unsupported,
                    "a konserve store cannot change several keys at once"});
  auto id = blob_id(x.what->key, x.key);
  if (!id)
    return drop(x, id.error());
  x.id = *id;
  if (x.puts())
    if (auto ok = state_.config.crypt.check_writable(); !ok)
      return drop(x, ok.error());
  bytes_view blob;
  if (auto* content
      = std::get_if<std::shared_ptr<const bytes>>(&x.what->content)) {
    if (!*content)
      return drop(x, invalid("no blob to put"));
    blob = **content;
  } else if (x.puts()) {
    if (auto ok = prepare_staged(x); !ok)
      return drop(x, ok.error());
    blob = x.staged ? x.staged->prefix() : x.joined;
  } else {
    return;
  }
  auto taken = take_apart(state_, x.what->key, blob);
  if (!taken)
    return drop(x, taken.error());
  auto value_size = x.staged ? x.staged->value_size()
                             : taken->value_segment.size();
  if (value_size != taken->value_size)
    return drop(x,
                {errc::corruption, "the blob has another size than it says"});
  x.incoming = std::move(*taken);
}

/// Only binaries are written as they are staged: konserve has another form for
/// anything else.
expected<void> batch_commit::prepare_staged(step& x) {
  auto& content = std::get<std::shared_ptr<staged_blob>>(x.what->content);
  auto* staged = dynamic_cast<staged_file*>(content.get());
  if (!staged)
    return fail(invalid("not a blob staged here"));
  if (auto ok = staged->check_complete(state_, x.what->key); !ok)
    return ok;
  auto h = header::decode(staged->prefix());
  if (h && h->has(header::flag_plain)
      && staged->prefix().size() == h->value_offset()) {
    x.staged = staged;
    return {};
  }
  auto all = staged->read_all();
  if (!all)
    return fail(all.error());
  x.joined = std::move(*all);
  return {};
}

// -- under the lock -----------------------------------------------------------

void batch_commit::lock() {
  auto steps = live();
  expected<void> ok;
  if (!steps.empty())
    ok = state_.lock.begin_writing();
  if (ok && state_.failed)
    ok = fail(errc::io_error, "nothing more is written to " + state_.config.dir
                                + ", as a sync of it failed: reopen the store");
  std::ranges::sort(steps, {}, &step::id);
  for (auto* x : steps) {
    auto conditional = x->what->condition.type != precondition::kind::none;
    auto make = state_.config.make_fences && conditional && !x->keeps();
    if (ok)
      if (auto fenced = state_.lock.fence(x->id, make); !fenced)
        drop(*x, fenced.error());
    if (!ok)
      drop(*x, ok.error());
  }
}

/// Finds out whether the mutation may be carried out.
void batch_commit::check(step& x) {
  auto found = open_blob(state_, x.id);
  if (!found && found.error() == errc::io_error)
    return drop(x, found.error());
  if (!found && x.puts() && is_closed_to_us(found.error()))
    return drop(x, found.error().with_context("what the key has cannot be "
                                              "read, so it is not replaced"));
  if (found && !*found) {
    auto moved = move_or_refuse(state_, x.id, x.key);
    if (!moved)
      return drop(x, moved.error());
    if (*moved)
      found = open_blob(state_, x.id);
  }
  std::optional<stored_blob> holder;
  std::optional<error> collides;
  if (found && *found) {
    auto& blob = **found;
    if (names_same_key(blob.meta.key, x.key, blob.layout.serializer_id))
      holder = std::move(*found);
    else if (auto ok = check_file_name(state_, blob); !ok)
      found = fail(ok.error());
    else
      collides = collision(x.key, blob.meta.key);
  }
  x.existed = !found || holder;
  auto& condition = x.what->condition;
  auto is_same = [&] { return holder && holder->meta.rev == condition.rev; };
  if (auto ok = check_precondition(condition, x.existed, is_same); !ok)
    return drop(x, std::move(ok.error()));
  if (collides && x.puts())
    return drop(x, std::move(*collides));
  if (x.puts() && !put_.insert(x.id).second)
    return drop(x, invalid("the key " + to_edn(x.key)
                           + " cannot be stored: konserve gives it the same "
                             "file as another key of the same commit"));
  if (collides) // another key's: nothing to erase
    return;
  plan(x, holder);
}

/// Makes what will be written.
void batch_commit::plan(step& x, const std::optional<stored_blob>& holder) {
  if (x.keeps())
    return;
  if (x.erases()) {
    if (auto ok = remove_old(state_, x.id); !ok)
      return drop(x, ok.error());
    x.unlinked = nodes_of(state_, holder);
    return;
  }
  auto& in = *x.incoming;
  x.head.blob.id = x.id;
  x.head.modified = revision_time(in.meta.rev, in.meta.last_write);
  if (in.is_log()) {
    auto made = plan_log(state_, x.id, x.key, in, holder);
    if (!made)
      return drop(x, made.error());
    for (auto& node : made->nodes)
      x.nodes.emplace_back().blob = std::move(node);
    if (made->link)
      x.link.emplace().blob = std::move(*made->link);
    x.head.blob.data = std::move(made->head);
    x.unlinked = std::move(made->unlinked);
    return;
  }
  x.unlinked = nodes_of(state_, holder);
  private_metadata own;
  if (!x.unlinked.empty())
    own.unlinked = x.unlinked.front();
  if (x.staged) {
    if (auto ok = x.staged->write_prefix(in, own); !ok)
      drop(x, ok.error());
    return;
  }
  auto blob = make_blob(state_, x.id, in, own);
  if (!blob)
    return drop(x, blob.error());
  x.head.blob.data = std::move(*blob);
}

void batch_commit::sweep() {
  auto puts = [](step* x) { return x->puts(); };
  if (!state_.swept && std::ranges::any_of(live(), puts))
    state_.swept = sweep_orphans(state_);
}

// -- writing ------------------------------------------------------------------

/// Writes the new files and makes them durable, some at a time: writing many
/// before the first sync lets the file system write them together.
void batch_commit::write_all() {
  struct job {
    step* of;
    std::function<expected<void>()> write;
    staging_file* file;
  };
  std::vector<job> jobs;
  auto add = [&](step* x, new_file& file) {
    jobs.push_back({x, [this, &file] { return write(file); }, &file.file});
  };
  for (auto* x : live()) {
    if (!x->puts())
      continue;
    for (auto& node : x->nodes)
      add(x, node);
    if (x->link)
      add(x, *x->link);
    if (x->staged)
      jobs.push_back(
        {x, [this, x] { return write_staged(*x); }, &x->staged->file()});
    else
      add(x, x->head);
  }
  std::span<job> rest{jobs};
  while (!rest.empty()) {
    auto wave = rest.first(std::min(rest.size(), wave_size));
    rest = rest.subspan(wave.size());
    std::vector<expected<void>> results(wave.size());
    auto each = [&](auto f) {
      state_.pool.for_each(wave.size(), [&](size_t i) {
        if (results[i])
          results[i] = f(wave[i]);
      });
    };
    each([](job& x) { return x.write(); });
    if (state_.config.sync)
      each([](job& x) { return x.file->handle().sync(); });
    for (size_t i = 0; i < wave.size(); ++i) {
      auto& x = *wave[i].of;
      if (!x.staged)
        wave[i].file->close();
      else if (!results[i])
        x.staged->finish(); // or it might be synced once more
      if (!results[i] && !x.problem)
        drop(x, results[i].error());
    }
  }
}

expected<void> batch_commit::write(new_file& x) {
  auto& ops = *state_.ops;
  if (auto ok = x.file.create(ops, state_.config.dir, blob_name(x.blob.id));
      !ok)
    return ok;
  auto& handle = x.file.handle();
  if (auto ok = handle.write(x.blob.data, 0); !ok || !x.modified)
    return ok;
  if (auto err = ops.set_modified(handle.fd(), *x.modified); err != 0)
    return fail(io_failure("set the time of", handle.path(), err));
  return {};
}

expected<void> batch_commit::write_staged(step& x) {
  auto& handle = x.staged->file().handle();
  auto err = state_.ops->set_modified(handle.fd(), *x.head.modified);
  if (err != 0)
    return fail(io_failure("set the time of", handle.path(), err));
  return {};
}

// -- utilities ----------------------------------------------------------------

/// @param data_loss whether a failure leaves unknown what is on the medium
bool batch_commit::sync_directory(bool data_loss) {
  if (!state_.config.sync)
    return true;
  auto ok = state_.lock.directory().sync();
  if (ok)
    return true;
  state_.failed = true;
  for (auto* x : live())
    if (!x->keeps())
      drop(*x, {ok.error().code(), ok.error().message(), data_loss});
  return false;
}

std::vector<batch_commit::step*> batch_commit::live() {
  std::vector<step*> result;
  for (auto& x : steps_)
    if (!x.problem)
      result.push_back(&x);
  return result;
}

/// Ends the part of one mutation.
void batch_commit::drop(step& x, error problem) {
  x.problem = std::move(problem);
  if (!x.head.file.discard())
    state_.swept = false;
}

} // namespace larder::detail::ksv
