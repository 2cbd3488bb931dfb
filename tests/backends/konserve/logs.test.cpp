// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "backends/konserve/konserve_tools.hpp"
#include "backends/watched_ops.hpp"

#include "larder/detail/konserve/log.hpp"

using namespace larder;
using namespace larder::test;

namespace {

/// A log as the layers above write it.
struct log_form {
  uuid id = uuid::random();
  int begin = 0;
  std::vector<value> entries;

  value to_value() const {
    return value::map({{kw("log"), id},
                       {kw("begin"), begin},
                       {kw("end"), begin + static_cast<int>(entries.size())},
                       {kw("first"), 0},
                       {kw("next"), 0},
                       {kw("tail"), value::vector(entries)}});
  }

  commit_outcome put(konserve_store& store) const {
    return store.put(store.meta_of(kw("log"), content_type::append_log),
                     to_value());
  }
};

/// Reads a file of a store without encryption and compression, past the engine.
struct raw_file {
  value meta;
  value content;

  raw_file(const temp_dir& dir, const value& key) {
    auto data = read_sample(dir / file_of(key));
    REQUIRE(data.size() > 20);
    auto size = load_big_endian<uint32_t>(data.data() + 4);
    codec_registry codecs;
    auto* ser = *codecs.find_serializer(std::to_integer<uint8_t>(data[1]));
    meta = ser->decode(bytes_view{data}.subspan(20, size), {}).value();
    content = ser->decode(bytes_view{data}.subspan(20 + size), {}).value();
  }
};

/// Follows a log as konserve does.
std::vector<value> raw_log(const temp_dir& dir) {
  std::vector<value> result;
  auto head = raw_file{dir, kw("log")}.content;
  REQUIRE(head.size() == 3);
  CHECK(head.items()[0] == kw("append-log"));
  auto last = head.items()[1];
  for (auto id = head.items()[2]; !id.is_nil();) {
    raw_file node{dir, id};
    CHECK(*node.meta.find(kw("key")) == kw("log"));
    CHECK(*node.meta.find(kw("type")) == kw("append-log"));
    result.push_back(*node.content.find(kw("elem")));
    CHECK((id == last) == node.content.find(kw("next"))->is_nil());
    id = *node.content.find(kw("next"));
  }
  return result;
}

/// Makes a blob as konserve does, in EDN.
void write_raw(const temp_dir& dir, const value& name, const value& key,
               std::string_view content) {
  auto meta = to_edn(value::map({{kw("key"), key},
                                 {kw("type"), kw("append-log")},
                                 {kw("last-write"), value::instant(1)}}));
  bytes data{std::byte{1}, std::byte{0}, std::byte{0}, std::byte{0}};
  append_big_endian(data, static_cast<uint32_t>(meta.size()));
  data.resize(20);
  append(data, as_bytes(meta));
  append(data, as_bytes(content));
  write_file(dir / file_of(name), data);
}

constexpr std::string_view id_1 = "00000000-0000-0000-0000-000000000001";
constexpr std::string_view id_2 = "00000000-0000-0000-0000-000000000002";

value id_value(std::string_view id) {
  return *uuid::parse(id);
}

std::string node_text(std::string_view next, std::string_view element) {
  auto link = next == "nil" ? std::string{"nil"}
                            : "#uuid \"" + std::string{next} + "\"";
  return "{:next " + link + " :elem " + std::string{element} + "}";
}

std::string head_text(std::string_view last, std::string_view first) {
  return "[:append-log #uuid \"" + std::string{last} + "\" #uuid \""
         + std::string{first} + "\"]";
}

std::vector<value> tail_of(konserve_store& store) {
  auto content = store.get(kw("log")).content;
  auto items = content.find(kw("tail"))->items();
  return {items.begin(), items.end()};
}

} // namespace

TEST_CASE("a log is written as konserve links it") {
  for (std::string serializer : {"fressian", "cbor", "edn"}) {
    temp_dir dir;
    auto store = konserve_store::open(dir.path(), {}, serializer);
    log_form log;
    log.entries = {1, "two", edn("{:three 3}")};
    REQUIRE(log.put(store));
    CHECK(raw_log(dir) == log.entries);
    CHECK(names_in(dir.path()).size() == 4);
    CHECK(store.get(kw("log")).content == log.to_value());
    CHECK(store.keys() == std::set<std::string>{":log"});
  }
}

TEST_CASE("appending to a log leaves its nodes as they are") {
  temp_dir dir;
  auto store = konserve_store::open(dir.path());
  log_form log;
  log.entries = {1, 2};
  REQUIRE(log.put(store));
  auto first = raw_file{dir, kw("log")}.content.items()[2];
  auto before = read_sample(dir / file_of(first));
  log.entries.insert(log.entries.end(), {3, 4, 5});
  REQUIRE(log.put(store));
  CHECK(raw_log(dir) == log.entries);
  CHECK(names_in(dir.path()).size() == 6);
  CHECK(read_sample(dir / file_of(first)) == before);
  CHECK(store.get(kw("log")).content == log.to_value());
}

TEST_CASE("truncating a log removes its first nodes and keeps positions") {
  temp_dir dir;
  auto store = konserve_store::open(dir.path());
  log_form log;
  log.entries = {1, 2, 3, 4};
  REQUIRE(log.put(store));
  log.begin = 3;
  log.entries = {4, 5};
  REQUIRE(log.put(store));
  CHECK(raw_log(dir) == log.entries);
  CHECK(names_in(dir.path()).size() == 3);
  CHECK(store.get(kw("log")).content == log.to_value());
  CHECK(store.get(kw("log")).meta.extras == edn("{}"));
  SECTION("down to nothing, and on from there") {
    log.begin = 5;
    log.entries.clear();
    REQUIRE(log.put(store));
    CHECK(raw_log(dir).empty());
    CHECK(names_in(dir.path()).size() == 1);
    CHECK(store.get(kw("log")).content == log.to_value());
    log.entries = {6};
    REQUIRE(log.put(store));
    CHECK(store.get(kw("log")).content == log.to_value());
    CHECK(raw_log(dir) == log.entries);
  }
}

TEST_CASE("a log that is replaced takes its nodes with it") {
  temp_dir dir;
  auto store = konserve_store::open(dir.path());
  log_form log;
  log.entries = {1, 2, 3};
  REQUIRE(log.put(store));
  SECTION("by another log") {
    log_form other;
    other.entries = {7};
    REQUIRE(other.put(store));
    CHECK(raw_log(dir) == other.entries);
    CHECK(names_in(dir.path()).size() == 2);
  }
  SECTION("by the same log with other entries") {
    log.entries = {1, 9, 3, 4};
    REQUIRE(log.put(store));
    CHECK(raw_log(dir) == log.entries);
    CHECK(names_in(dir.path()).size() == 5);
  }
  SECTION("by a value") {
    store.must_put(kw("log"), 1);
    CHECK(names_in(dir.path()).size() == 1);
    CHECK(store.get(kw("log")).content == value{1});
  }
  SECTION("by nothing") {
    REQUIRE(store.erase(kw("log")));
    CHECK(names_in(dir.path()).empty());
  }
}

TEST_CASE("a log that konserve has gone on with is read on") {
  temp_dir dir;
  auto key = kw("log");
  write_raw(dir, key, key, head_text(id_2, id_1));
  write_raw(dir, id_value(id_1), key, node_text(id_2, "1"));
  write_raw(dir, id_value(id_2), key, node_text("nil", "2"));
  auto store = konserve_store::open(dir.path());
  CHECK(tail_of(store) == std::vector<value>{1, 2});
  CHECK(*store.get(key).content.find(kw("log")) == id_value(id_1));
  CHECK(store.keys().size() == 1);
  SECTION("and appended to in another serializer") {
    log_form log;
    log.id = *uuid::parse(id_1);
    log.entries = {1, 2, 3};
    REQUIRE(log.put(store));
    CHECK(raw_log(dir) == log.entries);
    CHECK(names_in(dir.path()).size() == 4);
  }
  SECTION("but a node that is not appended yet is none of it") {
    write_raw(dir, id_value(id_2), key,
              node_text("00000000-0000-0000-0000-000000000003", "2"));
    CHECK(tail_of(store) == std::vector<value>{1, 2});
  }
  SECTION("and its nodes are no keys") {
    CHECK_FALSE(*store.read(id_value(id_1)));
    CHECK(code_of(store.put(id_value(id_1), 1)) == "invalid_argument");
    CHECK_FALSE(store.erase(id_value(id_1))->existed);
    CHECK(tail_of(store) == std::vector<value>{1, 2});
  }
}

TEST_CASE("what is no log is damage, and can be erased") {
  temp_dir dir;
  auto key = kw("log");
  write_raw(dir, key, key, head_text(id_2, id_1));
  write_raw(dir, id_value(id_1), key, node_text(id_2, "1"));
  write_raw(dir, id_value(id_2), key, node_text("nil", "2"));
  SECTION("a circle") {
    write_raw(dir, id_value(id_1), key, node_text(id_1, "1"));
  }
  SECTION("a missing node") {
    std::filesystem::remove(dir / file_of(id_value(id_2)));
  }
  SECTION("a chain without the last node") {
    write_raw(dir, id_value(id_1), key, node_text("nil", "1"));
  }
  SECTION("a node of another log") {
    write_raw(dir, id_value(id_2), kw("other"), node_text("nil", "2"));
  }
  SECTION("a head that is none") {
    write_raw(dir, key, key, "[:append-log 1 2]");
  }
  SECTION("a head without its end") {
    write_raw(dir, key, key,
              "[:append-log nil #uuid \"" + std::string{id_1} + "\"]");
  }
  SECTION("a node that is none") {
    write_raw(dir, id_value(id_2), key, "17");
  }
  auto store = konserve_store::open(dir.path());
  CHECK(code_of(store.read(key)) == "corruption");
  CHECK(store.list().size() == 1); // never hidden
  CHECK(store.erase(key)->existed);
  CHECK_FALSE(*store.read(key));
}

TEST_CASE("only whole logs are taken") {
  temp_dir dir;
  auto store = konserve_store::open(dir.path());
  auto put = [&](const value& content) {
    return code_of(
      store.put(store.meta_of(kw("log"), content_type::append_log), content));
  };
  auto whole = log_form{}.to_value();
  CHECK(put(whole.with(kw("next"), 1)) == "unsupported");
  CHECK(put(whole.with(kw("end"), 1)) == "corruption");
  CHECK(put(whole.without(kw("log"))) == "corruption");
  CHECK(put(whole.with(kw("begin"), -1)) == "corruption");
  CHECK(put(1) == "corruption");
  CHECK(names_in(dir.path()).empty());
  CHECK(put(whole) == "none");
}

TEST_CASE("nodes that a killed truncation has left are removed later") {
  temp_dir dir;
  auto store = konserve_store::open(dir.path());
  log_form log;
  log.entries = {1, 2, 3};
  REQUIRE(log.put(store));
  std::map<std::string, bytes> nodes;
  for (auto& name : names_in(dir.path()))
    if (name != file_of(kw("log")))
      nodes.emplace(name, read_sample(dir / name));
  log.begin = 2;
  log.entries = {3};
  REQUIRE(log.put(store));
  // As if the nodes had not been removed:
  for (auto& [name, data] : nodes)
    if (!std::filesystem::exists(dir / name))
      write_file(dir / name, data);
  CHECK(names_in(dir.path()).size() == 4);
  CHECK(store.keys().size() == 1);
  log.entries = {3, 4};
  REQUIRE(log.put(store));
  CHECK(names_in(dir.path()).size() == 3);
  CHECK(store.get(kw("log")).content == log.to_value());
}

TEST_CASE("nodes that a truncation was killed in removing are removed later") {
  temp_dir dir;
  auto store = konserve_store::open(dir.path());
  log_form log;
  log.entries = {1, 2, 3, 4};
  REQUIRE(log.put(store));
  auto ops = std::make_shared<watched_ops>();
  detail::ksv::store_config config;
  config.dir = dir.path();
  konserve_store killed{
    detail::ksv::open_store(std::move(config), ops).value()};
  auto removed = 0;
  ops->hook([&](watched_ops::call what, const std::string&) {
    return what == watched_ops::call::unlink && ++removed > 1 ? -EIO : 0;
  });
  log.begin = 3;
  log.entries = {4};
  REQUIRE(log.put(killed));
  CHECK(names_in(dir.path()).size() == 4);
  log.entries = {4, 5};
  REQUIRE(log.put(store));
  CHECK(names_in(dir.path()).size() == 3);
  CHECK(store.get(kw("log")).content == log.to_value());
}

TEST_CASE("nodes of a log that is gone are counted, not listed") {
  temp_dir dir;
  auto store = konserve_store::open(dir.path());
  log_form log;
  log.entries = {1, 2, 3};
  REQUIRE(log.put(store));
  auto orphans = [&] {
    store.keys();
    auto figures = store.engine().figures();
    auto found
      = std::ranges::find(figures, "orphan-nodes", &engine_figure::name);
    REQUIRE(found != figures.end());
    return found->amount;
  };
  CHECK(orphans() == 0);
  std::filesystem::remove(dir / file_of(kw("log"))); // as konserve erases it
  CHECK(orphans() == 3);
  CHECK(store.keys().empty());
  REQUIRE(log.put(store));
  CHECK(orphans() == 0);
}
