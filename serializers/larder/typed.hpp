// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// C++ objects as values, through Boost.Serialization.
///
///     struct address {
///       std::string city;
///       template <class Archive>
///       void serialize(Archive& ar, unsigned /* version */) {
///         ar & BOOST_SERIALIZATION_NVP(city);
///       }
///     };
///
/// A class becomes a map from the names of its members (strings) to their
/// values, so that a path such as "address" "city" leads into a stored object.
/// Members of base classes (`BOOST_SERIALIZATION_BASE_OBJECT_NVP`) are members
/// of the object. A `BOOST_CLASS_VERSION` above 0 is kept under "__version"
/// (that of a base class under "__version:NAME"); loading passes the version
/// that wrote the value to `serialize`. docs/typed-values.md has the table of
/// all types.
///
/// Does not compile, with a message that says what to do: pointers of any sort,
/// members without a name, `long double`, an optional of an optional.

#pragma once

#include "larder/detail/load_value.hpp"
#include "larder/detail/save_value.hpp"
#include "larder/error.hpp"
#include "larder/value.hpp"

namespace larder {

/// Converts an object to a value. Points in time are cut to milliseconds.
/// @returns `invalid_argument` for text that is not UTF-8, two members of one
///          name and two items or keys that are the same value, `out_of_range`
///          for a char32_t that is no character, `limit_exceeded` for objects
///          nested deeper than `limits::max_depth`, `function_failed` if
///          `serialize` threw
template <class T>
expected<value> to_value(const T& x) {
  try {
    return detail::save(detail::typed_place{}, x, nullptr);
  } catch (...) {
    return fail(detail::current_typed_error());
  }
}

/// Converts a value to an object. `T` needs a default constructor, which may be
/// private to `boost::serialization::access`. Map entries that `T` has no
/// member for are ignored. The message names the path of the member.
/// @returns `not_found` for a member that is missing and no optional,
///          `wrong_type` for another kind, `out_of_range` for numbers, sizes
///          and times that `T` cannot hold, `unsupported` for a value written
///          by a newer version of a class, and as `to_value`
template <class T>
expected<T> from_value(const value& x) {
  try {
    detail::blank<T> result;
    detail::load(detail::typed_place{}, x, result.get());
    return std::move(result.get());
  } catch (...) {
    return fail(detail::current_typed_error());
  }
}

/// Converts an object that replaces `old`, and keeps what `T` does not know:
/// entries of `old` (also of objects nested in it as members or as values of
/// maps) that no member of the class writes. Everything else, the keys of
/// `std::map` members and the items of sequences included, is that of `x`.
/// @returns as `to_value`, and `unsupported` if `old` was written by a newer
///          version of a class
template <class T>
expected<value> merge_value(const value& old, const T& x) {
  try {
    return detail::save(detail::typed_place{}, x, &old);
  } catch (...) {
    return fail(detail::current_typed_error());
  }
}

} // namespace larder
