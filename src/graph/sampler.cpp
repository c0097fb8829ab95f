// SPDX-License-Identifier: MIT
#include "graph/sampler.h"

#include <algorithm>

#include <ATen/ATen.h>

namespace ttscale::graph {
namespace {

/// Tells sites what to measure, for as long as it lives.
class Measuring {
 public:
  Measuring(at::Tensor stream, stats::Measure what, const stats::Sample& sample) : stream_(std::move(stream)) {
    stats::set_measure(stream_, what, sample.count, sample.of);
  }
  ~Measuring() { stats::set_measure(stream_, stats::Measure::kAsDue); }
  Measuring(const Measuring&) = delete;
  Measuring& operator=(const Measuring&) = delete;
  Measuring(Measuring&&) = delete;
  Measuring& operator=(Measuring&&) = delete;

 private:
  at::Tensor stream_;
};

}  // namespace

stats::Sample Sampler::next(const at::Tensor& images) const {
  if (images.dim() == 0 || images.numel() == 0) {
    return {};  // all of nothing
  }
  // A site in a branch may have seen less.
  const auto less = [](const stats::SiteState& a, const stats::SiteState& b) {
    return stats::offered(a) < stats::offered(b);
  };
  return stats::next_sample(rule_, images.size(0), *std::max_element(sites_.begin(), sites_.end(), less));
}

Sampler::Share Sampler::next_share(const at::Tensor& images) const {
  const stats::Sample sample = next(images);
  if (sample.count == sample.of) {
    return Share::kAll;
  }
  return sample.count == 0 ? Share::kNone : Share::kSome;
}

at::Tensor Sampler::run_in_parts(const at::Tensor& images, const Run& run) const {
  const stats::Sample sample = next(images);
  const std::int64_t size = images.size(0);
  const auto run_with = [&](const at::Tensor& some, stats::Measure what) {
    const Measuring measuring(sites_.front().stream, what, sample);
    at::Tensor output = run(some);
    TORCH_CHECK(output.dim() > 0 && output.size(0) == some.size(0), "the output has no row for each image");
    return output;
  };
  const std::int64_t behind = sample.first + sample.count;
  const at::Tensor ahead = images.narrow(0, 0, sample.first);
  const at::Tensor after = images.narrow(0, behind, size - behind);
  const at::Tensor others = ahead.size(0) == 0 ? after : after.size(0) == 0 ? ahead : at::cat({ahead, after});
  const bool lags = stats::lags(rule_);
  at::Tensor unmeasured = lags ? run_with(others, stats::Measure::kNothing) : at::Tensor();
  const at::Tensor measured = run_with(images.narrow(0, sample.first, sample.count), stats::Measure::kAll);
  unmeasured = lags ? unmeasured : run_with(others, stats::Measure::kNothing);
  return at::cat({unmeasured.narrow(0, 0, sample.first), measured,
                  unmeasured.narrow(0, sample.first, unmeasured.size(0) - sample.first)});
}

}  // namespace ttscale::graph
