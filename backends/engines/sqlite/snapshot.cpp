// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "snapshot.hpp"

#include "read.hpp"

#include "larder/detail/exceptions.hpp"

namespace larder::detail::sqlite {

namespace {

class snapshot : public backend_snapshot {
public:
  snapshot(std::shared_ptr<state> store, connection conn)
    : store_(std::move(store)), conn_(std::move(conn)) {
    // nop
  }

  std::vector<read_outcome>
  read(std::span<const read_request> requests) override {
    std::vector<read_outcome> result;
    for (auto& x : requests)
      result.push_back(without_exceptions(
        [&] { return in_transaction([&] { return read_blob(conn_, x); }); }));
    return result;
  }

  expected<list_page> list(const list_request& request) override {
    return without_exceptions([&] {
      return in_transaction([&] { return list_blobs(conn_, request); });
    });
  }

private:
  /// A bad failure has SQLite end the transaction: what could be read after
  /// that would be the present.
  template <class F>
  auto in_transaction(F f) -> decltype(f()) {
    decltype(f()) gone = fail(errc::conflict, store_->cfg.path
                                                + ": the snapshot is lost, as "
                                                  "reading from it failed");
    if (!conn_.in_transaction())
      return gone;
    auto result = f();
    if (result && !conn_.in_transaction())
      return gone;
    return result;
  }

  std::shared_ptr<state> store_; // closed last
  connection conn_;
};

} // namespace

expected<std::unique_ptr<backend_snapshot>>
make_snapshot(std::shared_ptr<state> store) {
  auto conn = store->readers.open();
  if (!conn)
    return fail(conn.error());
  // The first read fixes the moment.
  if (auto ok = query{*conn, sql::begin_read}.run(); !ok)
    return fail(ok.error());
  if (auto count = conn->integer_of("SELECT count(*) FROM store"); !count)
    return fail(count.error());
  return std::make_unique<snapshot>(std::move(store), std::move(*conn));
}

} // namespace larder::detail::sqlite
