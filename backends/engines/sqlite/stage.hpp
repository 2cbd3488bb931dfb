// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "state.hpp"

#include "larder/backend.hpp"

namespace larder::detail::sqlite {

/// A blob on its way into the table `chunks`. What is not a whole chunk yet,
/// and all of a small blob, waits in memory.
class staged : public staged_blob {
public:
  staged(std::shared_ptr<state> store, std::string_view key,
         uint64_t prefix_size);

  ~staged() override;

  expected<void> append(bytes_view data) override;

  expected<void> set_prefix(bytes_view data) override;

  /// Checks that the blob can be committed under `key` to `store`.
  expected<void> check_complete(const state& store,
                                const std::string& key) const;

  /// Size of the whole blob.
  uint64_t size() const noexcept {
    return size_;
  }

  /// The first chunk, if there are any.
  std::optional<int64_t> first_chunk() const noexcept {
    return first_chunk_;
  }

  const bytes& prefix() const noexcept {
    return prefix_;
  }

  /// What comes behind the chunks.
  const bytes& tail() const noexcept {
    return buffer_;
  }

  /// Gives the chunks to the blob that is being put, and adds the tail to them.
  /// In a transaction.
  expected<void> finish_chunks(writer& out);

  /// Nothing of the blob is left to discard.
  void committed() noexcept {
    open_ = false;
    first_chunk_.reset();
  }

private:
  expected<void> check_open() const;
  expected<void> flush();
  expected<void> write(bytes_view data);

  std::shared_ptr<state> store_;
  std::string key_;
  uint64_t prefix_size_;
  uint64_t size_;
  bool has_prefix_;
  bool open_ = true;
  bytes prefix_;
  bytes buffer_;
  std::optional<int64_t> first_chunk_;
  int64_t num_chunks_ = 0;
};

} // namespace larder::detail::sqlite
