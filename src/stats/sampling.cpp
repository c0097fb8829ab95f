// SPDX-License-Identifier: MIT
#include "stats/sampling.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include "stats/main_memory.h"
#include "stats/rule_traits.h"

namespace ttscale::stats {
namespace {

/// Behind the counters that every rule has: images offered.
constexpr std::int64_t kOffered = StateSize{}.counters;

/// Numbers of the stream.
enum StreamNumber : std::int64_t { kMeasure = 0, kOf, kStreamNumbers };

/// A block of fewer tells nothing of the spread between images.
constexpr double kLeastBlock = 2;

/// Shares such as 1/3 have no exact double.
constexpr double kRounding = 1e-9;

double number_of(Measure what) { return static_cast<double>(static_cast<int>(what)); }

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
  size.counters += 1;
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
  if (stream[kMeasure] == number_of(Measure::kNothing)) {
    return {0, 0, images};
  }
  if (stream[kMeasure] == number_of(Measure::kAll) && stream[kOf] >= static_cast<double>(images) &&
      stream[kOf] < 1e15) {
    return {0, images, static_cast<std::int64_t>(stream[kOf])};
  }
  const double* counters = state.counters.data_ptr<double>();
  const double measured = counters[0];
  const double offered = counters[kOffered];
  if (*share * static_cast<double>(images) >= kLeastBlock - kRounding) {
    return block_of(images, *share, offered);
  }
  const bool due = measured <= *share * offered + kRounding;
  return due ? all : Sample{0, 0, images};
}

void set_measure(at::Tensor& stream, Measure what, std::int64_t of) {
  stream.select(0, kMeasure).fill_(number_of(what));
  stream.select(0, kOf).fill_(static_cast<double>(of));
}

void count_offered(const Rule& rule, std::int64_t images, SiteState& state) {
  if (sample_share(rule)) {
    state.counters.select(0, kOffered).add_(static_cast<double>(images));
  }
}

Moments known_moments(const Rule& rule, const Moments& source, const SiteState& state) {
  const Moments running{state.running.select(0, 0), state.running.select(0, 1)};
  const at::Tensor batches = state.counters.select(0, 1);
  if (lies_in_memory(batches)) {
    return select_part(rule, source, batches.data_ptr<double>()[0] > 0 ? running : source);
  }
  return select_part(rule, source, where(batches > 0, running, source));
}

}  // namespace ttscale::stats
