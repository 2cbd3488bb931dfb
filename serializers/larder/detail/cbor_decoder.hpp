// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The upper half of the CBOR decoder: values.

#pragma once

#include "larder/detail/cbor_reader.hpp"

#include <memory>
#include <utility>

namespace larder::detail::cbor {

/// Decodes one value. What fails returns false, as in the reader.
class decoder : private reader {
public:
  decoder(bytes_view in, const dialect& how, const limits& lim,
          const std::shared_ptr<const void>& owner);

  expected<value> run(size_t max_depth);

private:
  // -- values -----------------------------------------------------------------

  bool read(value& result, size_t depth);

  bool read_simple(const head& x, value& result);

  static value integer(const head& x);

  bool read_integer(value& result);

  bool make_string(string_item& item, value& result);

  bool may_share(const string_item& item) const noexcept;

  // -- collections ------------------------------------------------------------

  bool enter(size_t depth);

  bool allot(uint64_t count, size_t width, size_t& reserve);

  bool read_items(const head& x, std::vector<value>& items, size_t depth);

  size_t short_key_size() const noexcept;

  bool read_key(value& result, size_t depth);

  bool read_entry(std::vector<value::entry>& entries, size_t depth);

  bool read_map(const head& x, value& result, size_t depth);

  bool read_set(value& result, size_t depth);

  // -- tags -------------------------------------------------------------------

  bool read_tag(uint64_t tag, value& result, size_t depth);

  bool read_date_time(value& result);

  bool read_epoch_seconds(value& result);

  bool read_big_integer(uint64_t tag, value& result);

  bool read_decimal(value& result);

  bool read_uuid(value& result);

  bool read_identifier(value& result);

  bool read_namespace(value& result, size_t depth);

  bool read_opaque(uint64_t tag, value& result, size_t depth);

  // -- objects: arrays of a type and a content --------------------------------

  bool begin_pair(bool& open);

  bool end_pair(bool open);

  bool read_object(value& result, size_t depth);

  bool read_content(std::string_view type, value& result, size_t depth);

  bool read_element(std::string_view tag, value& result, size_t depth);

  bool read_tagged(value& result, size_t depth);

  bool read_list(value& result, size_t depth);

  bool read_sorted_map(value& result, size_t depth);

  bool read_with_metadata(value& result, size_t depth);

  bool read_character(value& result);

  bool read_instant(value& result);

  bool read_symbol(value& result);

  // -- what follows the value -------------------------------------------------

  bool skip_index_frame();

  bool skip_typed_array(size_t& count);

  const std::shared_ptr<const void>& owner_; // of the input, or null
  size_t reservable_;
  std::vector<std::pair<bytes_view, value>> recent_keys_;
};

} // namespace larder::detail::cbor
