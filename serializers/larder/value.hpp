// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/bytes.hpp"
#include "larder/uuid.hpp"

#include <compare>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder {

struct big_integer;
struct decimal;
template <class T, class... Ts>
concept one_of = (std::same_as<T, Ts> || ...);

/// A piece of data: the EDN model (https://github.com/edn-format/edn).
///
/// Values are immutable and shared: copying one costs at most an atomic
/// increment, a changed copy of a collection shares all elements that are the
/// same. Any number of threads may read and copy a value, not assign to it.
///
/// Two values are equal if their kinds and contents are: `1` and `1.0` are two
/// values, as are `[1]` and `(1)`. Maps and sets compare without regard to the
/// order in which they were built. NaN equals itself, -0.0 differs from 0.0, so
/// that every value is fit to be a key.
class value {
public:
  /// The kinds of values, in the total order of values of different kinds.
  enum class kind : uint8_t {
    nil,
    boolean,
    integer,     ///< 64 bits, signed
    big_integer, ///< what does not fit into 64 bits, see `number.hpp`
    real,        ///< an IEEE 754 double
    decimal,     ///< exact decimal number, see `number.hpp`
    character,   ///< one Unicode code point
    string,      ///< UTF-8
    keyword,     ///< `name` or `namespace/name`, without the colon
    symbol,      ///< `name` or `namespace/name`
    bytes,
    uuid,
    instant, ///< milliseconds since 1970-01-01 00:00 UTC
    vector,
    list,
    set,
    map,
    tagged, ///< a symbol and a value: an element of an unknown type
  };

  /// A key and what it maps to.
  using entry = std::pair<value, value>;

  // -- constructors -----------------------------------------------------------

  /// Makes nil.
  value() noexcept : kind_(kind::nil), integer_(0) {
    // nop
  }

  /// Makes a boolean.
  template <std::same_as<bool> T>
  value(T x) noexcept : kind_(kind::boolean), integer_(x) {
    // nop
  }

  /// Makes an integer; an unsigned one over 2^63-1 becomes a big integer.
  template <std::integral T>
  requires(!one_of<T, bool, char, char8_t, char16_t, char32_t, wchar_t>)
    value(T x)
    : kind_(kind::integer), integer_(static_cast<int64_t>(x)) {
    if constexpr (std::unsigned_integral<T> && sizeof(T) == 8)
      if (integer_ < 0)
        *this = from_unsigned(x);
  }

  /// Makes a real number; every NaN becomes the same one.
  value(double x) noexcept;

  /// Makes a character, a Unicode code point.
  /// @pre `x` is at most 0x10FFFF and no surrogate
  value(char32_t x) noexcept : kind_(kind::character), integer_(x) {
    // nop
  }

  /// Makes a string. The bytes must be UTF-8; serializers refuse others.
  value(std::string x);
  value(std::string_view x);
  value(const char* x);

  value(larder::bytes x);
  value(bytes_view x);
  value(const larder::uuid& x);
  value(larder::big_integer x);
  value(larder::decimal x);

  /// Makes a string or bytes of what stays where it is.
  /// @param owner keeps it alive and unchanged, and little else: it may be long
  static value shared_string(std::string_view xs,
                             std::shared_ptr<const void> owner);
  static value shared_bytes(bytes_view xs, std::shared_ptr<const void> owner);

  /// Makes the keyword `:name`; `name` comes without the colon.
  static value keyword(std::string_view name);

  static value symbol(std::string_view name);

  /// Makes the point in time `ms` milliseconds after (before, if negative) the
  /// start of 1970 UTC.
  static value instant(int64_t ms) noexcept;

  static value vector(std::vector<value> items = {});

  static value list(std::vector<value> items = {});

  /// Makes a set. Of equal items one is kept.
  static value set(std::vector<value> items = {});

  /// Makes a map. Of entries with equal keys the last is kept.
  static value map(std::vector<entry> entries = {});

  /// Makes a map without sorting or checking.
  /// @pre the keys ascend strictly
  static value map_from_sorted(std::vector<entry> entries);

  /// Makes a set without sorting or checking.
  /// @pre the items ascend strictly
  static value set_from_sorted(std::vector<value> items);

  /// Makes an element with a tag, such as `#my/point [1 2]`.
  /// @pre `!is_reserved_tag(tag)`
  static value tagged(std::string_view tag, value content);

  /// Returns whether `tag` stands for a kind of its own in the text form: inst,
  /// uuid, and those in the namespace `larder`.
  static bool is_reserved_tag(std::string_view tag) noexcept;

  value(const value& other) noexcept;

  value(value&& other) noexcept : kind_(other.kind_), integer_(other.integer_) {
    other.kind_ = kind::nil;
    other.integer_ = 0;
  }

  value& operator=(const value& other) noexcept;

  value& operator=(value&& other) noexcept {
    std::swap(kind_, other.kind_);
    std::swap(integer_, other.integer_);
    return *this;
  }

  ~value() {
    if (has_node(kind_))
      drop_node();
  }

  // -- inspection -------------------------------------------------------------

  kind type() const noexcept {
    return kind_;
  }

  bool is(kind x) const noexcept {
    return kind_ == x;
  }

  bool is_nil() const noexcept {
    return kind_ == kind::nil;
  }

  /// Whether this is a vector, list, set, map or tagged element.
  bool is_collection() const noexcept {
    return kind_ >= kind::vector;
  }

  /// @pre `is(kind::boolean)`
  bool as_boolean() const noexcept {
    return integer_ != 0;
  }

  /// @pre `is(kind::integer)`
  int64_t as_integer() const noexcept {
    return integer_;
  }

  /// @pre `is(kind::real)`
  double as_real() const noexcept {
    return real_;
  }

  /// @pre `is(kind::character)`
  char32_t as_character() const noexcept {
    return static_cast<char32_t>(integer_);
  }

  /// Milliseconds since 1970.
  /// @pre `is(kind::instant)`
  int64_t as_instant() const noexcept {
    return integer_;
  }

  /// The characters of a string, or the name of a keyword or symbol.
  /// @pre this is one of the three
  std::string_view as_string() const noexcept;

  /// @pre `is(kind::bytes)`
  bytes_view as_bytes() const noexcept;

  /// @pre `is(kind::uuid)`
  const larder::uuid& as_uuid() const noexcept;

  /// @pre `is(kind::big_integer)`
  const larder::big_integer& as_big_integer() const noexcept;

  /// @pre `is(kind::decimal)`
  const larder::decimal& as_decimal() const noexcept;

  /// The elements of a vector or list in order, of a set in ascending order.
  /// @pre this is one of the three
  std::span<const value> items() const noexcept;

  /// The entries of a map with ascending keys.
  /// @pre `is(kind::map)`
  std::span<const entry> entries() const noexcept;

  /// The tag of a tagged element.
  /// @pre `is(kind::tagged)`
  std::string_view tag() const noexcept;

  /// The value that follows the tag.
  /// @pre `is(kind::tagged)`
  const value& content() const noexcept;

  /// The number of items, entries, bytes of UTF-8 or bytes; 0 for other kinds.
  size_t size() const noexcept;

  /// What `key` maps to in a map, the equal item of a set, or null.
  /// @pre `is(kind::map) || is(kind::set)`
  const value* find(const value& key) const noexcept;

  /// How deep collections are nested: 0 for a scalar, 1 for `[]`, 2 for `[[]]`.
  size_t depth() const noexcept;

  /// An estimate of the memory that this value keeps alive, in bytes.
  size_t footprint() const noexcept;

  /// A hash that equal values share, good for the life of the process only.
  size_t hash() const noexcept;

  // -- modifiers (return a changed copy) --------------------------------------

  /// Gives up the items for change: moved out if nobody shares them.
  /// @pre this is a vector, list or set
  std::vector<value> take_items() &&;

  /// Gives up the entries for change: moved out if nobody shares them.
  /// @pre `is(kind::map)`
  std::vector<entry> take_entries() &&;

  /// Returns this map with `key` mapped to `x`. Linear in the number of entries
  /// (pointers, not contents).
  /// @pre `is(kind::map)`
  value with(const value& key, value x) const&;
  value with(const value& key, value x) &&;

  /// Returns this map or set without `key`.
  /// @pre `is(kind::map) || is(kind::set)`
  value without(const value& key) const&;
  value without(const value& key) &&;

  // -- comparison -------------------------------------------------------------

  /// The total order: by kind, then by content (numbers by size, text by bytes,
  /// collections item by item, a prefix before what it begins).
  friend std::strong_ordering operator<=>(const value& x,
                                          const value& y) noexcept {
    return compare(x, y);
  }

  friend bool operator==(const value& x, const value& y) noexcept {
    return equal(x, y);
  }

private:
  struct node;
  template <class T>
  struct node_of;
  struct text_node;
  struct shared_text_node;

  static value from_unsigned(uint64_t x);
  static std::strong_ordering compare(const value& x, const value& y) noexcept;
  static bool equal(const value& x, const value& y) noexcept;
  static void release(const node* ptr) noexcept;
  static const node* empty_collection(kind k);
  template <class T>
  static value make_collection(kind k, T content);

  value(kind k, const node* ptr) noexcept : kind_(k), node_(ptr) {
    // nop
  }

  /// Whether values of this kind keep their content in a node.
  static constexpr bool has_node(kind x) noexcept {
    return x != kind::nil && x != kind::boolean && x != kind::integer
           && x != kind::real && x != kind::character && x != kind::instant;
  }

  void drop_node() noexcept;

  bool shares() const noexcept;

  template <class T>
  const T& content_as() const noexcept;

  kind kind_;
  union {
    int64_t integer_;
    double real_;
    const node* node_;
  };
};

/// Returns the name of a kind as spelled in the enum.
std::string_view to_string(value::kind x) noexcept;

/// Returns whether `str` is well-formed UTF-8 (RFC 3629).
bool is_utf8(std::string_view str) noexcept;

} // namespace larder

/// Hashes values for the standard containers. If this were `noexcept`,
/// libstdc++ would not keep the hashes, but ask each key that it walks past.
template <>
struct std::hash<larder::value> {
  size_t operator()(const larder::value& x) const {
    return x.hash();
  }
};
