// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Engines driven directly, as an application without larder would: by their
/// own interface, one sync per put, metadata beside the value. What fails ends
/// the program.

#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace bench {

/// What one thread has of an engine.
class raw_session {
public:
  virtual ~raw_session() = default;

  /// Returns when all is durable.
  virtual void put(const std::string& key, std::string_view metadata,
                   std::string_view value)
    = 0;

  /// Copies metadata and value into `buffer`.
  virtual void get(const std::string& key, std::string& buffer) = 0;

  /// Copies the metadata into `buffer`.
  virtual void get_metadata(const std::string& key, std::string& buffer) = 0;
};

/// An open engine; any number of threads, each with a session of its own.
class raw_engine {
public:
  virtual ~raw_engine() = default;

  virtual std::unique_ptr<raw_session> connect() = 0;

  using visitor
    = std::function<void(std::string_view key, std::string_view metadata)>;

  /// Goes through all keys in one go.
  virtual void list(const visitor& visit) = 0;

  /// Switches syncs off or on, to fill the engine quickly. No session may be
  /// open.
  virtual void set_sync(bool on) = 0;
};

/// Opens an engine in a folder, and makes it if there is none.
using open_raw_engine = std::unique_ptr<raw_engine> (*)(const std::string& dir);

std::unique_ptr<raw_engine> open_raw_file(const std::string& dir);
std::unique_ptr<raw_engine> open_raw_rocksdb(const std::string& dir);
std::unique_ptr<raw_engine> open_raw_lmdb(const std::string& dir);
std::unique_ptr<raw_engine> open_raw_sqlite(const std::string& dir);

} // namespace bench
