// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Random histories: whatever happens, a tiered store answers like its back.

#include "backends/tier_tools.hpp"

#include <rapidcheck.h>

using namespace tier_tools;

namespace {

constexpr int num_keys = 12;

/// Room for about half of the keys, of which the largest takes a quarter.
constexpr uint64_t front_bytes = 660;

/// What fails in the next step.
enum class fault : uint8_t { none, front, back, back_after };

/// A back that can fail, also after it has carried out a commit.
class lying_backend : public backend_wrapper {
public:
  bool fail_before = false;
  bool fail_after = false;
  bool data_loss = false;
  write_domain domain = write_domain::process;

  using backend_wrapper::backend_wrapper;

  capabilities caps() const override {
    auto result = inner().caps();
    result.domain = domain;
    return result;
  }

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    if (fail_before)
      return {batch.size(), fail(errc::io_error, "injected", data_loss)};
    auto result = inner().commit(batch);
    if (fail_after)
      return {batch.size(), fail(errc::io_error, "injected", true)};
    return result;
  }

  std::vector<read_outcome>
  read(std::span<const read_request> requests) override {
    if (fail_before)
      return {requests.size(), fail(errc::io_error, "injected")};
    return inner().read(requests);
  }
};

/// One run of a history.
class run {
public:
  run(tier_options options, write_domain domain) {
    back_->domain = domain;
    store_ = std::make_unique<tiered_backend>(back_, front_, options);
  }

  void step() {
    auto kind = *rc::gen::element(fault::none, fault::none, fault::none,
                                  fault::front, fault::back, fault::back_after);
    front_->inject(nullptr);
    if (kind == fault::front)
      front_->inject([](backend_call, std::string_view) {
        return std::optional{error{errc::io_error, "injected", true}};
      });
    back_->fail_before = kind == fault::back;
    back_->data_loss = *rc::gen::inRange(0, 8) == 0;
    back_->fail_after = kind == fault::back_after && may_lose_();
    switch (*rc::gen::inRange(0, 5)) {
      case 0:
      case 1:
        commit();
        break;
      case 2:
        write_elsewhere();
        break;
      default:
        read_some(kind == fault::back);
    }
    front_->inject(nullptr);
    back_->fail_before = false;
    back_->fail_after = false;
  }

  /// Expects that all keys and all parts are the back's.
  void check_all() {
    for (int i = 0; i < num_keys; ++i)
      for (auto part : {blob_part::all, blob_part::range, blob_part::header})
        compare({std::to_string(i), part, 60, 10, {}});
    RC_ASSERT(store_->counts().front_used <= front_bytes);
    RC_ASSERT(store_->counts().hits + store_->counts().misses == requests_);
  }

  tier_counts counts() const {
    return store_->counts();
  }

private:
  /// Rarely, since the front is left alone afterwards.
  static bool may_lose_() {
    return *rc::gen::inRange(0, 6) == 0;
  }

  static std::string key() {
    return std::to_string(*rc::gen::inRange(0, num_keys));
  }

  std::shared_ptr<const bytes> next_blob() {
    ++last_;
    header hdr;
    store_big_endian(hdr.rev.data.data(), last_);
    bytes result;
    hdr.encode(result);
    result.resize(result.size() + *rc::gen::inRange<size_t>(0, 100),
                  static_cast<std::byte>(last_));
    return std::make_shared<const bytes>(std::move(result));
  }

  precondition condition(const std::string& key) {
    switch (*rc::gen::inRange(0, 5)) {
      case 0:
        return precondition::absent();
      case 1: {
        auto now = get(*inner_, key);
        return precondition::matches(now ? header::decode(*now)->rev : rev(99));
      }
      case 2:
        return precondition::matches(rev(99));
      default:
        return {};
    }
  }

  mutation change(const std::string& key) {
    mutation result{key, {}, condition(key)};
    switch (*rc::gen::inRange(0, 6)) {
      case 0:
        break; // erases
      case 1:
        result.content = keep{};
        break;
      case 2:
        result.content = staged(key);
        break;
      default:
        result.content = next_blob();
    }
    return result;
  }

  std::shared_ptr<staged_blob> staged(const std::string& key) {
    auto result = store_->stage(key, header::size_v2);
    auto blob = next_blob();
    RC_ASSERT(result.has_value());
    RC_ASSERT((*result)
                ->append(bytes_view{*blob}.subspan(header::size_v2))
                .has_value());
    RC_ASSERT((*result)
                ->set_prefix(bytes_view{*blob}.first(header::size_v2))
                .has_value());
    return std::move(*result);
  }

  void commit() {
    auto group = *rc::gen::element<uint64_t>(0, 1);
    std::vector<mutation> batch;
    for (int i = 0; i < num_keys; ++i)
      if (*rc::gen::inRange(0, 3) == 0) {
        batch.push_back(change(std::to_string(i)));
        batch.back().group = group;
      }
    RC_ASSERT(store_->commit(batch).size() == batch.size());
  }

  /// As another process does; only where the domain tells of others.
  void write_elsewhere() {
    if (back_->domain == write_domain::process)
      return;
    auto x = change(key());
    if (std::holds_alternative<keep>(x.content))
      return;
    static_cast<void>(inner_->commit({&x, 1}));
  }

  void read_some(bool may_fail) {
    std::vector<read_request> requests;
    for (auto n = *rc::gen::inRange(1, 4); n > 0; --n)
      requests.push_back({key(),
                          *rc::gen::element(blob_part::none, blob_part::header,
                                            blob_part::metadata, blob_part::all,
                                            blob_part::all, blob_part::range),
                          *rc::gen::inRange<uint64_t>(0, 100),
                          *rc::gen::inRange<uint64_t>(0, 100),
                          {}});
    for (auto& x : requests)
      if (*rc::gen::inRange(0, 4) == 0)
        x.pinned = header::decode(*next_blob())->rev;
    auto found = store_->read(requests);
    auto truth = inner_->read(requests);
    requests_ += requests.size();
    for (size_t i = 0; i < requests.size(); ++i)
      if (found[i] || found[i].error() != error{errc::io_error, "injected"})
        same(found[i], truth[i]);
      else
        RC_ASSERT(may_fail);
  }

  void compare(const read_request& request) {
    ++requests_;
    same(store_->read({&request, 1})[0], inner_->read({&request, 1})[0]);
  }

  static void same(const read_outcome& x, const read_outcome& y) {
    RC_ASSERT(x.has_value() == y.has_value());
    if (!x) {
      RC_ASSERT(x.error().code() == y.error().code());
      return;
    }
    RC_ASSERT(x->has_value() == y->has_value());
    if (!*x)
      return;
    RC_ASSERT((*x)->blob_size == (*y)->blob_size);
    RC_ASSERT(to_bytes((*x)->data) == to_bytes((*y)->data));
  }

  std::shared_ptr<backend> inner_ = memory();
  std::shared_ptr<lying_backend> back_
    = std::make_shared<lying_backend>(inner_);
  std::shared_ptr<fault_injecting_backend> front_
    = std::make_shared<fault_injecting_backend>(memory());
  std::unique_ptr<tiered_backend> store_;
  uint64_t last_ = 0;
  uint64_t requests_ = 0;
};

} // namespace

TEST_CASE("a tiered store answers like its back in every history") {
  uint64_t hits = 0;
  uint64_t evictions = 0;
  uint64_t invalidations = 0;
  uint64_t front_errors = 0;
  auto ok = rc::check([&] {
    tier_options options;
    options.front_bytes = front_bytes;
    options.write_through = *rc::gen::arbitrary<bool>();
    options.read_through = !options.write_through
                           || *rc::gen::arbitrary<bool>();
    run r{options,
          *rc::gen::element(write_domain::process, write_domain::machine)};
    for (auto n = *rc::gen::inRange(0, 60); n > 0; --n) {
      r.step();
      r.check_all();
    }
    hits += r.counts().hits;
    evictions += r.counts().evictions;
    invalidations += r.counts().invalidations;
    front_errors += r.counts().front_errors;
  });
  CHECK(ok);
  // Otherwise nothing has been proved.
  CHECK(hits > 0);
  CHECK(evictions > 0);
  CHECK(invalidations > 0);
  CHECK(front_errors > 0);
}
