// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What the checks of the compliance suite share.

#pragma once

#include "larder/compliance.hpp"

#include <exception>
#include <mutex>
#include <optional>
#include <thread>

namespace larder::detail {

/// The end of a check that cannot go on, after its violation was noted.
struct trial_stopped {};

using blob_ptr = std::shared_ptr<const bytes>;

/// One run of one check on a store of its own. The expectations may be used by
/// several threads at once.
class trial {
public:
  explicit trial(const compliance_options& options);

  /// Destroys what is left of the store.
  ~trial();

  trial(const trial&) = delete;
  trial& operator=(const trial&) = delete;

  const compliance_options& options() const noexcept {
    return options_;
  }

  const engine& subject() const noexcept {
    return options_.subject;
  }

  /// Where the store of this check is.
  const uri& where() const noexcept {
    return where_;
  }

  // -- expectations -----------------------------------------------------------

  /// Notes `what` as a violation unless `ok`; returns `ok`.
  bool expect(bool ok, const std::string& what);

  /// Like `expect`, and ends the check.
  void require(bool ok, const std::string& what);

  /// Notes a violation unless `x` failed with `code`.
  template <class T>
  bool expect_error(const expected<T>& x, errc code, const std::string& what) {
    if (x)
      return expect(false, what + " succeeded instead of failing with "
                             + std::string{to_string(code)});
    return expect(x.error() == code, what + " failed with \""
                                       + to_string(x.error()) + "\" instead of "
                                       + std::string{to_string(code)});
  }

  /// Notes a violation and ends the check if `x` failed.
  template <class T>
  void require_value(const expected<T>& x, const std::string& what) {
    require(x.has_value(),
            what + " failed" + (x ? "" : ": " + to_string(x.error())));
  }

  /// Says that the check does not apply, and ends it.
  [[noreturn]] void skip(std::string why);

  /// Adds to a figure that the result will show.
  void count(const std::string& figure, uint64_t n = 1);

  std::map<std::string, uint64_t> take_figures();

  std::vector<std::string> take_violations();

  const std::string& skipped() const noexcept {
    return skipped_;
  }

  // -- the store --------------------------------------------------------------

  /// The open store; creates it if none is open.
  backend& store();

  void close();

  /// Closes the store if it is open, and opens it.
  void reopen();

  // -- calls that must work ---------------------------------------------------

  std::vector<commit_outcome> commit(std::vector<mutation> batch);

  commit_outcome put(const std::string& key, const blob_ptr& blob,
                     precondition condition = {});

  commit_outcome erase(const std::string& key, precondition condition = {});

  /// Puts and ends the check if that fails.
  void must_put(const std::string& key, const blob_ptr& blob);

  /// Puts all in batches of moderate size and ends the check if that fails.
  void must_put_all(const std::map<std::string, blob_ptr>& blobs);

  read_outcome read(const read_request& request);

  /// Reads part of a blob; an error counts as a violation and as nothing.
  std::optional<blob_view> get(const std::string& key,
                               blob_part part = blob_part::all);

  /// Expects that `key` has exactly `blob`, or nothing if that is null.
  bool expect_content(const std::string& key, const blob_ptr& blob,
                      const std::string& when);

  /// Expects that reading `key` in any way and listing it find exactly `blob`,
  /// or nothing if that is null.
  void expect_everywhere(const std::string& key, const blob_ptr& blob,
                         const std::string& when);

  /// Expects that the store has exactly these keys and blobs.
  void expect_contents(const std::map<std::string, blob_ptr>& blobs,
                       const std::string& when);

  /// Goes through all pages and checks each of them on its own.
  std::vector<list_entry> list_all(const std::string& prefix = {},
                                   size_t limit = 1000,
                                   blob_part part = blob_part::none);

private:
  const compliance_options& options_;
  uri where_;
  std::unique_ptr<backend> store_;
  std::mutex mutex_;
  std::vector<std::string> violations_;
  std::map<std::string, uint64_t> figures_;
  std::string skipped_;
};

/// Blobs in the suite are no larger than the engine and the options allow.
uint64_t greatest_blob_size(trial& t);

/// Stages all of `blob` in pieces, the first `prefix_size` bytes of it last.
std::shared_ptr<staged_blob> stage_blob(trial& t, const std::string& key,
                                        bytes_view blob, size_t prefix_size,
                                        size_t piece);

/// Runs `f` until it is done or stops the check; what leaves the engine as an
/// exception is a violation.
template <class F>
void guarded(trial& t, F&& f) {
  try {
    f();
  } catch (const trial_stopped&) {
    // What stopped it is noted.
  } catch (const std::exception& x) {
    t.expect(false, std::string{"an exception left the engine: "} + x.what());
  }
}

/// Runs `f(0)` to `f(n - 1)` in threads of their own and waits for them.
template <class F>
void run_threads(trial& t, size_t n, F f) {
  std::vector<std::thread> threads;
  for (size_t i = 0; i < n; ++i)
    threads.emplace_back([&t, f, i] { guarded(t, [&] { f(i); }); });
  for (auto& x : threads)
    x.join();
}

/// Returns a key as a message can show it.
std::string printable(std::string_view key);

/// Returns a revision that nobody has had.
revision fresh_revision();

/// Returns a blob with a value of `value_size` bytes that go through all bytes,
/// beginning with `seed`.
blob_ptr sample_blob(size_t value_size, uint8_t seed = 0,
                     size_t metadata_size = 0);

/// The revision of a blob that begins with a complete header.
revision revision_of(bytes_view blob);

/// Compares bytes.
bool same_bytes(bytes_view x, bytes_view y);

} // namespace larder::detail
