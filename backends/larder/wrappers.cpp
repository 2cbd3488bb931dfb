// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/wrappers.hpp"

#include "larder/detail/blob_part.hpp"
#include "larder/groups.hpp"

#include <utility>
#include <variant>

namespace larder {

// -- backend_wrapper ----------------------------------------------------------

backend_wrapper::backend_wrapper(std::shared_ptr<backend> inner)
  : inner_(std::move(inner)) {
  // nop
}

capabilities backend_wrapper::caps() const {
  return inner_->caps();
}

const uuid& backend_wrapper::id() const {
  return inner_->id();
}

std::string backend_wrapper::name() const {
  return inner_->name();
}

std::vector<commit_outcome> backend_wrapper::commit(std::span<mutation> batch) {
  return inner_->commit(batch);
}

std::vector<read_outcome>
backend_wrapper::read(std::span<const read_request> requests) {
  return inner_->read(requests);
}

expected<list_page> backend_wrapper::list(const list_request& request) {
  return inner_->list(request);
}

expected<std::unique_ptr<staged_blob>>
backend_wrapper::stage(std::string_view key, uint64_t prefix_size) {
  return inner_->stage(key, prefix_size);
}

expected<std::unique_ptr<backend_snapshot>> backend_wrapper::open_snapshot() {
  return inner_->open_snapshot();
}

std::vector<engine_figure> backend_wrapper::figures() const {
  return inner_->figures();
}

// -- readonly_backend ---------------------------------------------------------

namespace {

bool only_looks(const mutation& x) {
  return std::holds_alternative<keep>(x.content);
}

/// Compares what was read of a key with a precondition.
commit_outcome look(const precondition& wanted, const read_outcome& found) {
  if (!found)
    return fail(found.error());
  auto exists = found->has_value();
  auto is_same
    = [&] { return detail::has_revision((*found)->data, wanted.rev); };
  if (auto ok = detail::check_precondition(wanted, exists, is_same); !ok)
    return fail(ok.error());
  return commit_result{exists};
}

} // namespace

capabilities readonly_backend::caps() const {
  auto result = inner().caps();
  result.staging = false;
  return result;
}

std::vector<commit_outcome>
readonly_backend::commit(std::span<mutation> batch) {
  commit_outcome refused
    = fail(errc::unsupported, name() + " was opened to be read only");
  std::vector<commit_outcome> result(batch.size(), refused);
  std::vector<read_request> requests;
  for (auto& x : batch)
    if (only_looks(x))
      requests.push_back({x.key, blob_part::header, 0, 0, std::nullopt});
  // Whoever read keys before and finds them unchanged now has read them as of
  // one moment in between, whatever the order of these reads.
  auto found = inner().read(requests);
  auto next = found.begin();
  for (size_t i = 0; i < batch.size(); ++i)
    if (only_looks(batch[i]))
      result[i] = look(batch[i].condition, *next++);
  spread_failures(
    batch, [&result](size_t i) { return !result[i]; },
    [&result](size_t i, error why) { result[i] = fail(std::move(why)); });
  return result;
}

expected<std::unique_ptr<staged_blob>> readonly_backend::stage(std::string_view,
                                                               uint64_t) {
  return fail(errc::unsupported, name() + " was opened to be read only");
}

// -- fault_injecting_backend --------------------------------------------------

class fault_injecting_backend::decision {
public:
  void replace(decide_fn f) {
    std::lock_guard guard{mutex_};
    f_ = std::move(f);
  }

  std::optional<error> operator()(backend_call call, std::string_view key) {
    std::lock_guard guard{mutex_};
    return f_ ? f_(call, key) : std::nullopt;
  }

private:
  std::mutex mutex_;
  decide_fn f_;
};

/// Fails like its backend; what it wraps is committed in its place.
class fault_injecting_backend::faulty_staged_blob : public staged_blob {
public:
  faulty_staged_blob(std::shared_ptr<decision> decide, std::string_view key,
                     std::unique_ptr<staged_blob> inner)
    : decide_(std::move(decide)), key_(key), inner_(std::move(inner)) {
    // nop
  }

  expected<void> append(bytes_view data) override {
    if (auto err = (*decide_)(backend_call::append, key_))
      return fail(std::move(*err));
    return inner_->append(data);
  }

  expected<void> set_prefix(bytes_view data) override {
    if (auto err = (*decide_)(backend_call::set_prefix, key_))
      return fail(std::move(*err));
    return inner_->set_prefix(data);
  }

  /// Returns `x` as the inner backend knows it.
  static mutation unwrap(const mutation& x) {
    auto result = x;
    if (auto* staged = std::get_if<std::shared_ptr<staged_blob>>(&x.content))
      if (auto* faulty = dynamic_cast<faulty_staged_blob*>(staged->get()))
        result.content = faulty->inner_;
    return result;
  }

private:
  std::shared_ptr<decision> decide_;
  std::string key_;
  std::shared_ptr<staged_blob> inner_;
};

fault_injecting_backend::fault_injecting_backend(std::shared_ptr<backend> inner)
  : backend_wrapper(std::move(inner)), decision_(std::make_shared<decision>()) {
  // nop
}

void fault_injecting_backend::inject(decide_fn f) {
  decision_->replace(std::move(f));
}

namespace {

using faults = std::vector<std::optional<error>>;

/// Puts the injected faults and the outcomes of what went on in order.
template <class Outcome>
std::vector<Outcome> merge(faults injected, std::vector<Outcome> passed) {
  std::vector<Outcome> result;
  auto next = passed.begin();
  for (auto& fault : injected) {
    if (fault)
      result.push_back(fail(std::move(*fault)));
    else
      result.push_back(std::move(*next++));
  }
  return result;
}

} // namespace

std::vector<commit_outcome>
fault_injecting_backend::commit(std::span<mutation> batch) {
  faults injected;
  for (auto& x : batch)
    injected.push_back((*decision_)(backend_call::commit, x.key));
  spread_failures(
    batch, [&](size_t i) { return injected[i].has_value(); },
    [&](size_t i, error problem) { injected[i] = std::move(problem); });
  std::vector<mutation> passing;
  for (size_t i = 0; i < batch.size(); ++i)
    if (!injected[i])
      passing.push_back(faulty_staged_blob::unwrap(batch[i]));
  return merge(std::move(injected), inner().commit(passing));
}

namespace {

/// Reads from a backend or a snapshot what is not to fail.
template <class Decide, class Source>
std::vector<read_outcome> read_or_fail(Decide& decide, Source& source,
                                       std::span<const read_request> requests) {
  faults injected;
  std::vector<read_request> passing;
  for (auto& x : requests) {
    injected.push_back(decide(backend_call::read, x.key));
    if (!injected.back())
      passing.push_back(x);
  }
  return merge(std::move(injected), source.read(passing));
}

template <class Decide, class Source>
expected<list_page> list_or_fail(Decide& decide, Source& source,
                                 const list_request& request) {
  if (auto err = decide(backend_call::list, request.prefix))
    return fail(std::move(*err));
  return source.list(request);
}

} // namespace

class fault_injecting_backend::faulty_snapshot : public backend_snapshot {
public:
  faulty_snapshot(std::shared_ptr<decision> decide,
                  std::unique_ptr<backend_snapshot> inner)
    : decide_(std::move(decide)), inner_(std::move(inner)) {
    // nop
  }

  std::vector<read_outcome>
  read(std::span<const read_request> requests) override {
    return read_or_fail(*decide_, *inner_, requests);
  }

  expected<list_page> list(const list_request& request) override {
    return list_or_fail(*decide_, *inner_, request);
  }

private:
  std::shared_ptr<decision> decide_;
  std::unique_ptr<backend_snapshot> inner_;
};

std::vector<read_outcome>
fault_injecting_backend::read(std::span<const read_request> requests) {
  return read_or_fail(*decision_, inner(), requests);
}

expected<list_page> fault_injecting_backend::list(const list_request& request) {
  return list_or_fail(*decision_, inner(), request);
}

expected<std::unique_ptr<backend_snapshot>>
fault_injecting_backend::open_snapshot() {
  if (auto err = (*decision_)(backend_call::open_snapshot, {}))
    return fail(std::move(*err));
  auto result = inner().open_snapshot();
  if (!result)
    return result;
  return std::make_unique<faulty_snapshot>(decision_, std::move(*result));
}

expected<std::unique_ptr<staged_blob>>
fault_injecting_backend::stage(std::string_view key, uint64_t prefix_size) {
  if (auto err = (*decision_)(backend_call::stage, key))
    return fail(std::move(*err));
  auto result = inner().stage(key, prefix_size);
  if (!result)
    return result;
  return std::make_unique<faulty_staged_blob>(decision_, key,
                                              std::move(*result));
}

// -- recording_backend --------------------------------------------------------

namespace {

/// Describes a call with one outcome per request or mutation.
template <class Requests, class Outcomes>
recorded_call describe(backend_call call, const Requests& requests,
                       const Outcomes& outcomes) {
  recorded_call result{call, {}, {}};
  for (auto& x : requests)
    result.keys.push_back(x.key);
  for (auto& x : outcomes)
    result.succeeded.push_back(x.has_value());
  return result;
}

} // namespace

std::vector<recorded_call> recording_backend::take_calls() {
  std::lock_guard guard{mutex_};
  return std::exchange(calls_, {});
}

std::vector<commit_outcome>
recording_backend::commit(std::span<mutation> batch) {
  auto result = inner().commit(batch);
  record(describe(backend_call::commit, batch, result));
  return result;
}

std::vector<read_outcome>
recording_backend::read(std::span<const read_request> requests) {
  auto result = inner().read(requests);
  record(describe(backend_call::read, requests, result));
  return result;
}

expected<list_page> recording_backend::list(const list_request& request) {
  auto result = inner().list(request);
  record({backend_call::list, {request.prefix}, {result.has_value()}});
  return result;
}

expected<std::unique_ptr<staged_blob>>
recording_backend::stage(std::string_view key, uint64_t prefix_size) {
  auto result = inner().stage(key, prefix_size);
  record({backend_call::stage, {std::string{key}}, {result.has_value()}});
  return result;
}

expected<std::unique_ptr<backend_snapshot>> recording_backend::open_snapshot() {
  auto result = inner().open_snapshot();
  record({backend_call::open_snapshot, {}, {}});
  return result;
}

void recording_backend::record(recorded_call x) {
  std::lock_guard guard{mutex_};
  calls_.push_back(std::move(x));
}

} // namespace larder
