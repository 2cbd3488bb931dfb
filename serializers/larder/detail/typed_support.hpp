// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What both directions of a typed conversion share and no template needs.

#pragma once

#include "larder/error.hpp"
#include "larder/value.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace larder::detail {

// -- places -------------------------------------------------------------------

/// Where inside the outermost object a conversion is: a chain of steps that
/// lives on the stack and is turned into text only when something fails.
class typed_place {
public:
  /// The outermost object.
  typed_place() = default;

  /// Each of these throws when the nesting exceeds `limits::max_depth`, so that
  /// no recursive type and no hostile value exhausts the stack.
  typed_place member(const char* name) const;
  typed_place item(size_t index) const;
  typed_place entry(const value& key) const;

  /// Returns the steps, for instance `address.phones[2].number`; empty for the
  /// outermost object.
  std::string path() const;

private:
  typed_place child() const;

  const typed_place* parent_ = nullptr;
  const char* name_ = nullptr;
  const value* key_ = nullptr;
  size_t index_ = 0;
  size_t depth_ = 0;
};

// -- failures -----------------------------------------------------------------

/// What the archives throw, because `serialize` has no way to return an error.
/// It never leaves the functions of typed.hpp.
struct typed_failure {
  error reason;
};

/// Throws a failure whose message is the path, a space, and `what`.
[[noreturn]] void fail_at(const typed_place& at, errc code,
                          std::string_view what);

/// Throws `wrong_type`: `found` is there where `wanted` must be.
[[noreturn]] void fail_kind(const typed_place& at, value::kind found,
                            std::string_view wanted);

/// Throws unless `x` is of kind `wanted`.
void expect_kind(const typed_place& at, const value& x, value::kind wanted);

/// Throws unless `x` has exactly `size` items, characters or bytes.
void expect_size(const typed_place& at, const value& x, size_t size);

/// Turns the exception that is being handled into an error.
error current_typed_error() noexcept;

// -- scalars ------------------------------------------------------------------

value save_text(const typed_place& at, std::string_view x);

value save_character(const typed_place& at, char32_t x);

char32_t load_character(const typed_place& at, const value& x, char32_t max);

int64_t load_signed(const typed_place& at, const value& x, int64_t min,
                    int64_t max);

uint64_t load_unsigned(const typed_place& at, const value& x, uint64_t max);

/// Loads an integer of any size.
void load_big_integer(const typed_place& at, const value& x, big_integer& out);

/// Loads a real number; an integer will do if a double can hold it.
/// @param max the largest finite number that fits
double load_real(const typed_place& at, const value& x, double max);

/// Loads an instant from `[min, max]`, in milliseconds.
int64_t load_instant(const typed_place& at, const value& x, int64_t min,
                     int64_t max);

/// Returns the elements of a vector or list.
std::span<const value> load_items(const typed_place& at, const value& x);

/// Makes a set or map; throws if two of the elements are the same value.
value make_set(const typed_place& at, std::vector<value> items);
value make_map(const typed_place& at, std::vector<value::entry> entries);

/// Throws: two items or keys of `at` are one to the C++ type.
[[noreturn]] void fail_duplicate(const typed_place& at);

// -- records ------------------------------------------------------------------

/// Collects the members of one object, those of its base classes included.
class record_writer {
public:
  /// @param old what the object replaces: entries that no member writes are
  ///            taken over from a map. May be null.
  record_writer(const typed_place& at, const value* old);

  /// Notes the version of the class, or that of its base class `base`, and
  /// throws if the old value was written by a newer one.
  void version(const char* base, unsigned x);

  /// Returns what `name` replaces, or null.
  const value* old_member(const char* name) const;

  void put(const char* name, value x);

  value finish() &&;

private:
  const typed_place* at_;
  const value* old_;
  std::vector<value::entry> members_;
};

/// Returns the version of the class (or its base class) that wrote `record`,
/// throws `unsupported` if that is above `newest` and `wrong_type` if `record`
/// is no map.
unsigned load_version(const typed_place& at, const value& record,
                      const char* base, unsigned newest);

/// Returns the member `name`, or null.
const value* find_member(const typed_place& at, const value& record,
                         const char* name);

/// Throws `not_found` for the member `name`.
[[noreturn]] void fail_missing(const typed_place& at, const char* name);

} // namespace larder::detail
