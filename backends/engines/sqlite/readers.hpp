// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "connection.hpp"

#include <condition_variable>
#include <mutex>
#include <vector>

namespace larder::detail::sqlite {

/// The connections that read. Opened when first needed, `config::readers` at
/// most. Thread-safe.
class reader_pool {
public:
  /// The use of one connection.
  class lease {
  public:
    lease(reader_pool& pool, std::unique_ptr<connection> conn)
      : pool_(&pool), conn_(std::move(conn)) {
      // nop
    }

    lease(lease&&) noexcept = default;
    lease& operator=(lease&&) = delete;

    ~lease() {
      if (conn_)
        pool_->give_back(std::move(conn_));
    }

    connection& operator*() const {
      return *conn_;
    }

  private:
    reader_pool* pool_;
    std::unique_ptr<connection> conn_;
  };

  reader_pool(const config& cfg, bool immutable)
    : config_(cfg), immutable_(immutable) {
    idle_.reserve(cfg.readers); // so that giving back cannot fail
  }

  /// Waits for a connection.
  expected<lease> acquire();

  /// Opens a connection that is not one of the pool.
  expected<connection> open() const {
    return connection::open(config_, 0, immutable_);
  }

  /// Closes all. Nobody may read any more.
  void close(bool keep_log) noexcept;

private:
  void give_back(std::unique_ptr<connection> conn) noexcept;

  const config& config_;
  bool immutable_;
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<connection>> idle_;
  size_t in_use_ = 0;
};

} // namespace larder::detail::sqlite
