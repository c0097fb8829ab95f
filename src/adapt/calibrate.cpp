// SPDX-License-Identifier: MIT
// calibrate(): sums of a probe become reference moments.
#include "ttscale/calibrate.h"

#include <ATen/ATen.h>

#include <torch/csrc/jit/api/module.h>

#include "base/log.h"
#include "graph/fingerprint.h"
#include "graph/probe.h"
#include "graph/twin.h"
#include "ops/observe.h"
#include "stats/rules.h"
#include "ttscale/error.h"

namespace ttscale {
namespace {

struct SumMoments {
  at::Tensor mean, var;
  double uncertainty = 0;
};

/// Mean, biased variance over all images, and the standard error of the mean over the spread. In a loop a site sees an
/// image more than once; its passes count, but they are no more independent than the `images`.
SumMoments moments_of(const at::Tensor& sums, std::int64_t images) {
  const at::Tensor n = sums[0];
  const at::Tensor mean = sums[1].clone();
  const at::Tensor var = (sums[2] + sums[3]) / n;
  const at::Tensor error = (sums[3] / (n - 1) / n.clamp_max(static_cast<double>(images))).sqrt() / var.sqrt();
  const at::Tensor alive = error.masked_select(var > 0);
  return {mean, var, alive.numel() > 0 ? alive.median().item<double>() : 0.0};
}

/// Normal tensors also under InferenceMode: later calls update them in place, in any mode.
at::Tensor no_sums() {
  const c10::InferenceMode normal(false);
  return at::zeros({0}, at::kDouble);
}

}  // namespace

struct Calibration::Impl {
  std::string model;
  graph::Probe probe;
  std::int64_t images = 0;
  at::Tensor input = no_sums();  ///< sums of the input
};

Calibration::Calibration(const torch::jit::Module& module, const std::vector<std::string>& features,
                         const CallOptions& call)
    : impl_(std::make_unique<Impl>(Impl{graph::fingerprint(module), graph::Probe(module, features, call)})) {}
Calibration::Calibration(Calibration&&) noexcept = default;
Calibration& Calibration::operator=(Calibration&&) noexcept = default;
Calibration::~Calibration() = default;

void Calibration::add(const at::Tensor& images) {
  const c10::InferenceMode normal(false);  // the sums are updated in place by later calls, in any mode
  const at::NoGradGuard no_grad;           // second: InferenceMode(false) switches gradients on
  if (images.dim() < 2 || !images.is_floating_point() || images.numel() == 0) {
    throw DataError(c10::str("calibrate: expected floating-point images [N, C, H, W], found ", images.sizes(), " of ",
                             images.scalar_type()));
  }
  if (!images.isfinite().all().item<bool>()) {
    throw DataError("calibrate: the images hold NaN or Inf; check their preprocessing");
  }
  if (impl_->input.numel() > 0 && impl_->input.size(1) != images.size(1)) {
    throw DataError(c10::str("calibrate: expected images of ", impl_->input.size(1), " channels as before, found ",
                             images.sizes()));
  }
  impl_->probe.run(images);
  ops::observe(images.cpu(), impl_->input);
  impl_->images += images.size(0);
}

Reference Calibration::result() const {
  if (impl_->images < 2) {
    throw DataError("calibrate: expected at least two images, found " + std::to_string(impl_->images) +
                    "; a few hundred make good references");
  }
  Reference out;
  out.model = impl_->model;
  out.images = impl_->images;
  for (std::size_t i = 0; i < impl_->probe.sites().size(); ++i) {
    const std::string& name = impl_->probe.sites()[i].name;
    const at::Tensor sums = impl_->probe.sums(i);
    if (!sums.defined()) {
      throw ModelError("calibrate: no image has reached " + name +
                       ", which lies in a branch; leave it out with --features");
    }
    // In a loop a site sees each image more than once.
    if (sums[0].lt(static_cast<double>(impl_->images)).any().item<bool>()) {
      throw ModelError("calibrate: the features of " + name +
                       " are NaN or Inf for some images, or some images do not reach it; check the model");
    }
    SumMoments found = moments_of(sums, impl_->images);
    at::Tensor eps = found.var * stats::kDeadShare;
    out.sites.push_back({name, std::move(found.mean), std::move(found.var), std::move(eps), found.uncertainty});
  }
  SumMoments input = moments_of(impl_->input, impl_->images);
  out.input_mean = std::move(input.mean);
  out.input_var = std::move(input.var);
  return out;
}

std::vector<Site> Calibration::sites() const { return impl_->probe.sites(); }

Reference calibrate(const torch::jit::Module& module, const std::function<std::optional<at::Tensor>()>& next,
                    const std::vector<std::string>& features, const CallOptions& call) {
  Calibration calibration(module, features, call);
  while (const auto images = next()) {
    calibration.add(*images);
  }
  return calibration.result();
}

Reference reference_from_twin(const torch::jit::Module& folded, const torch::jit::Module& twin) {
  graph::TwinMatch match = graph::match_twin(folded, twin);
  if (match.unmatched > 0) {
    log(LogLevel::kWarning,
        std::to_string(match.unmatched) +
            " convolutions that look folded have no counterpart in the twin; they stay as they are");
  }
  Reference out;
  out.model = graph::fingerprint(folded);
  out.sites = std::move(match.sites);
  return out;
}

}  // namespace ttscale
