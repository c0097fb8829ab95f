// SPDX-License-Identifier: MIT
// auto for the whole stream: how concentrated the predicted classes are, and how many images to remember.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "stats/main_memory.h"
#include "stats/probabilities.h"
#include "stats/rules.h"
#include "stats/rules/auto_drift.h"
#include "stats/rules/auto_neighbours.h"
#include "stats/rules/auto_state.h"

namespace ttscale::stats {
namespace {

using namespace auto_state;

/// Concentration of the recent classes at which the memory is half way between its two lengths.
constexpr double kConcentratedStream = 0.1;

/// What is worth telling: a share of the neighbours above the first, a share of the memory below the second.
constexpr double kLeastReported = 0.1;
constexpr double kDriftReported = 0.5;

/// About how many images are the latest, if a batch has no more: enough to tell one class from ten, few enough to
/// notice runs of twenty.
constexpr double kLatestImages = 16;

/// How far a histogram of counts [B] is from even, beyond what so few counts show by chance: sum (f - 1/B)^2 less its
/// expectation for even classes, (1 - 1/B) / n; at least 0.
at::Tensor concentration(const at::Tensor& counts) {
  const double even = 1.0 / static_cast<double>(counts.size(0));
  const at::Tensor n = counts.sum().clamp_min(1);
  return ((counts / n - even).square().sum() - (1 - even) / n).clamp_min(0);
}

/// Counts scaled down to `most` images.
at::Tensor at_most(const at::Tensor& counts, const at::Tensor& most) {
  return counts * (most / counts.sum().clamp_min(1)).clamp_max(1);
}

/// How much each bin is predicted by probabilities [N, K]: their sums, so that doubt is no evidence of few classes;
/// images without finite ones do not count.
at::Tensor count_classes(const at::Tensor& each, std::int64_t bins) {
  const at::Tensor known = each.isfinite().all(1, /*keepdim=*/true);  // not so of scores with NaN or infinity
  const at::Tensor counts = at::where(known, each, at::zeros_like(each)).sum(0);
  const at::Tensor bin = at::arange(each.size(1), counts.options().dtype(at::kLong)).remainder(bins);
  return at::zeros({bins}, counts.options()).index_add(0, bin, counts);
}

void set_if(const at::Tensor& condition, const at::Tensor& value, const at::Tensor& target) {
  target.copy_(at::where(condition, value, target));
}

/// What sites may remember of the stream, [].
at::Tensor remembered(const rule::Auto& rule, const at::Tensor& stream) {
  if (rule.neighbours == 0) {
    return stream[kMemory];
  }
  if (lies_in_memory(stream)) {
    return stream[kMemory].clamp_max(memory_in_drift(rule, stream.data_ptr<double>()));
  }
  return at::minimum(stream[kMemory], memory_in_drift(rule, stream));
}

}  // namespace

StateSize state_size(const rule::Auto& rule) {
  const NeighbourLayout layout(rule);
  StateSize size;
  size.rows += kRows;
  size.counters += kNumbers;
  size.stream = layout.end();
  if (layout.slots() > 0) {
    size.scratch = layout.scratch();
    size.early_rows = layout.rows();
    size.early_sites = kEarlySites;
  }
  return size;
}

void begin(const rule::Auto& rule, at::Tensor& stream, bool classes) {
  const NeighbourLayout layout(rule);
  if (lies_in_memory(stream)) {
    auto* numbers = stream.data_ptr<double>();
    numbers[kBefore] = counted_before(numbers[kBefore] + numbers[kImages]);
    if (numbers[kImages] > 0 && numbers[kCounted] == 0) {
      numbers[kNoScores] = 1;
      std::fill_n(numbers + layout.probabilities(), layout.slots(), 0.0);  // of other images
    }
    std::fill_n(numbers, kCounted + 1, 0.0);
    numbers[kHasClasses] = classes && numbers[kNoScores] == 0 ? 1 : 0;
    numbers[kLooked] = classes ? numbers[kLooked] : 1;
    return;
  }
  stream[kBefore].copy_(counted_before(stream[kBefore] + stream[kImages]));
  const at::Tensor saw_none = (stream[kImages] > 0).logical_and(stream[kCounted] == 0);
  stream[kNoScores].logical_or_(saw_none);
  stream.narrow(0, layout.probabilities(), layout.slots()).mul_(saw_none.logical_not());  // of other images
  stream.narrow(0, 0, kCounted + 1).zero_();
  stream[kHasClasses].fill_(classes ? 1 : 0).mul_(stream[kNoScores] == 0);
  if (!classes) {
    stream[kLooked].fill_(1);
  }
}

void finish(const rule::Auto& rule, const at::Tensor& scores, at::Tensor& stream) {
  const at::Tensor uncounted = stream[kCounted] == 0;
  stream[kLooked].fill_(1);
  if (scores.dim() != 2 || scores.size(0) == 0 || scores.size(1) < 2 || !scores.is_floating_point()) {
    return;
  }
  const std::int64_t bins = std::min(scores.size(1), kClassBins);
  const at::Tensor each = probabilities(scores);
  const at::Tensor counts = count_classes(each, bins);
  const at::Tensor latest = stream.narrow(0, kClasses + 2 * kClassBins, bins);
  const at::Tensor history = stream.narrow(0, kClasses, bins);
  const at::Tensor recent = stream.narrow(0, kClasses + kClassBins, bins);
  const at::Tensor memory =
      at::where(stream[kRemembered] > 0, stream[kRemembered], at::full_like(stream[kRemembered], rule.memory));
  const at::Tensor keep = at::where(stream[kSites] > 0, stream[kKeepSum] / stream[kSites].clamp_min(1), 1.0);

  const at::Tensor next = at_most(history * keep + counts, memory);
  const at::Tensor next_recent = at_most(recent + counts, at::full_like(memory, rule.memory_diverse));
  const at::Tensor older = at_most(latest, (kLatestImages - counts.sum()).clamp_min(0));
  const at::Tensor next_latest = older + counts;
  const at::Tensor u = concentration(next_recent);
  set_if(uncounted, next, history);
  set_if(uncounted, next_recent, recent);
  set_if(uncounted, next_latest, latest);
  set_if(uncounted, concentration(next_latest), stream[kLatest]);
  set_if(uncounted, concentration(next), stream[kConcentration]);
  set_if(uncounted, rule.memory_diverse + (rule.memory - rule.memory_diverse) * u / (u + kConcentratedStream),
         stream[kMemory]);
  finish_neighbours(rule, each, uncounted, stream);
  set_if(uncounted, remembered(rule, stream), stream[kRemembered]);
  stream[kNoScores].zero_();
  stream[kCounted].fill_(1);
}

void take_first_look(const rule::Auto&, const at::Tensor& looked, at::Tensor& stream) {
  for (const Stream number : {kLooked, kConcentration, kRatios, kRatioCount}) {
    stream[number].copy_(looked[number]);
  }
}

std::vector<std::string> findings(const rule::Auto& rule, const at::Tensor& stream) {
  std::vector<std::string> out;
  if (rule.neighbours == 0) {
    return out;
  }
  const at::Tensor here = stream.narrow(0, 0, kClasses).to(at::kCPU).contiguous();
  const auto* numbers = here.data_ptr<double>();
  const double share = neighbour_share(rule, numbers);
  if (share >= kLeastReported) {
    out.push_back("the stream is mixed of several domains: at the first layers " +
                  std::to_string(std::lround(100 * share)) +
                  " % of what counts for an image are the latest images that it is like");
  }
  const double remembered = numbers[kRemembered];
  if (remembered < kDriftReported * numbers[kMemory]) {
    out.push_back("the stream drifts: of " + std::to_string(std::lround(numbers[kMemory])) +
                  " images only the latest " + std::to_string(std::lround(remembered)) + " or so are remembered");
  }
  return out;
}

}  // namespace ttscale::stats
