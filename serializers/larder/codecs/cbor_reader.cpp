// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/detail/cbor_reader.hpp"

#include "larder/detail/utf8.hpp"

#include <fmt/format.h>

namespace larder::detail::cbor {

namespace {

/// Strings shorter than this get no number if `number` is the next one: a
/// reference would be no shorter (http://cbor.schmorp.de/stringref).
constexpr size_t shortest_referable(size_t number) noexcept {
  if (number < 24)
    return 3;
  if (number < 0x100)
    return 4;
  if (number < 0x1'0000)
    return 5;
  return number < 0x1'0000'0000 ? 7 : 11;
}

} // namespace

bool reader::fail(errc code, std::string_view what) {
  code_ = code;
  message_ = fmt::format("{}: {} at byte {}", how_.name, what, position());
  return false;
}

bool reader::read_argument(head& x) {
  if (x.info <= 27) {
    auto size = size_t{1} << (x.info - 24);
    if (rest() <= size)
      return corrupt(cut_off);
    uint64_t argument = 0;
    for (size_t i = 1; i <= size; ++i)
      argument = argument << 8 | std::to_integer<uint64_t>(pos_[i]);
    x.argument = argument;
    pos_ += 1 + size;
    return true;
  }
  auto may_be_indefinite = x.major >= major::bytes && x.major <= major::map;
  if (!x.is_indefinite() || !may_be_indefinite)
    return corrupt("a data item begins in no known way");
  x.argument = 0;
  ++pos_;
  return true;
}

bool reader::take(uint64_t size, bytes_view& xs) {
  if (size > rest())
    return corrupt("a string is longer than the input");
  xs = {pos_, static_cast<size_t>(size)};
  pos_ += size;
  return true;
}

bool reader::check_text(bool is_text, bytes_view xs) {
  return !is_text || is_utf8(as_chars(xs))
         || corrupt("a text string is not UTF-8");
}

bool reader::read_string(const head& x, string_item& result) {
  result.is_text = x.is(major::text);
  if (x.is_indefinite())
    return read_chunks(x, result);
  if (!take(x.argument, result.content)
      || !check_text(result.is_text, result.content))
    return false;
  if (strings_ && result.content.size() >= shortest_referable(strings_->size()))
    result.referred = &strings_->emplace_back(
      referable{result.content, result.is_text, {}, {}});
  return true;
}

bool reader::read_chunks(const head& x, string_item& result) {
  while (!take_break()) {
    head chunk;
    if (!expect(chunk, x.major, "a string has a chunk of another type"))
      return false;
    if (chunk.is_indefinite())
      return corrupt("a string has a chunk of indefinite length");
    bytes_view xs;
    // Each chunk is text of its own: RFC 8949, section 3.2.3.
    if (!take(chunk.argument, xs) || !check_text(result.is_text, xs))
      return false;
    append(result.chunks, xs);
  }
  result.content = result.chunks;
  return true;
}

bool reader::read_reference(string_item& result) {
  head x;
  if (!expect(x, major::natural, "a reference to a string is no number"))
    return false;
  if (!strings_)
    return corrupt("a reference to a string is outside of any namespace");
  if (x.argument >= strings_->size())
    return corrupt(fmt::format("a reference is to string {} of {}", x.argument,
                               strings_->size()));
  result.referred = &(*strings_)[x.argument];
  result.content = result.referred->content;
  result.is_text = result.referred->is_text;
  // Values are shared, but whoever prints or encodes them writes all of it.
  referred_size_ += result.content.size();
  if (referred_size_ > max_size_)
    return fail(
      errc::limit_exceeded,
      fmt::format("references stand for more than {} bytes", max_size_));
  return true;
}

bool reader::expect_string(major m, string_item& result,
                           std::string_view what) {
  head x;
  if (!read_head(x))
    return false;
  if (x.is(major::tag) && x.argument == tag_string_reference
      && how_.string_references)
    return read_reference(result)
           && (result.is_text == (m == major::text) || corrupt(what));
  return (x.is(m) || corrupt(what)) && read_string(x, result);
}

} // namespace larder::detail::cbor
