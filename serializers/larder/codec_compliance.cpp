// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/codec_compliance.hpp"

#include "larder/number.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <limits>
#include <mutex>
#include <set>
#include <thread>

namespace larder {

namespace {

constexpr size_t generous = size_t{1} << 30;

/// Collects violations, from several threads.
class report {
public:
  explicit report(const codec& x) : name_(x.name()) {
    check(!name_.empty() && name_ != "none",
          "it needs a name other than \"none\"");
    check(x.id() == x.id() && x.name() == name_, "its id or name changes");
  }

  void check(bool ok, std::string_view violation) {
    if (ok)
      return;
    std::unique_lock guard{mtx_};
    violations_.push_back(fmt::format("{}: {}", name_, violation));
  }

  /// Checks that `res` is one of the errors in `codes`.
  template <class T>
  void refused(const expected<T>& res, std::initializer_list<errc> codes,
               std::string_view what) {
    if (res)
      check(false, fmt::format("{} is accepted", what));
    else if (std::find(codes.begin(), codes.end(), res.error().code())
             == codes.end())
      check(false,
            fmt::format("{} is refused as {}", what, to_string(res.error())));
  }

  /// Runs a part of the checks; what it throws is a violation.
  template <class F>
  void run(F part) {
    try {
      part();
    } catch (const std::exception& err) {
      check(false, fmt::format("it throws: {}", err.what()));
    } catch (...) {
      check(false, "it throws");
    }
  }

  /// Runs the same in four threads at once.
  template <class F>
  void run_concurrently(F part) {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&] { run(part); });
  }

  std::vector<std::string> finish() && {
    return std::move(violations_);
  }

private:
  std::string name_;
  std::mutex mtx_;
  std::vector<std::string> violations_;
};

/// Calls `f` with beginnings of `xs`: all if it is small, some of a large one.
template <class F>
void for_each_beginning(bytes_view xs, F f) {
  auto step = std::max<size_t>(xs.size() / 64, 1);
  for (size_t n = 0; n < xs.size(); n += step)
    f(xs.first(n));
  if (!xs.empty())
    f(xs.first(xs.size() - 1));
}

bytes with_byte_behind(bytes_view xs) {
  auto result = to_bytes(xs);
  result.push_back(std::byte{0});
  return result;
}

bytes repeated(std::string_view unit, size_t times) {
  bytes result;
  for (size_t i = 0; i < times; ++i)
    append(result, as_bytes(unit));
  return result;
}

bytes random_bytes(size_t size) {
  bytes result(size);
  fill_random(result);
  return result;
}

/// Contents of all sizes, with much and without any redundancy.
std::vector<bytes> sample_contents() {
  std::vector<bytes> result;
  for (size_t n : {0, 1, 20, 4096, 65'536, 300'000}) {
    result.push_back(bytes(n));
    result.push_back(random_bytes(n));
    result.push_back(repeated("a larder full of words, ", n / 24));
  }
  return result;
}

value nested(size_t depth) {
  value result;
  for (size_t i = 0; i < depth; ++i)
    result = value::vector({std::move(result)});
  return result;
}

// -- serializers --------------------------------------------------------------

void check_round_trip(report& rep, const serializer& codec, const value& x) {
  auto what = [&](std::string_view rest) {
    return fmt::format("a value of kind {} {}", to_string(x.type()), rest);
  };
  limits lim;
  bytes out{std::byte{42}};
  auto res = codec.encode(x, out, lim);
  rep.check(res.has_value(), what("is refused"));
  if (!res)
    return;
  rep.check(!out.empty() && out.front() == std::byte{42},
            "encode does not append to what it is given");
  bytes again;
  rep.check(
    codec.encode(x, again, lim)
      && std::equal(again.begin(), again.end(), out.begin() + 1, out.end()),
    what("is encoded differently the second time"));
  auto y = codec.decode(again, lim);
  rep.check(y && *y == x, what("does not survive"));
  for_each_beginning(again, [&](bytes_view in) {
    // The front of a number in text form is another number, and what ends it
    // may only tell its kind.
    auto z = codec.decode(in, lim);
    auto suffix
      = in.size() + 1 == again.size()
        && (x.is(value::kind::big_integer) || x.is(value::kind::decimal));
    rep.check(!z || *z != x || suffix, what("cut off is taken as complete"));
    if (!z)
      rep.refused(z, {errc::corruption, errc::limit_exceeded}, what("cut off"));
  });
  rep.refused(codec.decode(with_byte_behind(again), lim),
              {errc::corruption, errc::limit_exceeded},
              what("with a byte behind it"));
}

void check_determinism(report& rep, const serializer& codec) {
  auto xs = sample_values();
  std::vector<value::entry> entries;
  for (auto& x : xs)
    entries.emplace_back(x, x);
  auto encoded = [&](const value& x) {
    bytes out;
    rep.check(codec.encode(x, out, limits{}).has_value(),
              "a large collection is refused");
    return out;
  };
  auto map = encoded(value::map(entries));
  auto set = encoded(value::set(xs));
  std::reverse(entries.begin(), entries.end());
  std::reverse(xs.begin(), xs.end());
  rep.check(encoded(value::map(entries)) == map
              && encoded(value::set(xs)) == set,
            "equal values give different bytes");
}

void check_instants(report& rep, const serializer& codec) {
  std::set<size_t> sizes;
  for (int64_t ms : {int64_t{0}, int64_t{1}, int64_t{1'795'323'710'539},
                     int64_t{253'402'300'799'999}}) {
    bytes out;
    rep.check(codec.encode(value::instant(ms), out, limits{}).has_value(),
              "an instant is refused");
    sizes.insert(out.size());
  }
  rep.check(sizes.size() == 1,
            "instants of the years 1970 to 9999 differ in size");
}

void check_limits(report& rep, const serializer& codec) {
  limits lim;
  bytes out;
  rep.check(codec.encode(nested(lim.max_depth), out, lim).has_value(),
            "a value as deep as the limit is refused");
  auto narrow = lim;
  narrow.max_depth = lim.max_depth - 1;
  rep.refused(codec.decode(out, narrow), {errc::limit_exceeded},
              "decoding a value nested too deep");
  bytes ignored;
  rep.refused(codec.encode(nested(lim.max_depth), ignored, narrow),
              {errc::limit_exceeded}, "encoding a value nested too deep");
  for (auto& x : {value{"\xFF"}, value::keyword("\xFF"),
                  value::symbol("\xC0\xAF"), value::vector({"\xED\xA0\x80"})})
    rep.refused(codec.encode(x, ignored, lim), {errc::invalid_argument},
                "text that is not UTF-8");
}

/// Checks a serializer that only reads.
void check_read_only(report& rep, const serializer& codec) {
  bytes out{std::byte{42}};
  for (auto& x : sample_values())
    rep.refused(codec.encode(x, out, limits{}), {errc::unsupported},
                "encoding with a serializer that only reads");
  rep.check(out == bytes{std::byte{42}},
            "encode appends in spite of its refusal");
  for (auto& in : sample_contents()) {
    auto x = codec.decode(in, limits{}); // must not throw
    if (!x)
      rep.refused(x, {errc::corruption, errc::limit_exceeded},
                  "what is no encoding");
    else
      rep.refused(codec.decode(with_byte_behind(in), limits{}),
                  {errc::corruption, errc::limit_exceeded},
                  "an encoding with a byte behind it");
  }
}

// -- encryptors ---------------------------------------------------------------

bool is_refused(report& rep, const expected<bytes>& res,
                std::string_view what) {
  rep.refused(res, {errc::authentication_failed}, what);
  return !res;
}

void check_content(report& rep, const encryptor& codec,
                   const encryption_key& key, const encryption_key& other,
                   bytes_view in) {
  auto ad = as_bytes("what belongs to the content");
  bytes out{std::byte{42}};
  rep.check(codec.encrypt(key, ad, in, out).has_value(),
            "some content is refused");
  rep.check(out.size() == in.size() + codec.overhead() + 1
              && out.front() == std::byte{42},
            "encrypt does not append as much as it announces");
  bytes sealed{out.begin() + 1, out.end()};
  auto opened = codec.decrypt(key, ad, sealed);
  rep.check(
    opened && std::equal(in.begin(), in.end(), opened->begin(), opened->end()),
    "some content does not survive");
  is_refused(rep, codec.decrypt(other, ad, sealed), "another key");
  is_refused(rep, codec.decrypt(key, {}, sealed), "other additional data");
  is_refused(rep, codec.decrypt(key, ad, with_byte_behind(sealed)),
             "a byte more");
  for_each_beginning(sealed, [&](bytes_view some) {
    is_refused(rep, codec.decrypt(key, ad, some), "content cut off");
  });
  auto step = std::max<size_t>(sealed.size() / 256, 1);
  for (size_t i = 0; i < sealed.size(); i += step) {
    sealed[i] ^= std::byte{4};
    is_refused(rep, codec.decrypt(key, ad, sealed), "a flipped bit");
    sealed[i] ^= std::byte{4};
  }
}

void check_nonces(report& rep, const encryptor& codec,
                  const encryption_key& key) {
  std::set<bytes> seen;
  for (int i = 0; i < 100; ++i) {
    bytes out;
    rep.check(codec.encrypt(key, {}, {}, out).has_value(),
              "empty content is refused");
    rep.check(seen.insert(out).second, "the same content looks the same twice");
  }
}

} // namespace

std::vector<value> sample_values() {
  using doubles = std::numeric_limits<double>;
  using integers = std::numeric_limits<int64_t>;
  using boost::multiprecision::cpp_int;
  auto big = cpp_int{"123456789012345678901234567890"};
  std::vector<value> result{
    value{},
    false,
    true,
    0,
    -1,
    23,
    24,
    1000,
    integers::min(),
    integers::max(),
    std::numeric_limits<uint64_t>::max(),
    big_integer{big},
    big_integer{-big},
    0.0,
    -0.0,
    1.0,
    0.1,
    -1e300,
    doubles::denorm_min(),
    doubles::max(),
    doubles::infinity(),
    -doubles::infinity(),
    doubles::quiet_NaN(),
    decimal{10, 1},
    decimal{100, 2},
    decimal{big, -40},
    decimal{0, std::numeric_limits<int32_t>::max()},
    U'a',
    U'\u00e4',
    U'\U0001F600',
    U'\0',
    "",
    ":a",
    "a\"b\\c\n\t \u00e4 \U0001F600",
    std::string(5, '\0'),
    std::string(70'000, 'x'),
    value::keyword("a"),
    value::keyword("some.space/name"),
    value::keyword("with space, and \"more\""),
    value::symbol("a"),
    value::symbol("some.space/name"),
    value::symbol(":a"),
    value::symbol("nil"),
    value::symbol("1"),
    bytes{},
    repeated("\x00\xFF bytes", 10),
    uuid{},
    uuid::random(),
    value::instant(0),
    value::instant(-1),
    value::instant(1'795'323'710'539),
    value::instant(integers::min()),
    value::instant(integers::max()),
    value::vector(),
    value::list(),
    value::set(),
    value::map(),
    value::vector({1, 1.0, "1", value::list({1})}),
    value::list({value{}, value::vector({1})}),
    value::set({1, 1.0, "1", value::set({1})}),
    value::map({{1, "integer"},
                {1.0, "real"},
                {"b", value::map({{"c", "d"}})},
                {"aa", value{}},
                {value::vector({1}), value::list({1})},
                {value{}, value::set({value{}})}}),
    value::tagged("my/point", value::vector({1, 2})),
    value::tagged("clojure/char", "x"),
    value::tagged("a", value::tagged("b", value{})),
  };
  result.push_back(nested(100));
  return result;
}

std::vector<std::string> check_serializer(const serializer& codec) {
  report rep{codec};
  if (!codec.can_encode()) {
    rep.run_concurrently([&] { check_read_only(rep, codec); });
    return std::move(rep).finish();
  }
  auto xs = sample_values();
  auto round_trips = [&] {
    for (auto& x : xs)
      check_round_trip(rep, codec, x);
  };
  rep.run(round_trips);
  rep.run_concurrently(round_trips);
  rep.run([&] { check_determinism(rep, codec); });
  if (codec.has_fixed_size_instants())
    rep.run([&] { check_instants(rep, codec); });
  rep.run([&] { check_limits(rep, codec); });
  return std::move(rep).finish();
}

std::vector<std::string> check_compressor(const compressor& codec) {
  report rep{codec};
  auto xs = sample_contents();
  auto round_trips = [&] {
    for (auto& x : xs) {
      bytes out{std::byte{42}};
      rep.check(codec.compress(x, out).has_value(), "some content is refused");
      rep.check(!out.empty() && out.front() == std::byte{42},
                "compress does not append to what it is given");
      bytes packed{out.begin() + 1, out.end()};
      rep.check(codec.decompress(packed, x.size()) == x
                  && codec.decompress(packed, generous) == x,
                "some content does not survive");
      if (!x.empty())
        rep.refused(codec.decompress(packed, x.size() - 1),
                    {errc::limit_exceeded, errc::corruption},
                    "content over the limit");
      for_each_beginning(packed, [&](bytes_view some) {
        auto y = codec.decompress(some, generous);
        // A format without an end mark may not notice, but must not pretend.
        rep.check(!y || *y != x, "content cut off is taken as complete");
      });
    }
  };
  rep.run(round_trips);
  rep.run_concurrently(round_trips);
  rep.run([&] {
    for (auto& x : xs)
      (void)codec.decompress(x, x.size()); // may be refused, must not throw
  });
  return std::move(rep).finish();
}

std::vector<std::string> check_encryptor(const encryptor& codec,
                                         const encryption_key& key,
                                         const encryption_key& other) {
  report rep{codec};
  auto xs = sample_contents();
  auto contents = [&] {
    for (auto& x : xs)
      check_content(rep, codec, key, other, x);
  };
  rep.run(contents);
  rep.run_concurrently(contents);
  rep.run([&] { check_nonces(rep, codec, key); });
  return std::move(rep).finish();
}

} // namespace larder
