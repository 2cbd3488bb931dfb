// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/metered.hpp"

#include <algorithm>
#include <atomic>
#include <string>
#include <utility>
#include <variant>

namespace larder {

namespace {

using namespace std::chrono_literals;

using clock_type = std::chrono::steady_clock;

constexpr std::array call_names{"commit", "read",       "list",         "stage",
                                "append", "set-prefix", "open-snapshot"};

constexpr size_t num_calls = call_names.size();

size_t bucket_of(clock_type::duration elapsed) {
  size_t result = 0;
  while (elapsed >= call_measures::bucket_end(result)
         && result + 1 < call_measures::num_buckets)
    ++result;
  return result;
}

std::string spelled(errc code) {
  std::string result{to_string(code)};
  std::replace(result.begin(), result.end(), '_', '-');
  return result;
}

/// `call_measures`, counting.
struct meter {
  std::atomic<uint64_t> calls = 0;
  std::atomic<uint64_t> keys = 0;
  std::atomic<uint64_t> bytes = 0;
  std::array<std::atomic<uint64_t>, call_measures::num_codes> errors{};
  std::atomic<uint64_t> nanoseconds = 0;
  std::array<std::atomic<uint64_t>, call_measures::num_buckets> latencies{};

  static void add(std::atomic<uint64_t>& to, uint64_t n) {
    to.fetch_add(n, std::memory_order_relaxed);
  }

  template <class T>
  void add_outcome(const expected<T>& x) {
    if (!x)
      add(errors[static_cast<size_t>(x.error().code())], 1);
  }

  void add_call(clock_type::duration elapsed, uint64_t num_keys,
                uint64_t num_bytes) {
    add(calls, 1);
    add(keys, num_keys);
    add(bytes, num_bytes);
    add(nanoseconds,
        static_cast<uint64_t>(std::chrono::nanoseconds{elapsed}.count()));
    add(latencies[bucket_of(elapsed)], 1);
  }

  call_measures snapshot() const {
    constexpr auto order = std::memory_order_relaxed;
    call_measures result;
    result.calls = calls.load(order);
    result.keys = keys.load(order);
    result.bytes = bytes.load(order);
    result.nanoseconds = nanoseconds.load(order);
    for (size_t i = 0; i < errors.size(); ++i)
      result.errors[i] = errors[i].load(order);
    for (size_t i = 0; i < latencies.size(); ++i)
      result.latencies[i] = latencies[i].load(order);
    return result;
  }
};

/// Returns the result of `f` and how long it took.
template <class F>
auto timed(F f) {
  auto start = clock_type::now();
  auto result = f();
  return std::pair{std::move(result), clock_type::now() - start};
}

uint64_t size_of(const mutation& x) {
  auto* blob = std::get_if<std::shared_ptr<const bytes>>(&x.content);
  return blob && *blob ? (*blob)->size() : 0;
}

void describe(const std::string& name, const call_measures& x,
              std::vector<engine_figure>& out) {
  auto add = [&](const std::string& what, uint64_t amount) {
    if (amount > 0)
      out.push_back({name + "-" + what + "-total", amount});
  };
  add("calls", x.calls);
  add("keys", x.keys);
  add("bytes", x.bytes);
  add("nanoseconds", x.nanoseconds);
  for (size_t i = 0; i < x.errors.size(); ++i)
    add(spelled(static_cast<errc>(i)) + "-errors", x.errors[i]);
  for (size_t i = 0; i + 1 < x.latencies.size(); ++i)
    add("under-" + std::to_string(call_measures::bucket_end(i) / 1us) + "-us",
        x.latencies[i]);
  add("slower", x.latencies.back());
}

} // namespace

// -- staged blobs and snapshots -----------------------------------------------

class metered_backend::meters {
public:
  meter& operator[](backend_call call) {
    return meters_[static_cast<size_t>(call)];
  }

  /// Reads from a backend or a snapshot.
  template <class Source>
  std::vector<read_outcome> read(Source& source,
                                 std::span<const read_request> requests) {
    auto [result, elapsed] = timed([&] { return source.read(requests); });
    auto& meter = (*this)[backend_call::read];
    uint64_t bytes = 0;
    for (auto& x : result) {
      meter.add_outcome(x);
      if (x && *x)
        bytes += (*x)->data.size();
    }
    meter.add_call(elapsed, requests.size(), bytes);
    return std::move(result);
  }

  template <class Source>
  expected<list_page> list(Source& source, const list_request& request) {
    auto [result, elapsed] = timed([&] { return source.list(request); });
    auto& meter = (*this)[backend_call::list];
    meter.add_outcome(result);
    uint64_t bytes = 0;
    for (auto& x : result ? result->entries : std::vector<list_entry>{}) {
      meter.add_outcome(x.blob);
      if (x.blob)
        bytes += x.blob->data.size();
    }
    meter.add_call(elapsed, result ? result->entries.size() : 0, bytes);
    return std::move(result);
  }

private:
  std::array<meter, num_calls> meters_;
};

/// Measures what is appended; what it wraps is committed in its place.
class metered_backend::metered_staged_blob : public staged_blob {
public:
  metered_staged_blob(std::shared_ptr<meters> to,
                      std::unique_ptr<staged_blob> inner)
    : to_(std::move(to)), inner_(std::move(inner)) {
    // nop
  }

  expected<void> append(bytes_view data) override {
    return measure(backend_call::append, data.size(),
                   [&] { return inner_->append(data); });
  }

  expected<void> set_prefix(bytes_view data) override {
    return measure(backend_call::set_prefix, data.size(),
                   [&] { return inner_->set_prefix(data); });
  }

  /// Returns the blob that the backend inside knows; null if `x` is not of this
  /// class.
  static std::shared_ptr<staged_blob> unwrap(const mutation& x) {
    auto* staged = std::get_if<std::shared_ptr<staged_blob>>(&x.content);
    auto* metered = staged ? dynamic_cast<metered_staged_blob*>(staged->get())
                           : nullptr;
    return metered ? metered->inner_ : nullptr;
  }

private:
  template <class F>
  expected<void> measure(backend_call call, size_t size, F f) {
    auto [result, elapsed] = timed(f);
    auto& meter = (*to_)[call];
    meter.add_call(elapsed, 1, result ? size : 0);
    meter.add_outcome(result);
    return std::move(result);
  }

  std::shared_ptr<meters> to_;
  std::shared_ptr<staged_blob> inner_;
};

class metered_backend::metered_snapshot : public backend_snapshot {
public:
  metered_snapshot(std::shared_ptr<meters> to,
                   std::unique_ptr<backend_snapshot> inner)
    : to_(std::move(to)), inner_(std::move(inner)) {
    // nop
  }

  std::vector<read_outcome>
  read(std::span<const read_request> requests) override {
    return to_->read(*inner_, requests);
  }

  expected<list_page> list(const list_request& request) override {
    return to_->list(*inner_, request);
  }

private:
  std::shared_ptr<meters> to_;
  std::unique_ptr<backend_snapshot> inner_;
};

// -- metered_backend ----------------------------------------------------------

metered_backend::metered_backend(std::shared_ptr<backend> inner)
  : backend_wrapper(std::move(inner)), meters_(std::make_shared<meters>()) {
  // nop
}

metered_backend::~metered_backend() = default;

call_measures metered_backend::measures(backend_call call) const {
  return (*meters_)[call].snapshot();
}

std::vector<commit_outcome> metered_backend::commit(std::span<mutation> batch) {
  std::vector<mutation> unwrapped; // only if there is something to unwrap
  for (size_t i = 0; i < batch.size(); ++i)
    if (auto staged = metered_staged_blob::unwrap(batch[i])) {
      if (unwrapped.empty())
        unwrapped.assign(batch.begin(), batch.end());
      unwrapped[i].content = std::move(staged);
    }
  auto passed = unwrapped.empty() ? batch : std::span<mutation>{unwrapped};
  auto [result, elapsed] = timed([&] { return inner().commit(passed); });
  auto& meter = (*meters_)[backend_call::commit];
  uint64_t bytes = 0;
  for (size_t i = 0; i < batch.size(); ++i) {
    meter.add_outcome(result[i]);
    if (result[i])
      bytes += size_of(batch[i]);
  }
  meter.add_call(elapsed, batch.size(), bytes);
  return std::move(result);
}

std::vector<read_outcome>
metered_backend::read(std::span<const read_request> requests) {
  return meters_->read(inner(), requests);
}

expected<list_page> metered_backend::list(const list_request& request) {
  return meters_->list(inner(), request);
}

expected<std::unique_ptr<staged_blob>>
metered_backend::stage(std::string_view key, uint64_t prefix_size) {
  auto [result, elapsed]
    = timed([&] { return inner().stage(key, prefix_size); });
  auto& meter = (*meters_)[backend_call::stage];
  meter.add_call(elapsed, 1, 0);
  meter.add_outcome(result);
  if (!result)
    return std::move(result);
  return std::make_unique<metered_staged_blob>(meters_, std::move(*result));
}

expected<std::unique_ptr<backend_snapshot>> metered_backend::open_snapshot() {
  auto [result, elapsed] = timed([&] { return inner().open_snapshot(); });
  auto& meter = (*meters_)[backend_call::open_snapshot];
  meter.add_call(elapsed, 0, 0);
  meter.add_outcome(result);
  if (!result)
    return std::move(result);
  return std::make_unique<metered_snapshot>(meters_, std::move(*result));
}

std::vector<engine_figure> metered_backend::figures() const {
  auto result = inner().figures();
  for (size_t i = 0; i < num_calls; ++i)
    describe(call_names[i], measures(static_cast<backend_call>(i)), result);
  return result;
}

} // namespace larder
