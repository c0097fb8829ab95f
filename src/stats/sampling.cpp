// SPDX-License-Identifier: MIT
#include "stats/sampling.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include "stats/main_memory.h"
#include "stats/rule_traits.h"

namespace ttscale::stats {
namespace {

/// Behind the counters that every rule has.
enum Counter : std::int64_t {
  kOffered = StateSize{}.counters,  ///< images that came
  kSince,                           ///< of these, with the last batch that was measured and after it
  kMeasured,                        ///< images of that batch that were measured
  kCounters
};

/// Numbers of the stream.
enum StreamNumber : std::int64_t { kMeasure = 0, kCount, kOf, kStreamNumbers };

/// A block of fewer tells nothing of the spread between images.
constexpr double kLeastBlock = 2;

/// Shares such as 1/3 have no exact double.
constexpr double kRounding = 1e-9;

/// Of streams on the CPU.
bool is_told(const at::Tensor& stream, Measure what) {
  return stream.data_ptr<double>()[kMeasure] == static_cast<double>(static_cast<int>(what));
}

Sample block_of(std::int64_t images, double share, double offered) {
  const auto count =
      std::min(images, static_cast<std::int64_t>(std::ceil(share * static_cast<double>(images) - kRounding)));
  const std::int64_t blocks = (images + count - 1) / count;
  // A file may say anything of what was offered.
  const double batches = std::floor(offered / static_cast<double>(images));
  const auto turn = batches >= 0 && batches < 1e15 ? static_cast<std::int64_t>(batches) % blocks : 0;
  return {std::min(turn * count, images - count), count, images};
}

}  // namespace

std::optional<double> sample_share(const Rule& rule) {
  return std::visit(
      [](const auto& r) -> std::optional<double> {
        if constexpr (has_common_fields<std::decay_t<decltype(r)>>) {
          return r.sample < 1 ? std::optional<double>(r.sample) : std::nullopt;
        } else {
          return std::nullopt;
        }
      },
      rule);
}

bool lags(const Rule& rule) {
  return std::visit(
      [](const auto& r) {
        if constexpr (has_common_fields<std::decay_t<decltype(r)>>) {
          return r.lag;
        } else {
          return false;
        }
      },
      rule);
}

StateSize sampling_state_size() {
  StateSize size;
  size.counters = kCounters;
  size.stream = kStreamNumbers;
  return size;
}

Sample next_sample(const Rule& rule, std::int64_t images, const SiteState& state) {
  const Sample all{0, images, images};
  const auto share = sample_share(rule);
  if (!share || !lies_in_memory(state.counters) || !lies_in_memory(state.stream)) {
    return all;
  }
  const double* stream = state.stream.data_ptr<double>();
  if (is_told(state.stream, Measure::kNothing)) {
    return {0, 0, images};
  }
  if (is_told(state.stream, Measure::kAll) && stream[kCount] >= 1 && stream[kOf] >= stream[kCount] &&
      stream[kOf] < 1e9) {
    const double of = static_cast<double>(images) * stream[kOf] / stream[kCount];
    return {0, images, static_cast<std::int64_t>(std::llround(of))};
  }
  const double* counters = state.counters.data_ptr<double>();
  if (*share * static_cast<double>(images) >= kLeastBlock - kRounding) {
    return block_of(images, *share, counters[kOffered]);
  }
  const bool due = counters[kMeasured] <= *share * counters[kSince] + kRounding;
  return due ? all : Sample{0, 0, images};
}

void set_measure(at::Tensor& stream, Measure what, std::int64_t count, std::int64_t of) {
  stream.select(0, kMeasure).fill_(static_cast<double>(static_cast<int>(what)));
  stream.select(0, kCount).fill_(static_cast<double>(count));
  stream.select(0, kOf).fill_(static_cast<double>(of));
}

void count_offered(const Rule& rule, std::int64_t images, const Sample& sample, SiteState& state) {
  if (!sample_share(rule)) {
    return;
  }
  const auto more = static_cast<double>(images);
  state.counters.select(0, kOffered).add_(more);
  if (sample.count > 0) {
    state.counters.select(0, kSince).fill_(static_cast<double>(sample.of));
    state.counters.select(0, kMeasured).fill_(static_cast<double>(sample.count));
  } else if (!is_told(state.stream, Measure::kNothing)) {  // else of the sample's own batch
    state.counters.select(0, kSince).add_(more);
  }
}

double offered(const SiteState& state) { return state.counters.data_ptr<double>()[kOffered]; }

Moments known_moments(const Rule& rule, const Moments& source, const SiteState& state) {
  const Moments running{state.running.select(0, 0), state.running.select(0, 1)};
  const at::Tensor batches = state.counters.select(0, 1);
  if (lies_in_memory(batches)) {
    return select_part(rule, source, batches.data_ptr<double>()[0] > 0 ? running : source);
  }
  return select_part(rule, source, where(batches > 0, running, source));
}

}  // namespace ttscale::stats
