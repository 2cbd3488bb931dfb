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

/// Converts `x`, which lies at `at` and replaces `old` (may be null).
template <class T>
value save(const typed_place& at, const T& x, const value* old);

/// The saving archive (in the sense of Boost.Serialization) that `serialize` of
/// class `T` sees. It takes named members only.
template <class T>
class value_oarchive {
public:
  using is_loading = boost::mpl::bool_<false>;
  using is_saving = boost::mpl::bool_<true>;

  value_oarchive(const typed_place& at, record_writer& out, const T& self)
    : at_(&at), out_(&out), self_(&self) {
    // nop
  }

  /// Runs `serialize` of class `T`.
  /// @param base the name of `T` if the record is one of a derived class
  void run(const char* base) {
    constexpr unsigned version = boost::serialization::version<T>::value;
    out_->version(base, version);
    boost::serialization::serialize_adl(*this, const_cast<T&>(*self_), version);
  }

  template <class U>
  value_oarchive& operator<<(const boost::serialization::nvp<U>& x) {
    using type = std::remove_const_t<U>;
    if constexpr (std::is_base_of_v<type, T>) {
      // The members of a base class are members of the object.
      auto self = const_cast<T*>(self_);
      auto& base = boost::serialization::access::cast_reference<type, T>(*self);
      if (std::addressof(base) == std::addressof(x.const_value())) {
        value_oarchive<type>{*at_, *out_, base}.run(x.name());
        return *this;
      }
    }
    auto old = out_->old_member(x.name());
    out_->put(x.name(), save(at_->member(x.name()), x.const_value(), old));
    return *this;
  }

  template <class U>
  value_oarchive& operator<<(const U&) {
    static_assert(sizeof(U) == 0, "larder: a member without a name: write "
                                  "`ar & BOOST_SERIALIZATION_NVP(member)`");
    return *this;
  }

  template <class U>
  value_oarchive& operator&(const U& x) {
    return *this << x;
  }

private:
  const typed_place* at_;
  record_writer* out_;
  const T* self_;
};

} // namespace larder::detail
