// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The bookkeeping of a tiered store.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace larder::detail {

/// Knows which blobs the front of a tiered store holds, which of them may be
/// served, and which go first when there is no room. It calls no engine and is
/// thread-safe: whoever puts or erases a blob in the front says so before and
/// after, and nobody else touches the key in the front in between.
///
/// What keeps old blobs out: a blob that was read from the back is put into the
/// front with a ticket from before the read, and the ticket is good only if no
/// commit of the key was under way then or began since. A commit makes what the
/// front has unservable before it begins.
class tier_index {
public:
  /// A moment in the history of a key; 0 is good for nothing.
  using ticket = uint64_t;

  /// What is known of a key at one moment.
  struct look {
    /// For putting what is read from the back from now on.
    ticket seen = 0;
    /// Names the blob that the front may serve; 0: none.
    uint64_t blob = 0;
    /// Size of that blob.
    uint64_t size = 0;
  };

  struct counts {
    uint64_t keys = 0;          ///< blobs that can be served
    uint64_t used = 0;          ///< bytes of keys and blobs in the front
    uint64_t evictions = 0;     ///< servable blobs that had to make room
    uint64_t invalidations = 0; ///< servable blobs that a change made stale
  };

  /// @param max_bytes bound on keys and blobs in the front
  explicit tier_index(uint64_t max_bytes) : max_bytes_(max_bytes) {
    // nop
  }

  // -- reading ----------------------------------------------------------------

  look look_up(const std::string& key);

  /// Returns whether the front has all the time been allowed to serve `blob`.
  bool still_serves(const std::string& key, uint64_t blob) const;

  /// Makes `blob` unservable, which turned out not to be the back's.
  void drop(const std::string& key, uint64_t blob);

  // -- commits ----------------------------------------------------------------

  /// The keys of a commit that is under way, by their slots.
  class writing {
  public:
    /// Returns a ticket for the blob that the commit has put, 0 if a commit of
    /// the same key was under way at the same time. For use after `end`.
    ticket ticket_of(std::string_view key) const;

  private:
    friend class tier_index;

    struct mark {
      size_t slot;
      ticket seen;
    };

    std::vector<mark> marks_; // sorted by slot
  };

  /// Says that the keys are about to be written.
  writing begin(const std::vector<std::string_view>& keys);

  /// Says that the outcome is known.
  void end(writing& x);

  // -- changes of the front ---------------------------------------------------

  /// Returns keys whose erasure makes room for `size` bytes, the least recently
  /// used first; fewer if there is not as much. `erased` must follow for each.
  std::vector<std::string> make_room(uint64_t size);

  /// Says what became of a key that `make_room` returned.
  void erased(const std::string& key, bool ok);

  /// Returns whether a blob of `size` bytes may be put; then `end_put` must
  /// follow.
  bool begin_put(const std::string& key, uint64_t size, ticket seen);

  /// Says what became of it.
  /// @returns whether the front may serve it from now on
  bool end_put(const std::string& key, uint64_t size, bool ok);

  counts current() const;

private:
  enum class state : uint8_t {
    ready, ///< the front has the truth
    stale, ///< the front may have anything
    busy,  ///< somebody is putting or erasing it
  };

  struct entry {
    std::string key;
    state now = state::busy;
    bool overtaken = false; ///< a commit began while busy
    uint64_t blob = 0;
    uint64_t size = 0;
  };

  /// Commits of the keys with one hash. Sharing a slot only costs fills.
  struct slot {
    ticket version = 1;
    uint64_t writers = 0;
  };

  static constexpr size_t num_slots = 4096;

  using entry_list = std::list<entry>;

  static size_t slot_of(std::string_view key) noexcept;
  static bool is(const entry& x, uint64_t blob) noexcept;
  static uint64_t bytes_of(const entry& x) noexcept;
  void make_stale(entry_list::iterator x);
  void make_busy(entry_list::iterator x);

  uint64_t max_bytes_;
  mutable std::mutex mutex_;
  std::array<slot, num_slots> slots_;
  entry_list idle_; ///< the most recently used first, the stale ones last
  entry_list busy_;
  std::unordered_map<std::string_view, entry_list::iterator> entries_;
  uint64_t last_blob_ = 0;
  counts counts_;
};

} // namespace larder::detail
