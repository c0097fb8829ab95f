// SPDX-License-Identifier: MIT
#include "graph/sampler.h"

#include <ATen/ATen.h>

namespace ttscale::graph {
namespace {

/// Tells sites what to measure, for as long as it lives.
class Measuring {
 public:
  Measuring(at::Tensor stream, stats::Measure what, std::int64_t of) : stream_(std::move(stream)) {
    stats::set_measure(stream_, what, of);
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

at::Tensor Sampler::forward(const at::Tensor& images, const std::function<at::Tensor(const at::Tensor& images)>& run) {
  const std::int64_t size = images.dim() > 0 ? images.size(0) : 0;
  const stats::Sample sample = size > 0 ? stats::next_sample(rule_, size, first_) : stats::Sample{};
  if (sample.count == 0 || sample.count == size) {
    return run(images);  // sites find the same
  }
  const auto run_with = [&](const at::Tensor& some, stats::Measure what) {
    const Measuring measuring(first_.stream, what, sample.of);
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
