// SPDX-License-Identifier: MIT
// adapt() and streams: one rewritten program, a state per stream.
#include "ttscale/adapter.h"

#include <ATen/ATen.h>

#include "graph/archive.h"
#include "graph/rewrite.h"
#include "ops/norm.h"
#include "stats/rules.h"
#include "ttscale/error.h"

#include <torch/csrc/jit/api/module.h>

namespace ttscale {
namespace {

/// The state of all sites of a stream in one tensor, so that a snapshot, a rollback and a reset are one copy each. Counters come first.
class StreamState {
 public:
  StreamState(const std::vector<graph::RewrittenSite>& sites, const at::Device& device) : sites_(static_cast<std::int64_t>(sites.size())) {
    // Normal tensors also under InferenceMode: they are updated in place for as long as the stream lives, in any mode.
    const c10::InferenceMode normal(false);
    std::int64_t size = sites_ * ops::kCounters;
    for (const auto& site : sites) {
      size += (ops::kRunningRows + ops::kLastRows) * site.mean.numel();
    }
    all_ = at::zeros({size}, at::TensorOptions().dtype(at::kDouble).device(device));
    std::int64_t offset = sites_ * ops::kCounters;
    const auto take = [&](std::int64_t rows, std::int64_t channels) {
      offset += rows * channels;
      return all_.narrow(0, offset - rows * channels, rows * channels).view({rows, channels});
    };
    for (std::int64_t i = 0; i < sites_; ++i) {
      const std::int64_t channels = sites[static_cast<std::size_t>(i)].mean.numel();
      const at::Tensor running = take(ops::kRunningRows, channels);
      tensors_.push_back({running, all_.narrow(0, i * ops::kCounters, ops::kCounters), take(ops::kLastRows, channels)});
    }
  }

  [[nodiscard]] const std::vector<graph::SiteTensors>& tensors() const { return tensors_; }
  [[nodiscard]] at::Tensor snapshot() const { return all_.clone(); }
  void restore(const at::Tensor& snapshot) { all_.copy_(snapshot); }
  void clear() { all_.zero_(); }

  /// If any site refused the batch that came after the snapshot, all sites forget it and only count the refusal. No host synchronisation.
  void keep_all_or_nothing(const at::Tensor& before) {
    const auto refusals = [&](const at::Tensor& state) { return state.narrow(0, 0, sites_ * ops::kCounters).view({sites_, ops::kCounters}).select(1, 2); };
    const at::Tensor refused = (refusals(all_) != refusals(before)).any();
    const at::Tensor kept = refusals(before) + refused.to(at::kDouble);
    all_.copy_(at::where(refused, before, all_));
    refusals(all_).copy_(kept);
  }

  /// Columns: images, batches, batches rejected.
  [[nodiscard]] at::Tensor counters() const { return all_.narrow(0, 0, sites_ * ops::kCounters).view({sites_, ops::kCounters}); }

 private:
  std::int64_t sites_;
  at::Tensor all_;
  std::vector<graph::SiteTensors> tensors_;
};

}  // namespace

struct AdaptedModel::Impl {
  std::shared_ptr<const graph::Program> program;
  AdaptOptions options;
  std::vector<Site> sites;
};

struct Stream::Impl {
  std::shared_ptr<const graph::Program> program;
  InputScaling input;
  std::string rule;
  StreamState state;
  graph::Instance instance;
};

Stream::Stream(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Stream::Stream(Stream&&) noexcept = default;
Stream& Stream::operator=(Stream&&) noexcept = default;
Stream::~Stream() = default;

at::Tensor Stream::forward(const at::Tensor& images) {
  const at::NoGradGuard no_grad;
  const at::Tensor before = impl_->state.snapshot();
  try {
    at::Tensor output = impl_->instance.forward(scale_input(images, impl_->input));
    impl_->state.keep_all_or_nothing(before);
    return output;
  } catch (...) {
    impl_->state.restore(before);
    throw;
  }
}

void Stream::reset() { impl_->state.clear(); }

StreamReport Stream::report() const {
  StreamReport out;
  out.rule = impl_->rule;
  const at::Tensor most = std::get<0>(impl_->state.counters().cpu().max(0));  // a site in a branch may have run less often
  const auto count = [&](std::int64_t column) { return static_cast<std::int64_t>(most[column].item<double>()); };
  out.images = count(0);
  out.batches = count(1);
  out.rejected = count(2);
  const auto& sites = impl_->program->sites();
  for (std::size_t i = 0; i < sites.size(); ++i) {
    const at::Tensor last = impl_->state.tensors()[i].last.to(at::kCPU, /*non_blocking=*/false, /*copy=*/true);
    const bool seen = last.select(0, 3).gt(0).any().item<bool>();  // what was used has a positive variance somewhere
    const at::Tensor none = at::full_like(last[0], std::numeric_limits<double>::quiet_NaN());
    SiteReport site{sites[i].site.name, sites[i].mean, sites[i].var, none, none, sites[i].mean, sites[i].var, 0, 0};
    if (seen) {
      site.batch_mean = last[0];
      site.batch_var = last[1];
      site.used_mean = last[2];
      site.used_var = last[3];
      const stats::Moments source{site.source_mean, site.source_var};
      site.batch_distance = stats::hellinger({last[0], last[1]}, source).mean().item<double>();
      site.used_distance = stats::hellinger({last[2], last[3]}, source).mean().item<double>();
    }
    out.sites.push_back(std::move(site));
  }
  return out;
}

AdaptedModel::AdaptedModel(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Stream AdaptedModel::stream() const { return stream(impl_->options.rule); }

Stream AdaptedModel::stream(const Rule& rule) const {
  validate(rule);
  StreamState state(impl_->program->sites(), impl_->program->device());
  const std::string text = to_string(rule);
  graph::Instance instance = impl_->program->instantiate(text, state.tensors());
  return Stream(std::make_unique<Stream::Impl>(Stream::Impl{impl_->program, impl_->options.input, text, std::move(state), std::move(instance)}));
}

const std::vector<Site>& AdaptedModel::sites() const { return impl_->sites; }
const AdaptOptions& AdaptedModel::options() const { return impl_->options; }

AdaptedModel adapt(const torch::jit::Module& module, const AdaptOptions& options) {
  validate(options.rule);
  validate(options.input);
  auto program = std::make_shared<const graph::Program>(module, options.layers, options.skip_layers);
  std::vector<Site> sites;
  for (const auto& site : program->sites()) {
    sites.push_back(site.site);
  }
  return AdaptedModel(std::make_shared<const AdaptedModel::Impl>(AdaptedModel::Impl{std::move(program), options, std::move(sites)}));
}

AdaptedModel adapt(const std::filesystem::path& archive, const AdaptOptions& options, const std::string& device) {
  return adapt(graph::load(archive, device), options);
}

}  // namespace ttscale
