// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The contract between larder and a storage engine.
///
/// An engine maps keys (bytes) to blobs (bytes that begin with a header, see
/// header.hpp). It knows nothing of values, actors or encryption. All calls
/// block until done. Any number of threads may read (`read`, `list`) while one
/// thread commits; engines that declare `concurrent_commits` take commits from
/// any thread. No exception may leave an engine. Feature by feature: what
/// `caps()` does not declare is refused as `unsupported`, never imitated.
/// compliance.hpp checks all of this.

#pragma once

#include "larder/bytes.hpp"
#include "larder/error.hpp"
#include "larder/header.hpp"
#include "larder/uuid.hpp"

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace larder {

// -- capabilities -------------------------------------------------------------

/// How far the promise of a precondition reaches.
enum class write_domain : uint8_t {
  process, ///< writers through this object; other processes are locked out
  machine, ///< writers in any process of this machine
  global,  ///< writers anywhere
};

/// What an engine can do, in flags and numbers.
struct capabilities {
  /// Mutations with a `group` are taken: each group is all or nothing, also for
  /// readers and after a crash.
  bool atomic_groups = false;
  /// `list` goes through the keys in the order of their bytes.
  bool ordered_listing = false;
  /// Reading a part of a blob does not cost reading all of it.
  bool partial_reads = false;
  /// What `commit` has acknowledged survives a crash of the machine.
  bool durable = false;
  /// Several threads may call `commit` at once.
  bool concurrent_commits = false;
  /// No call ever waits for a device or another process, so that an actor may
  /// call the engine in place.
  bool nonblocking = false;
  /// `stage` works: blobs larger than memory can be written.
  bool staging = false;
  /// `open_snapshot` works: the whole store can be read as of one moment.
  bool snapshots = false;
  /// The engine shares its files with other software and stores values in that
  /// one's form. Blobs come to it not encrypted, with plain binaries
  /// (`header::flag_plain`) and with append logs in one blob each, and it gives
  /// out such blobs; there are no hidden keys.
  bool plain_blobs = false;
  /// Who can be fenced by a precondition.
  write_domain domain = write_domain::process;
  /// Greatest size of a key in bytes; larger ones are refused.
  uint64_t max_key_size = std::numeric_limits<uint64_t>::max();
  /// Greatest size of a blob in bytes; larger ones are refused.
  uint64_t max_blob_size = std::numeric_limits<uint64_t>::max();
};

// -- reading ------------------------------------------------------------------

/// How much of a blob to read.
enum class blob_part : uint8_t {
  none,   ///< nothing: only whether there is a blob
  header, ///< the first `header::max_size` bytes, fewer if the blob is shorter
  metadata, ///< header and metadata segment, and perhaps some bytes more
  all,      ///< everything
  range,    ///< `length` bytes from `offset`, fewer at the end
};

/// A request to read (a part of) one blob.
struct read_request {
  std::string key;
  blob_part part = blob_part::all;
  uint64_t offset = 0; ///< of `range`, from the start of the blob
  uint64_t length = 0; ///< of `range`
  /// If set, the blob must have this revision, otherwise the outcome is
  /// `conflict`: ranges read one after the other are of the same blob. (A
  /// missing key is nothing all the same.)
  std::optional<revision> pinned;
};

/// Bytes of a blob. The owner keeps `data` alive, so engines can hand out their
/// own memory.
struct blob_view {
  bytes_view data;
  uint64_t blob_size = 0; ///< size of the whole blob
  std::shared_ptr<const void> owner;
  /// The owner is memory for `data` and nothing else, so that it may be kept
  /// for as long as one likes. Other owners hold what the engine has for all;
  /// they are to be let go soon.
  bool lasting = false;

  /// The owner if it may be kept for long, else null.
  std::shared_ptr<const void> lasting_owner() const {
    return lasting ? owner : nullptr;
  }
};

/// Nothing if there is no such key: that is no error.
using read_outcome = expected<std::optional<blob_view>>;

/// A request for one page of keys.
struct list_request {
  /// Only keys that begin with these bytes.
  std::string prefix;
  /// Where to go on: `list_page::next` of the page before; empty: the start.
  std::string after;
  /// Greatest number of keys in the page, at least 1.
  size_t limit = 1000;
  /// What to read of each blob: none, header or metadata.
  blob_part part = blob_part::none;
};

struct list_entry {
  std::string key;
  /// The part asked for, or why it cannot be read: a listing never hides a
  /// damaged blob.
  expected<blob_view> blob;
};

/// A page of keys. It may be shorter than asked for, even empty, and yet not be
/// the last: only an empty `next` ends the listing.
struct list_page {
  std::vector<list_entry> entries;
  /// Opaque printable text without spaces.
  std::string next;
};

/// The store as it was at one moment, with every group whole or not at all. It
/// sees nothing of later commits and does not keep anybody from committing, but
/// it costs room: what is replaced or erased meanwhile cannot be reused. So let
/// it go soon, and before the backend. One thread at a time, any thread.
///
/// Where holding on to it would cost writers more than room, an engine may give
/// it up: then all that it is asked answers `conflict`, never another moment.
class backend_snapshot {
public:
  virtual ~backend_snapshot() = default;

  /// Does what `backend::read` promises.
  virtual std::vector<read_outcome> read(std::span<const read_request> requests)
    = 0;

  /// Does what `backend::list` promises; all pages are of the one moment.
  virtual expected<list_page> list(const list_request& request) = 0;
};

// -- writing ------------------------------------------------------------------

/// What must hold for a mutation to be carried out.
struct precondition {
  enum class kind : uint8_t {
    none,
    absent,  ///< the key has no blob
    matches, ///< the key has a blob with revision `rev`
  };

  kind type = kind::none;
  revision rev;

  static precondition none() {
    return {};
  }

  static precondition absent() {
    return {kind::absent, {}};
  }

  static precondition matches(const revision& r) {
    return {kind::matches, r};
  }
};

/// A blob that is being written piece by piece and not yet visible. Destroying
/// it uncommitted discards it. One thread at a time.
///
/// A commit that answers `precondition_failed`, `conflict` or `limit_exceeded`
/// leaves the blob as it was: it may be given another prefix and be committed
/// again. After success and after other errors it can only be destroyed.
///
/// Misuse changes nothing and answers `invalid_argument`: a prefix of another
/// size, a commit without one or to another key or store, any use after one
/// that has succeeded.
class staged_blob {
public:
  virtual ~staged_blob() = default;

  /// Adds bytes behind those added before (the first go behind the prefix).
  virtual expected<void> append(bytes_view data) = 0;

  /// Fills in the prefix, exactly as many bytes as `stage` was told. The last
  /// one before the commit counts.
  virtual expected<void> set_prefix(bytes_view data) = 0;
};

/// Leaves a key as it is: only the precondition of the mutation counts.
struct keep {};

/// A change of one key.
struct mutation {
  /// A blob to put, a staged one to put, nothing (erase), or no change.
  using content_type
    = std::variant<std::monostate, std::shared_ptr<const bytes>,
                   std::shared_ptr<staged_blob>, keep>;

  std::string key;
  content_type content;
  precondition condition;

  /// Mutations of one commit that have the same group are carried out all or
  /// not at all. 0: on its own.
  uint64_t group = 0;
};

/// What became of a mutation that did not fail.
struct commit_result {
  /// Whether the key had a blob before. Engines may say true for a put without
  /// precondition when finding out costs extra; otherwise it is exact.
  bool existed = false;
};

/// Errors: `precondition_failed` (nothing changed), `conflict` (another
/// mutation of the group failed, nothing changed), `limit_exceeded` (nothing
/// changed), `invalid_argument` (of a staged blob, nothing changed),
/// `unsupported` (nothing changed), `io_error` (nothing changed unless
/// `data_loss()`: then old or new may be found after reopening, of a group all
/// old or all new).
using commit_outcome = expected<commit_result>;

// -- engine -------------------------------------------------------------------

/// A figure that an engine has about itself, for people who look after it.
struct engine_figure {
  /// Small letters and hyphens, units last: "free-bytes". What only counts up
  /// ends with "-total".
  std::string name;
  uint64_t amount = 0;
};

class backend {
public:
  virtual ~backend() = default;

  virtual capabilities caps() const = 0;

  /// The identity that the store was given when it was created.
  virtual const uuid& id() const = 0;

  /// Where the store is, for messages: the URI without secrets.
  virtual std::string name() const = 0;

  /// Carries out all mutations and returns when they are as durable as
  /// configured, with one outcome per mutation, in order. Each mutation without
  /// group is all or nothing and independent of all others. A group is all or
  /// nothing as well, also after a crash: one mutation of it that fails, for
  /// whatever reason, fails the others of its group with `conflict`, and no
  /// others. Without `caps().atomic_groups` a mutation with a group is refused
  /// as `unsupported`. No key occurs twice in a batch.
  virtual std::vector<commit_outcome> commit(std::span<mutation> batch) = 0;

  /// Reads, one outcome per request, in order. Never creates anything. With
  /// `caps().atomic_groups` one call sees each group wholly or not at all, and
  /// when one of its mutations was seen (by anybody, also in a listing), every
  /// read that begins afterwards sees them all.
  virtual std::vector<read_outcome> read(std::span<const read_request> requests)
    = 0;

  /// Returns the next page of keys. Memory is bounded by the page; the cost
  /// does not depend on the number of keys. A key that exists during the whole
  /// listing occurs exactly once; one that comes or goes at most once. A group
  /// may be committed in the middle of a listing, even of a page.
  /// @returns `invalid_argument` for an `after` that no page gave out, for a
  ///          limit of 0 and for parts other than none, header and metadata
  virtual expected<list_page> list(const list_request& request) = 0;

  /// Starts a blob that is too large for memory.
  /// @param prefix_size bytes to leave free for header and metadata
  /// @returns `unsupported` unless `caps().staging`
  virtual expected<std::unique_ptr<staged_blob>> stage(std::string_view key,
                                                       uint64_t prefix_size);

  /// Takes a snapshot. It has all that was acknowledged before the call.
  /// @returns `unsupported` unless `caps().snapshots`
  virtual expected<std::unique_ptr<backend_snapshot>> open_snapshot();

  /// The engine's own figures; none by default. Any thread may ask at any time,
  /// also while others commit: it must cost little.
  virtual std::vector<engine_figure> figures() const;
};

} // namespace larder
