// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The command `import`.

#include "arguments.hpp"
#include "output.hpp"
#include "progress.hpp"
#include "records.hpp"
#include "session.hpp"

#include "larder/detail/pipeline.hpp"
#include "larder/text.hpp"

#include <fmt/format.h>

namespace larder::cli {

namespace {

/// A record on its way into the store.
struct mark {
  size_t line;
  value key;
};

/// How keys are made of records.
struct key_maker {
  value field;
  value prefix; ///< nil: the field's value is the key

  result<value> operator()(const value& record) const {
    if (!record.is(value::kind::map))
      return fail(exit_code::failed, "the record is no object");
    auto* x = record.find(field);
    if (x == nullptr || x->is_nil())
      return fail(exit_code::failed,
                  fmt::format("the record has no {}", to_edn(field)));
    return prefix.is_nil() ? *x : prefixed(*x);
  }

private:
  value prefixed(const value& x) const {
    std::string text{prefix.as_string()};
    text += x.is(value::kind::string) ? std::string{x.as_string()} : to_edn(x);
    switch (prefix.type()) {
      case value::kind::keyword:
        return value::keyword(text);
      case value::kind::symbol:
        return value::symbol(text);
      default:
        return text;
    }
  }
};

class importer {
public:
  importer(blocking_client& client, record_reader& records, key_maker make_key)
    : records_(records),
      make_key_(std::move(make_key)),
      puts_(client, [this](auto& x, auto reply) { receive(x, reply); }),
      progress_(records.size()) {
    // nop
  }

  /// Stores all records, or those before the first one that fails.
  result<void> run() {
    auto res = send_all();
    puts_.finish();
    return failed_ ? fail(std::move(*failed_)) : res;
  }

  uint64_t stored() const {
    return stored_;
  }

private:
  result<void> send_all() {
    while (!failed_) {
      auto next = records_.next();
      if (!next)
        return fail(std::move(next.error()));
      if (!*next)
        return {};
      if (auto sent = send(**next); !sent)
        return fail(exit_code::failed, fmt::format("line {}: {}", (*next)->line,
                                                   sent.error().message));
      progress_.update(records_.position(), stored_);
    }
    return {};
  }

  result<void> send(const record& x) {
    auto content = parse_json(x.text);
    if (!content)
      return fail(to_failure(content.error()));
    auto key = make_key_(*content);
    if (!key)
      return fail(std::move(key.error()));
    put_request request;
    request.key = *key;
    request.content = std::move(*content);
    puts_.send({x.line, std::move(*key)}, std::move(request), x.text.size());
    return {};
  }

  void receive(const mark& x, const expected<put_reply>& reply) {
    if (reply)
      ++stored_;
    else if (!failed_)
      failed_ = failure{exit_code::failed,
                        fmt::format("line {}: {}", x.line,
                                    about(x.key, reply.error().message()))};
  }

  record_reader& records_;
  key_maker make_key_;
  detail::pipeline<put_request, mark> puts_;
  progress_bar progress_;
  uint64_t stored_ = 0;
  std::optional<failure> failed_;
};

/// The prefix must be something whose text can go on.
result<value> read_prefix(const argument_reader& reader) {
  auto res = reader.prefix();
  if (!res)
    return res;
  switch (res->type()) {
    case value::kind::nil:
    case value::kind::string:
    case value::kind::keyword:
    case value::kind::symbol:
      return res;
    default:
      return usage_error("--prefix must be a string or a keyword");
  }
}

outcome run_import(const invocation& args) {
  auto prefix = read_prefix(argument_reader{args});
  if (!prefix)
    return fail(std::move(prefix.error()));
  auto& name = args.operands.front().text;
  auto file = input_file::open(name);
  if (!file)
    return fail(std::move(file.error()));
  key_maker make_key{args.find("--key")->text, std::move(*prefix)};
  return with_store(
    args, open_mode::open_or_create, [&](auto& client) -> outcome {
      record_reader records{std::move(*file)};
      importer work{client, records, std::move(make_key)};
      auto res = work.run();
      print_value(args,
                  value::map({{value::keyword("imported"), work.stored()}}));
      if (!res)
        return fail(exit_code::failed,
                    fmt::format("{}: {}; {} records are in the store, the rest "
                                "is not",
                                name, res.error().message, work.stored()));
      return exit_code::fine;
    });
}

constexpr const char* examples =
  R"(  larder import languages.jsonl --key code --prefix language/
  jq -c '.["639-3"][]' iso_639-3.json | larder import - --key alpha_3)";

} // namespace

std::vector<command> import_commands() {
  return {
    {"import",
     "Store the records of a JSON array or of JSON lines",
     "FILE|-",
     1,
     1,
     {{"--key", "FIELD", "The field whose value is the key", true},
      {"--prefix", "P",
       "Make the keys of P and the text of the field: strings, or keywords if "
       "P starts with :"}},
     examples,
     run_import},
  };
}

} // namespace larder::cli
