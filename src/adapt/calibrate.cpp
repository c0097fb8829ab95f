// SPDX-License-Identifier: MIT
// calibrate(): sums of a probe become reference moments.
#include "ttscale/calibrate.h"

#include <algorithm>

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

/// Squared Hellinger distance, mean over the channels that live: two constants are as far apart as can be, however
/// little that is.
double distance_of_living(const stats::Moments& measured, const stats::Moments& stored) {
  constexpr double kLivingShare = 1e-4;  // of the mean variance of the site
  const at::Tensor living = stored.var > kLivingShare * stored.var.mean();
  const at::Tensor distances = stats::hellinger(measured, stored).masked_select(living);
  return distances.numel() > 0 ? distances.mean().item<double>() : -1;
}

/// Images of a shifted domain: its group in the probe is its position plus one.
struct Domain {
  std::string name;
  std::int64_t images = 0;
};

/// Sums of one site over the images of one domain.
struct DomainSums {
  at::Tensor sums;
  std::int64_t images = 0;
};

/// Sets the weights of a site. With d a domain of n_d images, m_d the mean over its images and S the pooled variance
/// between them,
///   S = sum_d sum_i (m_di - m_d)^2 / sum_d (n_d - 1),  T = max(0, mean_d ((m_d - m)^2 - S / n_d)).
/// The last term is what chance alone adds to the square. Where the domains are copies of the clean images, both means
/// share most of it: then T is a little too small, by at most S / n_d. Where they are other images, the mean m of the
/// clean ones has an error of its own, and T is too large by S over their number.
void measure_weights(const std::vector<DomainSums>& domains, ReferenceSite& site) {
  at::Tensor squares = at::zeros_like(site.mean);
  at::Tensor degrees = at::zeros_like(site.mean);
  for (const DomainSums& domain : domains) {
    squares = squares + domain.sums[3];
    degrees = degrees + domain.sums[0] - 1;
  }
  site.image_spread = squares / degrees;
  at::Tensor distance = at::zeros_like(site.mean);
  for (const DomainSums& domain : domains) {
    // As in moments_of(): passes of a loop are no more independent than the images.
    const at::Tensor n = domain.sums[0].clamp_max(static_cast<double>(domain.images));
    distance = distance + (domain.sums[1] - site.mean).square() - site.image_spread / n;
  }
  site.domain_shift = (distance / static_cast<double>(domains.size())).clamp_min(0);
}

/// The sums of a site over `images` images. Throws ModelError if they did not all count; `where` is "" or names the
/// images.
at::Tensor complete_sums(const graph::Probe& probe, std::size_t site, std::size_t group, std::int64_t images,
                         const std::string& where) {
  const std::string& name = probe.sites()[site].name;
  at::Tensor sums = probe.sums(site, group);
  if (!sums.defined()) {
    throw ModelError("calibrate: no image" + where + " has reached " + name +
                     ", which lies in a branch; leave it out with --features");
  }
  // In a loop a site sees each image more than once.
  if (sums[0].lt(static_cast<double>(images)).any().item<bool>()) {
    throw ModelError("calibrate: the features of " + name + " are NaN or Inf for some images" + where +
                     ", or some images do not reach it; check the model");
  }
  return sums;
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
  at::Tensor input = no_sums();      ///< sums of the input
  std::vector<Domain> domains = {};  ///< in the order in which they came

  void check(const at::Tensor& batch) const;
  [[nodiscard]] ReferenceSite site(std::size_t index) const;
};

Calibration::Calibration(const torch::jit::Module& module, const std::vector<std::string>& features,
                         const CallOptions& call)
    : impl_(std::make_unique<Impl>(Impl{graph::fingerprint(module), graph::Probe(module, features, call)})) {}
Calibration::Calibration(Calibration&&) noexcept = default;
Calibration& Calibration::operator=(Calibration&&) noexcept = default;
Calibration::~Calibration() = default;

void Calibration::Impl::check(const at::Tensor& batch) const {
  if (batch.dim() < 2 || !batch.is_floating_point() || batch.numel() == 0) {
    throw DataError(c10::str("calibrate: expected floating-point images [N, C, H, W], found ", batch.sizes(), " of ",
                             batch.scalar_type()));
  }
  if (!batch.isfinite().all().item<bool>()) {
    throw DataError("calibrate: the images hold NaN or Inf; check their preprocessing");
  }
  if (input.numel() > 0 && input.size(1) != batch.size(1)) {
    throw DataError(
        c10::str("calibrate: expected images of ", input.size(1), " channels as before, found ", batch.sizes()));
  }
}

void Calibration::add(const at::Tensor& images) {
  const c10::InferenceMode normal(false);  // the sums are updated in place by later calls, in any mode
  const at::NoGradGuard no_grad;           // second: InferenceMode(false) switches gradients on
  impl_->check(images);
  impl_->probe.run(images);
  ops::observe(images.cpu(), impl_->input);
  impl_->images += images.size(0);
}

void Calibration::add_shifted(const std::string& domain, const at::Tensor& images) {
  impl_->check(images);
  std::vector<Domain>& domains = impl_->domains;
  const auto known = std::find_if(domains.begin(), domains.end(), [&](const Domain& d) { return d.name == domain; });
  const auto group = static_cast<std::size_t>(known - domains.begin()) + 1;
  impl_->probe.run(images, group);
  if (known == domains.end()) {
    domains.push_back({domain});
  }
  domains[group - 1].images += images.size(0);
}

ReferenceSite Calibration::Impl::site(std::size_t index) const {
  SumMoments found = moments_of(complete_sums(probe, index, 0, images, ""), images);
  at::Tensor eps = found.var * stats::kDeadShare;
  ReferenceSite out{probe.sites()[index].name, std::move(found.mean), std::move(found.var), std::move(eps),
                    found.uncertainty};
  if (const auto& stored = probe.stored(index)) {
    out.stored_distance = distance_of_living({out.mean, out.var}, *stored);
  }
  std::vector<DomainSums> sums;
  for (std::size_t i = 0; i < domains.size(); ++i) {
    const Domain& domain = domains[i];
    sums.push_back({complete_sums(probe, index, i + 1, domain.images, " of " + domain.name), domain.images});
  }
  if (!sums.empty()) {
    measure_weights(sums, out);
  }
  return out;
}

Reference Calibration::result() const {
  if (impl_->images < 2) {
    throw DataError("calibrate: expected at least two images, found " + std::to_string(impl_->images) +
                    "; a few hundred make good references");
  }
  Reference out;
  out.model = impl_->model;
  out.images = impl_->images;
  for (const Domain& domain : impl_->domains) {
    if (domain.images < 2) {
      throw DataError("calibrate: expected at least two images of " + domain.name + ", found " +
                      std::to_string(domain.images) + "; a few hundred make good weights");
    }
    out.domains.push_back(domain.name);
  }
  for (std::size_t i = 0; i < impl_->probe.sites().size(); ++i) {
    out.sites.push_back(impl_->site(i));
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
