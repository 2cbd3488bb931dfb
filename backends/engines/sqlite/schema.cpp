// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "schema.hpp"

namespace larder::detail::sqlite {

// Comments inside the statements are kept by SQLite and seen in its shell.
const char* const create_tables = R"(
CREATE TABLE store( -- about this file
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE blobs( -- one row per key
  id INTEGER PRIMARY KEY,
  key BLOB NOT NULL UNIQUE,
  size INTEGER NOT NULL, -- of the whole blob: head, then value or chunks
  first_chunk INTEGER,   -- NULL: the rest of the blob is in value
  head BLOB NOT NULL,    -- header and metadata
  value BLOB             -- NULL: the rest of the blob is in chunks
) STRICT;

CREATE TABLE chunks( -- of large blobs, 65536 bytes each but the last
  id INTEGER PRIMARY KEY, -- blobs.first_chunk, and on from there
  data BLOB NOT NULL
) STRICT;

CREATE TABLE loose_chunks( -- chunks that belong to no blob
  first_chunk INTEGER PRIMARY KEY,
  owner INTEGER NOT NULL -- who is writing them; 0: they will be deleted
) STRICT;

CREATE VIEW keys AS -- for people
SELECT id,
       CAST(key AS TEXT) || iif(substr(key, 1, 1) = x'22', '"', '') AS key,
       CASE substr(head, 1, 1)
         WHEN x'02' THEN lower(hex(substr(head, 25, 16)))
       END AS revision,
       size,
       first_chunk IS NOT NULL AS chunked
FROM blobs;
)";

const char* statement_text(sql which) noexcept {
  switch (which) {
    case sql::begin_read:
      return "BEGIN";
    case sql::begin_write:
      return "BEGIN IMMEDIATE";
    case sql::commit:
      return "COMMIT";
    case sql::rollback:
      return "ROLLBACK";
    case sql::find_head:
      return "SELECT id, size, first_chunk, head FROM blobs WHERE key = ?";
    case sql::find_all:
      return "SELECT id, size, first_chunk, head, value FROM blobs "
             "WHERE key = ?";
    case sql::list:
      return "SELECT id, size, first_chunk, head, key FROM blobs "
             "WHERE key >= ? ORDER BY key";
    case sql::insert:
      return "INSERT INTO blobs(key, size, first_chunk, head, value) "
             "VALUES(?, ?, ?, ?, ?)";
    case sql::update:
      return "UPDATE blobs SET size = ?2, first_chunk = ?3, head = ?4, "
             "value = ?5 WHERE id = ?1";
    case sql::erase:
      return "DELETE FROM blobs WHERE id = ?";
    case sql::last_chunk:
      return "SELECT max(id) FROM chunks";
    case sql::last_loose:
      return "SELECT max(first_chunk) FROM loose_chunks";
    case sql::put_chunk:
      return "INSERT INTO chunks(id, data) VALUES(?, ?)";
    case sql::end_of_chunks:
      return "SELECT max(id) + 1 FROM chunks WHERE id >= ?1 AND id < ?2";
    case sql::drop_chunks:
      return "DELETE FROM chunks WHERE id >= ?1 AND id < ?2";
    case sql::put_loose:
      return "INSERT INTO loose_chunks(first_chunk, owner) VALUES(?, ?)";
    case sql::drop_loose:
      return "DELETE FROM loose_chunks WHERE first_chunk = ? AND owner = ?";
    case sql::list_loose:
      return "SELECT first_chunk, owner FROM loose_chunks";
    case sql::free_loose:
      return "UPDATE loose_chunks SET owner = 0 "
             "WHERE first_chunk = ? AND owner = ?";
    case sql::find_garbage:
      return "SELECT first_chunk FROM loose_chunks WHERE owner = 0 LIMIT 1";
    case sql::count_:
      break;
  }
  return "";
}

} // namespace larder::detail::sqlite
