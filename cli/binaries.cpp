// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Commands on one key that holds a binary.

#include "arguments.hpp"
#include "files.hpp"
#include "output.hpp"
#include "session.hpp"

namespace larder::cli {

namespace {

/// How many bytes go into the store at once.
constexpr size_t piece_size = size_t{1} << 20;

/// Keeps what went wrong on this side of a stream, which the store only passes
/// on as an error of its own kind.
using local_failure = std::optional<failure>;

outcome run_write(const invocation& args) {
  argument_reader reader{args};
  auto key = reader.key(args.operands[0]);
  if (!key)
    return fail(std::move(key.error()));
  auto options = reader.put();
  if (!options)
    return fail(std::move(options.error()));
  auto file = input_file::open(args.operands[1].text);
  if (!file)
    return fail(std::move(file.error()));
  local_failure broken;
  auto source = [&]() -> expected<bytes> {
    bytes piece(piece_size);
    auto n = file->read(piece);
    if (!n) {
      broken = std::move(n.error());
      return larder::fail(errc::io_error, broken->message);
    }
    piece.resize(*n);
    return piece;
  };
  return with_store(args, open_mode::open_or_create,
                    [&](auto& client) -> outcome {
                      auto rev = client.write(*key, source, *options);
                      if (broken)
                        return fail(std::move(*broken));
                      if (!rev)
                        return fail(to_failure(*key, rev.error()));
                      print_word(args, to_string(*rev));
                      return exit_code::fine;
                    });
}

outcome run_read(const invocation& args) {
  auto key = argument_reader{args}.key(args.operands[0]);
  if (!key)
    return fail(std::move(key.error()));
  byte_range range;
  if (auto* arg = args.find("--range")) {
    auto parsed = parse_range(arg->text);
    if (!parsed)
      return fail(std::move(parsed.error()));
    range = *parsed;
  }
  auto name = args.operands.size() > 1 ? args.operands[1].text : "-";
  return with_store(args, open_mode::open, [&](auto& client) -> outcome {
    auto file = output_file::open(name);
    if (!file)
      return fail(std::move(file.error()));
    local_failure broken;
    auto sink = [&](bytes_view piece) -> expected<void> {
      if (auto written = file->write(piece); !written) {
        broken = std::move(written.error());
        return larder::fail(errc::io_error, broken->message);
      }
      return {};
    };
    auto size = client.read(*key, sink, range.offset, range.length);
    if (broken)
      return fail(std::move(*broken));
    if (!size)
      return fail(key_failure(client, *key, size.error()));
    if (auto committed = file->commit(); !committed)
      return fail(std::move(committed.error()));
    return exit_code::fine;
  });
}

constexpr const char* write_examples =
  R"(  larder write photo/1 photo.jpg --meta '{:type-of-image "jpeg"}'
  tar c docs | larder write backup/docs -)";

constexpr const char* read_examples =
  R"(  larder read photo/1 photo.jpg
  larder read backup/docs | tar t
  larder read photo/1 --range 0-99 > first-100-bytes)";

} // namespace

std::vector<command> binary_commands() {
  return {
    {"write", "Store the bytes of a file; print the revision", "KEY FILE|-", 2,
     2, put_option_list(), write_examples, run_write},
    {"read",
     "Write the bytes of a binary to a file or to standard output",
     "KEY [FILE|-]",
     1,
     2,
     {{"--range", "A-B",
       "Only the bytes from position A to B, counted from 0; A-: to the end"}},
     read_examples,
     run_read},
  };
}

} // namespace larder::cli
