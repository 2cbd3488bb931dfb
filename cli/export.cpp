// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The command `export`.

#include "arguments.hpp"
#include "output.hpp"
#include "session.hpp"

#include "larder/detail/base64.hpp"
#include "larder/detail/pipeline.hpp"
#include "larder/text.hpp"

#include <fmt/format.h>

namespace larder::cli {

namespace {

/// Turns pieces of bytes into base 64, which goes by groups of three.
class base64_printer {
public:
  void print(bytes_view piece) {
    append(rest_, piece);
    auto whole = rest_.size() - rest_.size() % 3;
    print_text(detail::to_base64(bytes_view{rest_}.first(whole)));
    rest_.erase(rest_.begin(), rest_.begin() + static_cast<ptrdiff_t>(whole));
  }

  void finish() {
    print_text(detail::to_base64(rest_));
  }

private:
  bytes rest_;
};

class exporter {
public:
  exporter(const invocation& args, blocking_client& client)
    : args_(args),
      client_(client),
      gets_(client, [this](auto& key, auto reply) { receive(key, reply); }) {
    // nop
  }

  outcome run(const value& prefix) {
    list_keys_request request;
    request.prefix = prefix;
    auto get = [this](key_entry& x) -> expected<void> {
      if (output_failed())
        return larder::fail(errc::io_error, "nobody takes the output");
      gets_.send(x.key, get_request{x.key, {}, {}});
      return {};
    };
    auto listed = client_.for_each_key(request, get);
    gets_.finish();
    if (!listed)
      return fail(exit_code::failed, "the listing of the keys broke off: "
                                       + listed.error().message());
    if (broken_off_)
      return fail(std::move(*broken_off_));
    if (failures_ > 0)
      return fail(exit_code::failed,
                  fmt::format("the export lacks {} keys", failures_));
    return exit_code::fine;
  }

private:
  void receive(const value& key, const expected<get_reply>& reply) {
    if (broken_off_)
      return;
    if (reply)
      print_entry(key, reply->content);
    else if (reply.error() == errc::wrong_type)
      print_other(key);
    else if (reply.error() != errc::not_found) // erased or expired meanwhile
      add_failure(key, reply.error());
  }

  void add_failure(const value& key, const error& err) {
    ++failures_;
    print_message(about(key, err.message()));
  }

  void print_entry(const value& key, const value& content) {
    if (args_.json)
      print_value(args_, value::map({{"key", key}, {"value", content}}));
    else
      print_value(args_, value::vector({key, content}));
  }

  /// Checks a binary or a log before printing it, as what is printed cannot be
  /// taken back.
  void print_other(const value& key) {
    auto checked = client_.call(verify_request{key});
    if (checked && checked->type == content_type::append_log)
      print_log(key);
    else if (checked)
      print_binary(key);
    else if (checked.error() != errc::not_found)
      add_failure(key, checked.error());
  }

  void print_log(const value& key) {
    print_text(args_.json
                 ? fmt::format("{{\"key\":{},\"log\":[", to_json(key))
                 : fmt::format("[{} #larder.export/log [", to_edn(key)));
    auto separator = args_.json ? "," : " ";
    auto page = client_.read_log(key);
    for (auto first = true; page && !page->entries.empty();
         page = client_.read_log(key, page->next))
      for (auto& x : page->entries) {
        print_text(first ? "" : separator);
        print_text(args_.json ? to_json(x) : to_edn(x));
        first = false;
      }
    if (page)
      print_text(args_.json ? "]}\n" : "]]\n");
    else
      break_off(key, page.error());
  }

  void break_off(const value& key, const error& err) {
    print_text("\n");
    broken_off_ = failure{exit_code::failed,
                          fmt::format("{}: {}; the export broke off in the "
                                      "middle of its last line",
                                      describe(key), err.message())};
  }

  void print_binary(const value& key) {
    print_text(args_.json
                 ? fmt::format("{{\"key\":{},\"binary\":\"", to_json(key))
                 : fmt::format("[{} #larder.export/binary \"", to_edn(key)));
    base64_printer out;
    auto sink = [&out](bytes_view piece) -> expected<void> {
      out.print(piece);
      return {};
    };
    auto size = client_.read(key, sink);
    if (!size) {
      break_off(key, size.error());
      return;
    }
    out.finish();
    print_text(args_.json ? "\"}\n" : "\"]\n");
  }

  const invocation& args_;
  blocking_client& client_;
  detail::pipeline<get_request, value> gets_;
  uint64_t failures_ = 0;
  std::optional<failure> broken_off_;
};

outcome run_export(const invocation& args) {
  auto prefix = argument_reader{args}.prefix();
  if (!prefix)
    return fail(std::move(prefix.error()));
  return with_store(args, open_mode::open, [&](auto& client) -> outcome {
    return exporter{args, client}.run(*prefix);
  });
}

constexpr const char* examples =
  R"(  larder export > store.edn
  larder --json export --prefix user/)";

} // namespace

std::vector<command> export_commands() {
  return {
    {"export",
     "Print all keys with what they hold, one per line",
     "",
     0,
     0,
     {{"--prefix", "P",
       "Only keys that start with P: strings, or keywords if P starts with :"}},
     examples,
     run_export},
  };
}

} // namespace larder::cli
