// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/typed.hpp"

#include "larder/number.hpp"
#include "larder/path.hpp"

#include <boost/serialization/split_member.hpp>
#include <catch2/catch.hpp>
#include <rapidcheck.h>

#include <deque>
#include <limits>
#include <list>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

using namespace larder;

namespace {

// -- test types ---------------------------------------------------------------

enum class colour : uint8_t { red = 1, blue = 200 };

enum plain_enum { small = -5, large = 7 };

enum class huge : uint64_t { most = std::numeric_limits<uint64_t>::max() };

struct address {
  std::string city;
  std::optional<int16_t> zip;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& BOOST_SERIALIZATION_NVP(city) & BOOST_SERIALIZATION_NVP(zip);
  }

  friend bool operator==(const address&, const address&) = default;
};

struct person {
  std::string name;
  int8_t level = 0;
  struct address address;
  std::vector<struct address> former;
  std::map<std::string, struct address> friends;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& BOOST_SERIALIZATION_NVP(name);
    ar& BOOST_SERIALIZATION_NVP(level);
    ar& BOOST_SERIALIZATION_NVP(address);
    ar& BOOST_SERIALIZATION_NVP(former);
    ar& BOOST_SERIALIZATION_NVP(friends);
  }

  friend bool operator==(const person&, const person&) = default;
};

/// Everything is private, the default constructor included.
class secretive {
public:
  explicit secretive(int x) : number_(x) {
    // nop
  }

  int number() const {
    return number_;
  }

private:
  friend class boost::serialization::access;

  secretive() = default;

  template <class Archive>
  void save(Archive& ar, unsigned) const {
    auto doubled = number_ * 2;
    ar << boost::serialization::make_nvp("doubled", doubled);
  }

  template <class Archive>
  void load(Archive& ar, unsigned) {
    int doubled;
    ar >> BOOST_SERIALIZATION_NVP(doubled);
    number_ = doubled / 2;
  }

  BOOST_SERIALIZATION_SPLIT_MEMBER()

  int number_ = 0;
};

struct free_point {
  double x;
  double y;
};

template <class Archive>
void serialize(Archive& ar, free_point& p, unsigned) {
  ar& boost::serialization::make_nvp("x", p.x);
  ar& boost::serialization::make_nvp("y", p.y);
}

struct base_one {
  int one = 0;

  template <class Archive>
  void serialize(Archive& ar, unsigned version) {
    ar& BOOST_SERIALIZATION_NVP(one);
    seen = version;
  }

  unsigned seen = 0;
};

struct derived : base_one {
  base_one other; // a member of the base's type, not a base
  int two = 0;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& BOOST_SERIALIZATION_BASE_OBJECT_NVP(base_one);
    ar& BOOST_SERIALIZATION_NVP(other);
    ar& BOOST_SERIALIZATION_NVP(two);
  }
};

struct clashing : base_one {
  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& BOOST_SERIALIZATION_BASE_OBJECT_NVP(base_one);
    auto one = 2;
    ar& BOOST_SERIALIZATION_NVP(one);
  }
};

struct tree {
  std::vector<tree> children;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& BOOST_SERIALIZATION_NVP(children);
  }
};

struct user_v1 {
  std::string name;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& BOOST_SERIALIZATION_NVP(name);
  }
};

struct user_v2 {
  std::string given_name;
  int visits = -1;

  template <class Archive>
  void serialize(Archive& ar, unsigned version) {
    if (version < 2) {
      ar& boost::serialization::make_nvp("name", given_name);
      visits = 0;
      return;
    }
    ar& BOOST_SERIALIZATION_NVP(given_name);
    ar& BOOST_SERIALIZATION_NVP(visits);
  }
};

struct throwing {
  template <class Archive>
  void serialize(Archive&, unsigned) {
    throw std::runtime_error("not today");
  }
};

struct reserved_name {
  int n = 1;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& boost::serialization::make_nvp("__version", n);
  }
};

// -- helpers ------------------------------------------------------------------

/// Converts there and back and returns the value in between.
template <class T>
value round_trip(const T& x) {
  auto v = to_value(x);
  REQUIRE(v);
  auto y = from_value<T>(*v);
  REQUIRE(y);
  CHECK(*y == x);
  return *v;
}

template <class T>
std::string failure(errc code, const expected<T>& x) {
  REQUIRE_FALSE(x);
  CHECK(to_string(x.error().code()) == to_string(code));
  return x.error().message();
}

value ada() {
  return value::map(
    {{"name", "Ada"},
     {"level", 3},
     {"address", value::map({{"city", "London"}, {"zip", 7}})},
     {"former", value::vector({value::map({{"city", "Ockham"}})})},
     {"friends",
      value::map({{"charles", value::map({{"city", "Walworth"}})}})}});
}

} // namespace

BOOST_CLASS_VERSION(base_one, 3)
BOOST_CLASS_VERSION(user_v2, 2)

// -- representation -----------------------------------------------------------

TEST_CASE("a class becomes a map from the names of its members") {
  person x{"Ada",
           3,
           {"London", 7},
           {{"Ockham", std::nullopt}},
           {{"charles", {"Walworth", std::nullopt}}}};
  auto nowhere = [](const char* city) {
    return value::map({{"city", city}, {"zip", value{}}});
  };
  CHECK(round_trip(x)
        == value::map(
          {{"name", "Ada"},
           {"level", 3},
           {"address", value::map({{"city", "London"}, {"zip", 7}})},
           {"former", value::vector({nowhere("Ockham")})},
           {"friends", value::map({{"charles", nowhere("Walworth")}})}}));
}

TEST_CASE("scalars become the kind that fits them") {
  CHECK(round_trip(true) == value{true});
  CHECK(round_trip(int8_t{-128}) == value{-128});
  CHECK(round_trip(uint8_t{255}) == value{255});
  CHECK(
    round_trip(std::numeric_limits<int64_t>::min()).is(value::kind::integer));
  CHECK(round_trip(std::numeric_limits<uint64_t>::max())
          .is(value::kind::big_integer));
  CHECK(round_trip(1.5F) == value{1.5});
  CHECK(round_trip(-0.0) == value{-0.0});
  CHECK(round_trip('a') == value{U'a'});
  CHECK(round_trip(static_cast<char>(0xE9)) == value{U'\u00E9'});
  CHECK(round_trip(U'\U0001F600') == value{U'\U0001F600'});
  CHECK(round_trip(std::string{"text"}) == value{"text"});
  CHECK(round_trip(uuid::random()).is(value::kind::uuid));
  CHECK(round_trip(value::keyword("k")) == value::keyword("k"));
  CHECK(round_trip(big_integer{5}) == value{5});
  CHECK(round_trip(decimal{15, 1}) == value{decimal{15, 1}});
  CHECK(round_trip(std::chrono::seconds{3}) == value{3});
  CHECK(std::isnan(*from_value<float>(value{std::nan("")})));
}

TEST_CASE("enums become their numbers") {
  CHECK(round_trip(colour::blue) == value{200});
  CHECK(round_trip(small) == value{-5});
  CHECK(round_trip(huge::most).is(value::kind::big_integer));
  CHECK(round_trip(std::byte{7}) == value{7});
}

TEST_CASE("containers become vectors, sets and maps") {
  CHECK(round_trip(std::vector{1, 2}) == value::vector({1, 2}));
  CHECK(round_trip(std::vector<bool>{true, false})
        == value::vector({true, false}));
  CHECK(round_trip(std::list{1, 2}) == value::vector({1, 2}));
  CHECK(round_trip(std::deque{1, 2}) == value::vector({1, 2}));
  CHECK(round_trip(std::array{1, 2}) == value::vector({1, 2}));
  CHECK(round_trip(std::set{2, 1}) == value::set({1, 2}));
  CHECK(round_trip(std::unordered_set{2, 1}) == value::set({1, 2}));
  CHECK(round_trip(std::multiset{1, 1}) == value::vector({1, 1}));
  CHECK(round_trip(std::pair{1, std::string{"x"}}) == value::vector({1, "x"}));
  CHECK(round_trip(std::tuple{1, 'x', true}) == value::vector({1, U'x', true}));
  CHECK(round_trip(std::map<std::pair<int, int>, std::string>{{{1, 2}, "x"}})
        == value::map({{value::vector({1, 2}), "x"}}));
  CHECK(round_trip(std::unordered_map<int, bool>{{1, true}, {2, false}})
        == value::map({{1, true}, {2, false}}));
  CHECK(round_trip(std::multimap<int, int>{{1, 1}, {1, 2}})
        == value::vector({value::vector({1, 1}), value::vector({1, 2})}));
  using nested = std::map<std::string, std::vector<std::set<std::string>>>;
  round_trip(nested{{"a", {{"x", "y"}, {}}}, {"", {}}});
}

TEST_CASE("vectors and arrays of bytes become bytes") {
  value expected{bytes{std::byte{1}, std::byte{255}}};
  CHECK(round_trip(std::vector<unsigned char>{1, 255}) == expected);
  CHECK(round_trip(bytes{std::byte{1}, std::byte{255}}) == expected);
  CHECK(round_trip(std::array<uint8_t, 2>{1, 255}) == expected);
}

TEST_CASE("an optional is nil or what it holds, a variant index and content") {
  CHECK(round_trip(std::optional<int>{}).is_nil());
  CHECK(round_trip(std::optional<int>{3}) == value{3});
  using choice = std::variant<std::monostate, int, std::string>;
  CHECK(round_trip(choice{}) == value::vector({0, value{}}));
  CHECK(round_trip(choice{"x"}) == value::vector({2, "x"}));
  auto message = failure(errc::out_of_range,
                         from_value<choice>(value::vector({3, value{}})));
  CHECK(message == "[0] is 3, but must be from 0 to 2");
}

TEST_CASE("points in time become instants, cut to milliseconds") {
  using namespace std::chrono;
  using clock = system_clock;
  CHECK(round_trip(clock::time_point{milliseconds{1234}})
        == value::instant(1234));
  CHECK(*to_value(clock::time_point{microseconds{-1}}) == value::instant(-1));
  CHECK(round_trip(time_point<clock, seconds>{seconds{-2}})
        == value::instant(-2000));
  auto late = value::instant(std::numeric_limits<int64_t>::max());
  failure(errc::out_of_range, from_value<clock::time_point>(late));
  using hour_point = time_point<clock, hours>;
  CHECK(from_value<hour_point>(late));
  CHECK(*from_value<hour_point>(value::instant(-1)) == hour_point{hours{-1}});
  failure(errc::out_of_range, to_value(hour_point::max()));
}

TEST_CASE("private members and constructors are open to the archives") {
  auto v = to_value(secretive{21});
  REQUIRE(v);
  CHECK(*v == value::map({{"doubled", 42}}));
  CHECK(from_value<secretive>(*v)->number() == 21);
  auto many = to_value(std::vector{secretive{1}, secretive{2}});
  CHECK(from_value<std::vector<secretive>>(*many)->back().number() == 2);
}

TEST_CASE("serialize may be a free function") {
  CHECK(*to_value(free_point{1, 2}) == value::map({{"x", 1.0}, {"y", 2.0}}));
  CHECK(from_value<free_point>(value::map({{"x", 1}, {"y", 2.5}}))->y == 2.5);
}

TEST_CASE("members of a base class are members of the object") {
  derived x;
  x.one = 1;
  x.other.one = 11;
  x.two = 2;
  auto v = to_value(x);
  REQUIRE(v);
  CHECK(*v
        == value::map({{"__version:base_one", 3},
                       {"one", 1},
                       {"other", value::map({{"__version", 3}, {"one", 11}})},
                       {"two", 2}}));
  auto y = from_value<derived>(v->without("__version:base_one"));
  REQUIRE(y);
  CHECK(y->one == 1);
  CHECK(y->seen == 0);
  CHECK(y->other.one == 11);
  CHECK(y->other.seen == 3);
  CHECK(y->two == 2);
  auto message = failure(errc::invalid_argument, to_value(clashing{}));
  CHECK(message.find("two members of the same name") != std::string::npos);
}

TEST_CASE("parts of an object are read and changed by path") {
  auto x = from_value<person>(ada());
  REQUIRE(x);
  auto v = to_value(*x);
  REQUIRE(v);
  CHECK(get_in(*v, path{"address", "city"}).value() == value{"London"});
  CHECK(get_in(*v, path{"former", 0, "city"}).value() == value{"Ockham"});
  auto moved = assoc_in(*v, path{"friends", "charles", "city"}, "Dublin");
  REQUIRE(moved);
  CHECK(from_value<person>(*moved)->friends.at("charles").city == "Dublin");
}

// -- versions -----------------------------------------------------------------

TEST_CASE("newer code reads what older code wrote") {
  auto old = to_value(user_v1{"Ada"});
  REQUIRE(old);
  CHECK(*old == value::map({{"name", "Ada"}}));
  auto x = from_value<user_v2>(*old);
  REQUIRE(x);
  CHECK(x->given_name == "Ada");
  CHECK(x->visits == 0);
}

TEST_CASE("older code refuses what newer code wrote") {
  auto fresh = to_value(user_v2{"Ada", 7});
  REQUIRE(fresh);
  CHECK(
    *fresh
    == value::map({{"__version", 2}, {"given_name", "Ada"}, {"visits", 7}}));
  auto message = failure(errc::unsupported, from_value<std::vector<user_v1>>(
                                              value::vector({*fresh})));
  CHECK(message
        == "[0] was written by version 2 of its class, newer than version 0 "
           "of this program: update the program");
  failure(errc::unsupported, merge_value(*fresh, user_v1{"Bob"}));
  auto bad = value::map({{"__version", "two"}, {"name", "x"}});
  CHECK(failure(errc::wrong_type, from_value<user_v2>(bad))
        == "__version is of kind string, not integer");
}

// -- errors -------------------------------------------------------------------

TEST_CASE("a missing member is named, unless it is an optional") {
  auto x = from_value<person>(ada());
  REQUIRE(x);
  CHECK_FALSE(x->former.at(0).zip);
  auto broken = ada().with("address", value::map({{"zip", 1}}));
  CHECK(failure(errc::not_found, from_value<person>(broken))
        == "address.city is missing");
  CHECK(failure(errc::not_found, from_value<person>(ada().without("name")))
        == "name is missing");
}

TEST_CASE("a wrong kind is named with its member") {
  auto load = [](const char* name, value x) {
    return failure(errc::wrong_type,
                   from_value<person>(ada().with(name, std::move(x))));
  };
  CHECK(load("name", 7) == "name is of kind integer, not string");
  CHECK(load("level", 1.0) == "level is of kind real, not integer");
  CHECK(load("level", value{}) == "level is of kind nil, not integer");
  CHECK(load("address", value::map({{"city", value::keyword("x")}}))
        == "address.city is of kind keyword, not string");
  CHECK(load("former", value::map()) == "former is of kind map, not vector");
  CHECK(load("former", value::list({ada().with("city", true)}))
        == "former[0].city is of kind boolean, not string");
  CHECK(load("friends", value::map({{"Bob", value::vector()}}))
        == "friends[\"Bob\"] is of kind vector, not map");
  CHECK(load("friends", value::map({{value::vector({1}), value::map()}}))
        == "friends[[1]] is of kind vector, not string");
  CHECK(load("friends", value::map({{5, value::map()}}))
        == "friends[5] is of kind integer, not string");
  CHECK(failure(errc::wrong_type, from_value<person>(3))
        == "the value is of kind integer, not map");
  CHECK(failure(errc::wrong_type, from_value<std::set<int>>(value::vector()))
        == "the value is of kind vector, not set");
}

TEST_CASE("numbers that do not fit are out of range") {
  CHECK(
    failure(errc::out_of_range, from_value<person>(ada().with("level", 128)))
    == "level is 128, but must be from -128 to 127");
  auto most = std::numeric_limits<uint64_t>::max();
  CHECK(failure(errc::out_of_range, from_value<int64_t>(most))
          .find("is 18446744073709551615N, but")
        != std::string::npos);
  failure(errc::out_of_range, from_value<uint64_t>(-1));
  failure(errc::out_of_range, from_value<uint32_t>(int64_t{1} << 32));
  big_integer beyond{boost::multiprecision::cpp_int{most} + 1};
  failure(errc::out_of_range, from_value<uint64_t>(beyond));
  failure(errc::out_of_range, from_value<colour>(256));
  failure(errc::out_of_range, from_value<float>(1e39));
  failure(errc::out_of_range, from_value<double>((int64_t{1} << 53) + 1));
  failure(errc::out_of_range, from_value<char>(U'\u0100'));
  failure(errc::out_of_range, from_value<std::array<int, 2>>(value::vector()));
  failure(errc::out_of_range,
          from_value<std::pair<int, int>>(value::vector({1, 2, 3})));
}

TEST_CASE("what no value can hold is refused when saving") {
  CHECK(failure(errc::invalid_argument, to_value(address{"\xFF", {}}))
          .find("city is not UTF-8")
        == 0);
  failure(errc::out_of_range, to_value(char32_t{0xD800}));
  using namespace std::chrono;
  using times = std::set<system_clock::time_point>;
  auto t = system_clock::time_point{};
  CHECK(failure(errc::invalid_argument, to_value(times{t, t + 1us}))
          .find("has two items or keys that are one")
        != std::string::npos);
  failure(errc::invalid_argument, to_value(reserved_name{}));
  failure(errc::invalid_argument, from_value<reserved_name>(value::map()));
}

TEST_CASE("nesting is bounded in both directions") {
  tree x;
  value v = value::map({{"children", value::vector()}});
  for (int i = 0; i < 1000; ++i) {
    tree parent;
    parent.children.push_back(std::move(x));
    x = std::move(parent);
    v = value::map({{"children", value::vector({std::move(v)})}});
  }
  failure(errc::limit_exceeded, to_value(x));
  failure(errc::limit_exceeded, from_value<tree>(v));
}

TEST_CASE("an exception of serialize becomes an error") {
  CHECK(failure(errc::function_failed, to_value(throwing{}))
        == "serialize threw an exception: not today");
  failure(errc::function_failed, from_value<throwing>(value::map()));
}

// -- merging ------------------------------------------------------------------

TEST_CASE("merging keeps what the type does not know") {
  auto old = ada().with("email", "ada@example.org");
  old = old.with("address", old.find("address")->with("street", "St James"));
  auto friends = value::map(
    {{"charles", value::map({{"city", "Walworth"}, {"since", 1833}})},
     {"mary", value::map({{"city", "Oxford"}})}});
  old = old.with("friends", friends);
  auto x = from_value<person>(old);
  REQUIRE(x);
  x->address.city = "Nottingham";
  x->friends.erase("mary");
  auto merged = merge_value(old, *x);
  REQUIRE(merged);
  CHECK(*merged->find("email") == value{"ada@example.org"});
  CHECK(*merged->find("address")
        == value::map(
          {{"city", "Nottingham"}, {"street", "St James"}, {"zip", 7}}));
  CHECK(*merged->find("friends")
        == value::map({{"charles", value::map({{"city", "Walworth"},
                                               {"since", 1833},
                                               {"zip", value{}}})}}));
  CHECK(*from_value<person>(*merged) == *x);
}

TEST_CASE("merging renews the version") {
  auto old = value::map(
    {{"name", "Ada"}, {"email", "a@b"}, {"__version:former_base", 7}});
  auto merged = merge_value(old, user_v2{"Ada", 1});
  REQUIRE(merged);
  CHECK(*merged->find("__version") == value{2});
  CHECK(*merged->find("email") == value{"a@b"});
  CHECK(merged->find("__version:former_base") == nullptr);
  CHECK(*merge_value(value{5}, user_v1{"x"}) == value::map({{"name", "x"}}));
}

// -- properties ---------------------------------------------------------------

namespace rc {

template <>
struct Arbitrary<address> {
  static Gen<address> arbitrary() {
    auto zips = gen::map(
      gen::arbitrary<std::pair<bool, int16_t>>(),
      [](auto x) { return x.first ? std::optional{x.second} : std::nullopt; });
    auto text = gen::container<std::string>(gen::inRange(' ', '~'));
    return gen::build<address>(gen::set(&address::city, text),
                               gen::set(&address::zip, zips));
  }
};

template <>
struct Arbitrary<person> {
  static Gen<person> arbitrary() {
    auto text = gen::container<std::string>(gen::inRange(' ', '~'));
    using friends = std::map<std::string, address>;
    return gen::build<person>(
      gen::set(&person::name, text), gen::set(&person::level),
      gen::set(&person::address), gen::set(&person::former),
      gen::set(&person::friends,
               gen::container<friends>(text, gen::arbitrary<address>())));
  }
};

} // namespace rc

TEST_CASE("any object survives the conversion") {
  CHECK(rc::check([](const person& x) {
    auto v = to_value(x);
    RC_ASSERT(v.has_value());
    auto y = from_value<person>(*v);
    RC_ASSERT(y.has_value());
    RC_ASSERT(*y == x);
    RC_ASSERT(*merge_value(*v, x) == *v);
  }));
}
