// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The upper half of the Fressian decoder: values.

#pragma once

#include "larder/detail/fressian.hpp"
#include "larder/detail/fressian_input.hpp"
#include "larder/number.hpp"

#include <limits>
#include <map>
#include <span>
#include <string>
#include <tuple>
#include <vector>

namespace larder::detail::fressian {

/// Decodes one object. Functions return false after they noted in the input
/// what is wrong.
class decoder {
public:
  decoder(bytes_view in, const limits& lim);

  expected<value> run(size_t max_depth);

  /// Whether structs of this tag have a meaning.
  static bool has_handler(std::string_view tag) noexcept;

private:
  /// Reads the fields of a struct.
  using handler = bool (decoder::*)(value&, size_t);

  /// A struct that has a meaning.
  struct known_struct {
    std::string_view tag;
    uint8_t code; // what stands for the type, or 0
    handler read;
  };

  struct struct_type {
    std::string tag;
    handler read; // null for those without a meaning
    size_t fields;
  };

  static constexpr auto no_index = std::numeric_limits<size_t>::max();

  /// Half a name: nil, or a string and where it is in the cache.
  struct name_part {
    value content;
    size_t index = no_index;
  };

  /// An object that may be referred to.
  struct cached {
    value content;
    size_t size; // encoded, if all that it refers to were spelled out
    bool is_complete;
  };

  bool corrupt(std::string_view what) {
    return in_.corrupt(what);
  }

  bool enter(size_t depth) {
    return depth > 0
           || in_.fail(errc::limit_exceeded, "the value is nested too deep");
  }

  // -- objects ----------------------------------------------------------------

  bool read(value& result, size_t depth);

  bool skip_marks(uint8_t& code);

  bool read_end();

  bool read_object(uint8_t code, value& result, size_t depth);

  bool read_as(value& result, value::kind kind, std::string_view what);

  // -- caches -----------------------------------------------------------------

  bool put_cached(value& result, size_t depth);

  bool check_cached(int64_t index);

  bool get_cached(int64_t index, value& result, size_t depth);

  // -- scalars with codes of their own ----------------------------------------

  bool read_integer(uint8_t code, value& result);

  bool read_real(uint8_t code, value& result);

  bool read_bytes(uint8_t code, value& result);

  bool read_string(uint8_t code, value& result);

  // -- collections ------------------------------------------------------------

  bool allot(size_t count, std::vector<value>& items);

  bool read_all(size_t count, std::vector<value>& items, size_t depth);

  bool read_list(uint8_t code, std::vector<value>& items, size_t depth);

  bool read_elements(uint8_t code, std::vector<value>& items, size_t depth);

  bool read_sequence(std::vector<value>& items, size_t depth);

  bool read_counted(std::vector<value>& items, size_t depth);

  bool read_vector(value& result, size_t depth);

  bool read_plist(value& result, size_t depth);

  bool read_set(value& result, size_t depth);

  bool read_map(value& result, size_t depth);

  bool make_map(std::vector<value::entry> entries, value& result);

  // -- structs ----------------------------------------------------------------

  bool read_struct_type();

  int64_t last_struct() const noexcept;

  bool read_struct(int64_t index, value& result, size_t depth);

  bool tag_element(std::string_view tag, value content, value& result);

  bool read_tagged(value& result, size_t depth);

  bool read_record(value& result, size_t depth);

  template <value::kind Kind>
  bool read_array(value& result, size_t depth);

  static std::span<const known_struct> known_structs() noexcept;

  static handler find_handler(std::string_view tag) noexcept;

  static handler find_handler(uint8_t code) noexcept;

  // -- other scalars ----------------------------------------------------------

  bool read_character(value& result, size_t);

  bool read_any_character(value& result, size_t);

  bool read_code_point(int64_t last, value& result);

  bool read_small_integer(value& result, size_t);

  bool read_uuid(value& result, size_t);

  bool read_digits(boost::multiprecision::cpp_int& result);

  bool read_big_integer(value& result, size_t);

  bool read_decimal(value& result, size_t);

  bool read_instant(value& result, size_t);

  bool read_regex(value& result, size_t depth);

  bool read_uri(value& result, size_t depth);

  bool read_text_element(std::string_view tag, value& result, size_t depth);

  // -- names ------------------------------------------------------------------

  bool read_keyword(value& result, size_t);

  bool read_symbol(value& result, size_t);

  bool read_part(name_part& result);

  bool read_name(value::kind kind, value& result);

  bool make_name(value::kind kind, const name_part& space,
                 const name_part& name, value& result);

  bool append_part(const name_part& x, std::string& str);

  input in_;
  size_t reservable_;
  size_t copyable_;
  size_t expandable_;
  size_t frames_;
  size_t incomplete_ = 0; // cached objects that are being read
  std::vector<cached> cache_;
  std::vector<struct_type> structs_;
  std::map<std::tuple<value::kind, size_t, size_t>, value> names_;
};

} // namespace larder::detail::fressian
