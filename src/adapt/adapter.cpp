// SPDX-License-Identifier: MIT
// adapt() and streams: one rewritten program, a state per stream.
#include "ttscale/adapter.h"

#include <algorithm>
#include <limits>

#include <ATen/ATen.h>

#include "adapt/input_script.h"
#include "adapt/state_file.h"
#include "graph/archive.h"
#include "graph/call.h"
#include "graph/fingerprint.h"
#include "graph/rewrite.h"
#include "ops/site_checks.h"
#include "stats/rules.h"
#include "ttscale/bake.h"
#include "ttscale/error.h"

#include <torch/csrc/jit/api/module.h>

namespace ttscale {
namespace {

/// The state of all sites of a stream in one tensor, so that a snapshot, a rollback and a reset are one copy each. In
/// front lie the stream's own counters (a site in a loop or branch counts otherwise) and those of the sites.
class StreamState {
 public:
  StreamState(const std::vector<graph::RewrittenSite>& sites, const at::Device& device)
      : sites_(static_cast<std::int64_t>(sites.size())) {
    // Normal tensors also under InferenceMode: they are updated in place for as long as the stream lives, in any mode.
    const c10::InferenceMode normal(false);
    std::int64_t size = (1 + sites_) * ops::kCounters;
    for (const auto& site : sites) {
      size += (ops::kRunningRows + ops::kLastRows) * site.mean.numel();
    }
    all_ = at::zeros({size}, at::TensorOptions().dtype(at::kDouble).device(device));
    std::int64_t offset = (1 + sites_) * ops::kCounters;
    const auto take = [&](std::int64_t rows, std::int64_t channels) {
      offset += rows * channels;
      return all_.narrow(0, offset - rows * channels, rows * channels).view({rows, channels});
    };
    for (std::int64_t i = 0; i < sites_; ++i) {
      const std::int64_t channels = sites[static_cast<std::size_t>(i)].mean.numel();
      const at::Tensor running = take(ops::kRunningRows, channels);
      tensors_.push_back({running, counters(all_).select(0, 1 + i), take(ops::kLastRows, channels)});
    }
  }

  [[nodiscard]] const std::vector<graph::SiteTensors>& tensors() const { return tensors_; }
  [[nodiscard]] const at::Tensor& all() const { return all_; }
  [[nodiscard]] at::Tensor snapshot() const { return all_.clone(); }
  void restore(const at::Tensor& snapshot) { all_.copy_(snapshot); }
  void clear() { all_.zero_(); }

  /// Counts the batch that came after the snapshot. If its images are not finite, or any site refused it, all sites
  /// forget it and only the refusal counts. No host synchronisation.
  void keep_all_or_nothing(const at::Tensor& images, const at::Tensor& before) {
    if (images.numel() == 0) {
      restore(before);
      return;
    }
    const auto sites = [&](const at::Tensor& state) { return counters(state).narrow(0, 1, sites_); };
    // A ReLU can hide an Inf of the images from every site behind it.
    const at::Tensor refused = images.isfinite().all().logical_not().logical_or(
        (sites(all_).select(1, 2) != sites(before).select(1, 2)).any());
    all_.copy_(at::where(refused, before, all_));
    const at::Tensor no = refused.to(at::kDouble);
    const at::Tensor yes = 1 - no;
    counters(all_).select(0, 0).add_(at::stack({yes * static_cast<double>(images.size(0)), yes, no}));
  }

  /// Images, batches, batches rejected.
  [[nodiscard]] at::Tensor totals() const { return counters(all_).select(0, 0).cpu(); }

 private:
  [[nodiscard]] at::Tensor counters(const at::Tensor& state) const {
    return state.narrow(0, 0, (1 + sites_) * ops::kCounters).view({1 + sites_, ops::kCounters});
  }

  std::int64_t sites_;
  at::Tensor all_;
  std::vector<graph::SiteTensors> tensors_;
};

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

/// The sites of a reference that belongs to the model.
const std::vector<ReferenceSite>& checked(const Reference& reference, const torch::jit::Module& module) {
  const std::string model = graph::fingerprint(module);
  if (reference.model != model) {
    throw ModelError("the reference belongs to another model: expected " + model + ", found " + reference.model +
                     "; calibrate this one");
  }
  return reference.sites;
}

std::string fingerprint_of(const std::vector<ReferenceSite>& sites) {
  std::vector<at::Tensor> tensors;
  for (const ReferenceSite& site : sites) {
    tensors.insert(tensors.end(), {site.mean, site.var, site.eps});
  }
  return tensors.empty() ? std::string() : graph::fingerprint(tensors);
}

/// An eps is in the units of a BatchNorm's input, which a feature site does not know.
void refuse_eps(const Rule& rule, const std::vector<Site>& sites) {
  const auto feature = std::find_if(sites.begin(), sites.end(), [](const Site& site) { return site.feature; });
  if (stats::eps_override(rule) && feature != sites.end()) {
    throw UsageError("rule " + to_string(rule) + ": eps belongs to BatchNorm layers, and " + feature->name +
                     " is a feature site, which has none; leave eps out");
  }
}

}  // namespace

Snapshot::Snapshot(std::shared_ptr<const graph::Program> program, std::string rule, at::Tensor state)
    : program_(std::move(program)), rule_(std::move(rule)), state_(std::move(state)) {}

struct AdaptedModel::Impl {
  std::shared_ptr<const graph::Program> program;
  std::string reference;  ///< fingerprint of the reference in use; empty without
  AdaptOptions options;
  std::vector<Site> sites;
};

struct Stream::Impl {
  std::shared_ptr<const graph::Program> program;
  std::string reference;  ///< fingerprint
  InputScaling input;
  std::string rule;
  StreamState state;
  graph::Instance instance;

  [[nodiscard]] StateFile describe() const;
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
    impl_->state.keep_all_or_nothing(images, before);
    return output;
  } catch (...) {
    impl_->state.restore(before);
    throw;
  }
}

void Stream::reset() { impl_->state.clear(); }

Snapshot Stream::snapshot() const { return Snapshot(impl_->program, impl_->rule, impl_->state.snapshot()); }

void Stream::rollback(const Snapshot& snapshot) {
  if (snapshot.program_ != impl_->program || snapshot.rule_ != impl_->rule) {
    throw UsageError("rollback: expected a snapshot of a stream of this model under rule " + impl_->rule +
                     ", found one of " +
                     (snapshot.program_ != impl_->program ? "another model" : "rule " + snapshot.rule_));
  }
  impl_->state.restore(snapshot.state_);
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

void Stream::load(const std::filesystem::path& file) { impl_->state.restore(read_state(file, impl_->describe())); }

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
    out.sites.push_back(
        site_report(sites[i], impl_->state.tensors()[i].last.to(at::kCPU, /*non_blocking=*/false, /*copy=*/true)));
  }
  return out;
}

namespace {

torch::jit::Module with_input(torch::jit::Module module, const graph::Program& program, const InputScaling& input,
                              const BakeOptions& options) {
  constexpr const char* kName = "_ttscale_input";
  if (options.input && !std::holds_alternative<std::monostate>(input)) {
    graph::prepend_script(module, program.call(), kName, input_script(kName, input));
  }
  return module;
}

}  // namespace

torch::jit::Module online(const Stream& stream, const BakeOptions& options) {
  const Stream::Impl& impl = *stream.impl_;
  return with_input(impl.program->online(impl.rule, impl.state.tensors()), *impl.program, impl.input, options);
}

void check_bakeable(const Rule& rule) {
  if (!std::holds_alternative<rule::Source>(rule) && !stats::has_state(rule)) {
    throw UsageError("bake: rule " + to_string(rule) +
                     " takes its statistics from each batch anew and keeps none that could be fixed; use cumulative, "
                     "ema or dua");
  }
}

torch::jit::Module bake(const Stream& stream, const BakeOptions& options) {
  const Stream::Impl& impl = *stream.impl_;
  const Rule rule = parse_rule(impl.rule);
  check_bakeable(rule);
  const bool source = std::holds_alternative<rule::Source>(rule);
  if (!source && impl.state.totals()[1].item<double>() == 0) {
    throw UsageError("bake: the stream has seen no images yet, so that there is nothing to fix; run forward first");
  }
  std::vector<graph::FixedMoments> fixed;
  const auto& sites = impl.program->sites();
  for (std::size_t i = 0; i < sites.size(); ++i) {
    const graph::SiteTensors& tensors = impl.state.tensors()[i];
    // A site in a branch that no image took is still at the source.
    const bool seen = !source && tensors.counters[1].item<double>() > 0;
    const at::Tensor running = tensors.running.to(at::kCPU, /*non_blocking=*/false, /*copy=*/true);
    const stats::Moments at_source{sites[i].mean, sites[i].var};
    const stats::Moments used = seen ? stats::select_part(rule, at_source, {running[0], running[1]}) : at_source;
    fixed.push_back({used.mean, used.var});
  }
  return with_input(impl.program->bake(fixed, stats::eps_override(rule)), *impl.program, impl.input, options);
}

AdaptedModel::AdaptedModel(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Stream AdaptedModel::stream() const { return stream(impl_->options.rule); }

Stream AdaptedModel::stream(const Rule& rule) const {
  validate(rule);
  refuse_eps(rule, impl_->sites);
  StreamState state(impl_->program->sites(), impl_->program->device());
  const std::string text = to_string(rule);
  graph::Instance instance = impl_->program->instantiate(text, state.tensors());
  return Stream(std::make_unique<Stream::Impl>(Stream::Impl{impl_->program, impl_->reference, impl_->options.input,
                                                            text, std::move(state), std::move(instance)}));
}

std::vector<Site> AdaptedModel::sites() const { return impl_->sites; }
AdaptOptions AdaptedModel::options() const { return impl_->options; }

AdaptedModel adapt(const torch::jit::Module& module, const AdaptOptions& options) {
  validate(options.rule);
  validate(options.input);
  std::string fingerprint;
  if (options.reference) {
    fingerprint = fingerprint_of(checked(*options.reference, module));
  }
  auto program = std::make_shared<const graph::Program>(module, options);
  std::vector<Site> sites;
  for (const auto& site : program->sites()) {
    sites.push_back(site.site);
  }
  return AdaptedModel(std::make_shared<const AdaptedModel::Impl>(
      AdaptedModel::Impl{std::move(program), std::move(fingerprint), options, std::move(sites)}));
}

AdaptedModel adapt(const std::filesystem::path& archive, const AdaptOptions& options, const std::string& device) {
  return adapt(graph::load(archive, device), options);
}

}  // namespace ttscale
