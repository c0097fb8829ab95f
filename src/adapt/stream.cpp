// SPDX-License-Identifier: MIT
// Streams: a program, and a state of their own.
#include <limits>

#include <ATen/ATen.h>

#include "adapt/stream_impl.h"
#include "stats/rules.h"
#include "ttscale/error.h"

namespace ttscale {
namespace {

/// A row per moment; rows of zeros where nothing was measured.
SiteReport site_report(const graph::RewrittenSite& site, const at::Tensor& last) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  const at::Tensor none = at::full_like(site.mean, kNone);
  SiteReport out{site.site.name,
                 site.mean.clone(),
                 site.var.clone(),
                 none,
                 none.clone(),
                 site.mean.clone(),
                 site.var.clone(),
                 kNone,
                 0,
                 0};
  if (last.select(0, 3).gt(0).any().item<bool>()) {  // what was used has a positive variance somewhere
    out.batch_mean = last[0];
    out.batch_var = last[1];
    out.used_mean = last[2];
    out.used_var = last[3];
    const stats::Moments source{out.source_mean, out.source_var};
    out.batch_distance = stats::hellinger({last[0], last[1]}, source).mean().item<double>();
    out.used_distance = stats::hellinger({last[2], last[3]}, source).mean().item<double>();
    out.dead_channels = (last[1] < stats::kDeadShare * out.source_var).sum().item<std::int64_t>();
  }
  return out;
}

}  // namespace

Snapshot::Snapshot(std::shared_ptr<const graph::Program> program, std::string rule, at::Tensor state, bool fresh)
    : program_(std::move(program)), rule_(std::move(rule)), state_(std::move(state)), fresh_(fresh) {}

Stream::Stream(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Stream::Stream(Stream&&) noexcept = default;
Stream& Stream::operator=(Stream&&) noexcept = default;
Stream::~Stream() = default;

at::Tensor Stream::Impl::forward(const at::Tensor& images, const at::Tensor& before) {
  const bool can_look = !program->sites().empty() && !program->changes_itself();
  const bool looks =
      fresh && can_look && stats::looks_first(options) && images.dim() > 0 && images.size(0) > stats::kFirstLookImages;
  if (looks) {
    instance.forward(images);
    const at::Tensor looked = state.tensors().stream.clone();
    state.restore(before);
    at::Tensor stream = state.tensors().stream;
    stats::take_first_look(options, looked, stream);
  }
  at::Tensor output = instance.forward(images);
  fresh = fresh && images.numel() == 0;
  return output;
}

at::Tensor Stream::forward(const at::Tensor& images) {
  const at::NoGradGuard no_grad;
  const at::Tensor before = impl_->state.snapshot();
  try {
    at::Tensor output = impl_->forward(scale_input(images, impl_->input), before);
    impl_->state.keep_all_or_nothing(images, before);
    return output;
  } catch (...) {
    impl_->state.restore(before);
    throw;
  }
}

void Stream::reset() {
  impl_->state.clear();
  impl_->fresh = true;
}

Snapshot Stream::snapshot() const {
  return Snapshot(impl_->program, impl_->rule, impl_->state.snapshot(), impl_->fresh);
}

void Stream::rollback(const Snapshot& snapshot) {
  if (snapshot.program_ != impl_->program || snapshot.rule_ != impl_->rule) {
    throw UsageError("rollback: expected a snapshot of a stream of this model under rule " + impl_->rule +
                     ", found one of " +
                     (snapshot.program_ != impl_->program ? "another model" : "rule " + snapshot.rule_));
  }
  impl_->state.restore(snapshot.state_);
  impl_->fresh = snapshot.fresh_;
}

StateFile Stream::Impl::describe() const {
  const auto images = static_cast<std::int64_t>(state.totals()[0].item<double>());
  StateFile out{program->fingerprint(), reference, rule, {}, images, state.all().to(at::kCPU)};
  for (const auto& site : program->sites()) {
    out.sites.push_back(site.site.name);
  }
  return out;
}

void Stream::save(const std::filesystem::path& file) const { write_state(file, impl_->describe()); }

void Stream::load(const std::filesystem::path& file) {
  impl_->state.restore(read_state(file, impl_->describe()));
  impl_->fresh = impl_->state.totals()[1].item<double>() == 0;
}

StreamReport Stream::report() const {
  StreamReport out;
  out.rule = impl_->rule;
  const at::Tensor totals = impl_->state.totals();
  const auto count = [&](std::int64_t column) { return static_cast<std::int64_t>(totals[column].item<double>()); };
  out.images = count(0);
  out.batches = count(1);
  out.rejected = count(2);
  const auto& sites = impl_->program->sites();
  for (std::size_t i = 0; i < sites.size(); ++i) {
    out.sites.push_back(site_report(
        sites[i], impl_->state.tensors().sites[i].last.to(at::kCPU, /*non_blocking=*/false, /*copy=*/true)));
  }
  return out;
}

}  // namespace ttscale
