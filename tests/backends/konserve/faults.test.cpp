// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "backends/konserve/konserve_tools.hpp"
#include "backends/watched_ops.hpp"

#include <cerrno>

using namespace larder;
using namespace larder::test;
using call = watched_ops::call;

namespace {

/// A store whose system calls can be made to fail.
struct watched_store {
  temp_dir dir;
  std::shared_ptr<watched_ops> ops = std::make_shared<watched_ops>();
  konserve_store store = open();

  konserve_store open() {
    detail::ksv::store_config config;
    config.dir = dir.path();
    auto opened = detail::ksv::open_store(std::move(config), ops);
    REQUIRE(opened);
    return konserve_store{std::move(*opened)};
  }

  bool is_directory(const std::string& path) const {
    return path == dir.path();
  }
};

const value key = value::keyword("a");

} // namespace

TEST_CASE("a put to a konserve store syncs the file, renames it and syncs the "
          "directory") {
  watched_store x;
  std::vector<std::string> calls;
  x.ops->hook([&](call what, const std::string& path) {
    auto place = x.is_directory(path) ? "directory" : "file";
    if (what == call::write || what == call::sync || what == call::rename)
      calls.push_back((what == call::write    ? "write "
                       : what == call::rename ? "rename "
                                              : "sync ")
                      + std::string{place});
    return 0;
  });
  x.store.must_put(key, 1);
  CHECK(calls
        == std::vector<std::string>{"write file", "sync file", "rename file",
                                    "sync directory"});
}

TEST_CASE("an erasure makes durable what a killed migration has removed") {
  watched_store x;
  x.store.must_put(key, 1);
  auto meta = x.dir / "meta";
  std::filesystem::create_directory(meta); // emptied, but not synced
  std::vector<std::string> calls;
  x.ops->hook([&](call what, const std::string& path) {
    if (what == call::sync)
      calls.push_back(path == meta ? "sync meta" : "sync");
    else if (what == call::unlink && path.ends_with(".ksv"))
      calls.push_back("remove");
    return 0;
  });
  REQUIRE(x.store.erase(key));
  CHECK(calls == std::vector<std::string>{"sync meta", "remove", "sync"});
}

TEST_CASE("a log is appended to in an order in which any crash leaves a log") {
  watched_store x;
  auto log = [&](std::vector<value> entries) {
    auto size = static_cast<int>(entries.size());
    return value::map({{kw("log"), uuid{{std::byte{1}}}},
                       {kw("begin"), 0},
                       {kw("end"), size},
                       {kw("first"), 0},
                       {kw("next"), 0},
                       {kw("tail"), value::vector(std::move(entries))}});
  };
  auto put = [&](const value& content) {
    auto meta = x.store.meta_of(key, content_type::append_log);
    REQUIRE(x.store.put(meta, content));
  };
  put(log({1}));
  std::vector<std::string> calls;
  x.ops->hook([&](call what, const std::string& path) {
    if (what == call::rename)
      calls.push_back(path.find(file_of(key)) == std::string::npos ? "node"
                                                                   : "head");
    if (what == call::sync && x.is_directory(path))
      calls.emplace_back("sync");
    return 0;
  });
  put(log({1, 2, 3}));
  CHECK(calls
        == std::vector<std::string>{"node", "node", "sync", "node", "sync",
                                    "head", "sync"});
}

TEST_CASE("a call that fails leaves a konserve store as it was") {
  for (auto what : {call::open, call::write, call::sync, call::rename}) {
    watched_store x;
    x.store.must_put(key, 1);
    auto names = names_in(x.dir.path());
    x.ops->hook([&](call now, const std::string& path) {
      return now == what && path.ends_with(".new") ? -EIO : 0;
    });
    CAPTURE(static_cast<int>(what));
    auto outcome = x.store.put(key, 2);
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error() == errc::io_error);
    CHECK_FALSE(outcome.error().data_loss());
    x.ops->hook(nullptr);
    CHECK(x.store.get(key).content == value{1});
    CHECK(names_in(x.dir.path()) == names);
    x.store.must_put(key, 3);
  }
}

TEST_CASE("short writes are gone on with") {
  watched_store x;
  x.ops->hook([](call what, const std::string&) {
    return what == call::write ? watched_ops::short_write : 0;
  });
  value content = std::string(10'000, 'x');
  x.store.must_put(key, content);
  CHECK(x.store.get(key).content == content);
}

TEST_CASE("after a failed sync of the directory nothing more is written") {
  watched_store x;
  x.store.must_put(key, 1);
  x.ops->hook([&](call what, const std::string& path) {
    return what == call::sync && x.is_directory(path) ? -EIO : 0;
  });
  auto outcome = x.store.put(key, 2);
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error() == errc::io_error);
  CHECK(outcome.error().data_loss());
  x.ops->hook(nullptr);
  auto refused = x.store.put(key, 3);
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == errc::io_error);
  CHECK_FALSE(refused.error().data_loss());
  CHECK(refused.error().message().find("reopen") != std::string::npos);
  CHECK(x.store.read(key)); // reading goes on
  auto again = x.open();
  again.must_put(key, 4);
  CHECK(again.get(key).content == value{4});
}

TEST_CASE("a file that cannot be read is an error, not a missing key") {
  watched_store x;
  x.store.must_put(key, 1);
  for (auto what : {call::open, call::stat, call::read}) {
    x.ops->hook([&](call now, const std::string& path) {
      return now == what && path.ends_with(".ksv") ? -EACCES : 0;
    });
    CAPTURE(static_cast<int>(what));
    CHECK(code_of(x.store.read(key)) == "io_error");
    CHECK(code_of(x.store.put(key, 2)) == "io_error");
    auto entries = x.store.list();
    REQUIRE(entries.size() == 1);
    CHECK(code_of(entries[0].blob) == "io_error");
  }
}

TEST_CASE("staged binaries have konserve's form and any size of metadata") {
  for (std::string serializer : {"fressian", "cbor", "edn"})
    for (size_t extra = 0; extra < 400; extra += 7) {
      temp_dir dir;
      auto options = extra % 2 == 0 ? std::map<std::string, std::string>{}
                                    : std::map<std::string, std::string>{
                                      {"key", std::string(64, '5')}};
      auto store = konserve_store::open(dir.path(), options, serializer, "lz4");
      auto meta = store.meta_of(key, content_type::binary);
      meta.extras = value::map({{kw("text"), std::string(extra, 'x')}});
      if (extra % 3 == 0)
        meta.expiry = 4'000'000'000'000;
      chunk_encoder out{store.blobs(), encoded(key), meta};
      auto stage = store.engine().stage(encoded(key), *out.prefix_size());
      REQUIRE(stage);
      bytes content;
      for (auto part : {"one", "two", "three"}) {
        bytes piece;
        REQUIRE(out.update(as_bytes(part), piece));
        REQUIRE((*stage)->append(piece));
        append(content, piece);
      }
      bytes rest;
      REQUIRE(out.finish(rest));
      CHECK(names_in(dir.path()).size() == 1);
      CHECK(store.keys().empty());
      REQUIRE((*stage)->set_prefix(*out.prefix(meta.last_write)));
      std::shared_ptr<staged_blob> staged = std::move(*stage);
      CAPTURE(serializer, extra);
      auto outcome = store.commit(key, staged);
      INFO((outcome ? "" : to_string(outcome.error())));
      REQUIRE(outcome);
      CHECK(names_in(dir.path()) == std::set{file_of(key)});
      CHECK(store.read_binary(key).value() == content);
      CHECK(store.get(key).meta.to_value() == meta.to_value());
      auto file = read_sample(dir / file_of(key));
      CHECK(bytes{file.end() - 11, file.end()} == content);
    }
}
