// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/detail/typed_shapes.hpp"
#include "larder/detail/typed_support.hpp"

#include <boost/mpl/bool.hpp>
#include <boost/serialization/nvp.hpp>
#include <boost/serialization/serialization.hpp>
#include <boost/serialization/version.hpp>

namespace larder::detail {

/// Converts `from`, which lies at `at`, into `x`.
template <class T>
void load(const typed_place& at, const value& from, T& x);

/// The loading archive (in the sense of Boost.Serialization) that `serialize`
/// of class `T` sees. It takes named members only, in any order.
template <class T>
class value_iarchive {
public:
  using is_loading = boost::mpl::bool_<true>;
  using is_saving = boost::mpl::bool_<false>;

  value_iarchive(const typed_place& at, const value& from, T& self)
    : at_(&at), from_(&from), self_(&self) {
    // nop
  }

  /// Runs `serialize` of class `T` with the version that wrote the record.
  /// @param base the name of `T` if the record is one of a derived class
  void run(const char* base) {
    constexpr unsigned newest = boost::serialization::version<T>::value;
    auto version = load_version(*at_, *from_, base, newest);
    boost::serialization::serialize_adl(*this, *self_, version);
  }

  template <class U>
  value_iarchive& operator>>(const boost::serialization::nvp<U>& x) {
    if constexpr (std::is_base_of_v<U, T>) {
      auto& base = boost::serialization::access::cast_reference<U, T>(*self_);
      if (std::addressof(base) == std::addressof(x.value())) {
        value_iarchive<U>{*at_, *from_, base}.run(x.name());
        return *this;
      }
    }
    auto found = find_member(*at_, *from_, x.name());
    if (found != nullptr)
      load(at_->member(x.name()), *found, x.value());
    else if constexpr (optional_shape<U>)
      x.value() = U{};
    else
      fail_missing(*at_, x.name());
    return *this;
  }

  template <class U>
  value_iarchive& operator>>(const U&) {
    static_assert(sizeof(U) == 0, "larder: a member without a name: write "
                                  "`ar & BOOST_SERIALIZATION_NVP(member)`");
    return *this;
  }

  template <class U>
  value_iarchive& operator&(const U& x) {
    return *this >> x;
  }

private:
  const typed_place* at_;
  const value* from_;
  T* self_;
};

} // namespace larder::detail
