// SPDX-License-Identifier: MIT
// Streams: a program, and a state of their own.
#include <limits>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "adapt/limits.h"
#include "adapt/stream_impl.h"
#include "base/message_text.h"
#include "stats/rules.h"
#include "stats/sampling.h"
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

constexpr const char* kNoRows = "the output has no row per image";
constexpr const char* kFailsOnAPart = "the model fails on a part of the batch alone: ";

/// A copy of the images, or rows of an output, at the positions.
at::Tensor rows_at(const at::Tensor& t, const std::vector<std::int64_t>& positions) {
  return t.index_select(0, at::tensor(positions, at::kLong).to(t.device()));
}

/// Neither a batch that counted, nor one that was refused.
bool has_met_nothing(const StreamState& state) {
  const at::Tensor totals = state.totals();
  return totals[1].item<double>() == 0 && totals[2].item<double>() == 0;
}

}  // namespace

Snapshot::Snapshot(std::shared_ptr<const Content> content) : content_(std::move(content)) {}

Stream::Stream(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Stream::Stream(Stream&&) noexcept = default;
Stream& Stream::operator=(Stream&&) noexcept = default;
Stream::~Stream() = default;

std::string Stream::Impl::rule_now() const {
  const auto* automatic = std::get_if<rule::Auto>(&options);
  if (automatic == nullptr || watch.answer() == Answer::kAdapted) {
    return rule;
  }
  rule::Auto weakened = *automatic;
  weakened.weight /= 2;
  return to_string(Rule(weakened));
}

graph::Instance& Stream::Impl::instance_now() {
  if (watch.answer() == Answer::kAdapted || !std::holds_alternative<rule::Auto>(options)) {
    return instance;
  }
  if (!blended) {
    blended = program->instantiate(rule_now(), state.tensors());
  }
  return *blended;
}

at::Tensor Stream::Impl::adapted(const at::Tensor& images, const at::Tensor& before) {
  graph::Instance& runner = instance_now();
  const bool can_look = !program->sites().empty() && !program->changes_itself();
  const bool looks =
      fresh && can_look && stats::looks_first(options) && images.dim() > 0 && images.size(0) > stats::kFirstLookImages;
  if (looks) {
    runner.forward(images.clone(), [&] { state.restore(before); });  // a model may write into its input
    const at::Tensor looked = state.tensors().stream.clone();
    state.restore(before);
    at::Tensor stream = state.tensors().stream;
    stats::take_first_look(options, looked, stream);
  }
  const at::Tensor start = looks ? state.snapshot() : before;
  at::Tensor output = runner.forward(images, [&] { state.restore(start); });
  fresh = fresh && images.numel() == 0;
  return output;
}

at::Tensor Stream::Impl::unadapted(const at::Tensor& images, bool exact) {
  const Rule none = rule::Source{};
  if (!source_state) {
    source_state.emplace(none, program->sites(), program->device());
  }
  std::optional<graph::Instance>& runner = exact ? exact_source : source;
  if (!runner) {
    runner = program->instantiate(to_string(none), source_state->tensors(), exact);
  }
  return runner->forward(images, [] {});
}

at::Tensor Stream::Impl::forward(const at::Tensor& images, const at::Tensor& before) {
  return watch.answer() == Answer::kSource ? answer_source(images, before) : answer_adapted(images, before);
}

at::Tensor Stream::Impl::answer_adapted(const at::Tensor& images, const at::Tensor& before) {
  const std::vector<std::int64_t> due = watch.due(images.dim() > 0 ? images.size(0) : 0);
  const at::Tensor some = due.empty() ? at::Tensor() : rows_at(images, due);  // a model may write into its input
  at::Tensor output = adapted(scale_input(images, input), before);
  state.keep_all_or_nothing(images, before);
  if (!due.empty() && (output.dim() == 0 || output.size(0) != images.size(0))) {
    watch.stop_watching(kNoRows);
  } else if (!due.empty()) {
    look_again(some, rows_at(output, due));
  }
  if (watch.holds()) {
    state.go_back(before);
  }
  return output;
}

/// A second look that fails is no failure of the stream.
void Stream::Impl::look_again(const at::Tensor& images, const at::Tensor& adapted) {
  at::Tensor output;
  try {
    output = unadapted(images.clone());
  } catch (const std::exception& error) {
    watch.stop_watching(kFailsOnAPart + shown(error.what()));
    return;
  }
  probe_input(images, output);
  judge(output, adapted);
}

at::Tensor Stream::Impl::answer_source(const at::Tensor& images, const at::Tensor& before) {
  const std::vector<std::int64_t> due = watch.due(images.dim() > 0 ? images.size(0) : 0);
  // The weights of other rules depend on the size of a batch, and a part would be judged by less than the whole.
  const bool in_part = std::holds_alternative<rule::Auto>(options);
  at::Tensor tried;
  if (!due.empty()) {
    tried = in_part ? rows_at(images, due) : images.clone();  // a model may write into its input
  }
  at::Tensor output = unadapted(images, /*exact=*/true);
  if (!due.empty()) {
    try_again(tried, due, output, before);
  }
  return output;
}

/// Whether adapting would do good by now, as the images say that are due: `images` are these, or all. A trial that
/// fails is no failure of the stream either.
void Stream::Impl::try_again(const at::Tensor& images, const std::vector<std::int64_t>& due,
                             const at::Tensor& unadapted, const at::Tensor& before) {
  if (unadapted.dim() == 0 || unadapted.size(0) <= due.back()) {
    watch.stop_watching(kNoRows);
    return;
  }
  const bool in_part = images.size(0) == static_cast<std::int64_t>(due.size());
  at::Tensor trial;
  try {
    const at::Tensor output = adapted(scale_input(images, input), before);
    trial = in_part ? output : rows_at(output, due);
    state.keep_all_or_nothing(images, before);
  } catch (const std::exception& error) {
    state.restore(before);
    watch.stop_watching((in_part ? kFailsOnAPart : "the adapted model fails: ") + shown(error.what()));
    return;
  }
  judge(rows_at(unadapted, due), trial);
}

/// A model may refuse a reading, by its range for one. Then there is none; the guard has lost nothing.
void Stream::Impl::probe_input(const at::Tensor& images, const at::Tensor& unadapted) {
  for (const InputProbe::Reading& reading : probe.readings(images)) {
    try {
      probe.add(reading.name, unadapted, this->unadapted(reading.images));
    } catch (const std::exception&) {
      continue;
    }
  }
}

void Stream::Impl::judge(const at::Tensor& unadapted, const at::Tensor& adapted) {
  switch (watch.add(unadapted, adapted)) {
    case Watch::Memory::kGoOn:
      break;
    case Watch::Memory::kMark:
      good = state.snapshot();
      break;
    case Watch::Memory::kGoBack:
      state.go_back(good.defined() ? good : state.beginning());
      fresh = has_met_nothing(state);
      break;
  }
}

at::Tensor Stream::forward(const at::Tensor& images) {
  const at::NoGradGuard no_grad;
  const at::Tensor before = impl_->state.snapshot();
  const bool fresh = impl_->fresh;
  const at::Tensor good = impl_->good;
  const Watch watch = impl_->watch;
  const InputProbe probe = impl_->probe;
  try {
    return impl_->forward(images, before);
  } catch (...) {
    impl_->state.restore(before);
    impl_->fresh = fresh;
    impl_->good = good;
    impl_->watch = watch;
    impl_->probe = probe;
    throw;
  }
}

void Stream::reset() {
  impl_->state.clear();
  impl_->fresh = true;
  impl_->good = at::Tensor();
  impl_->watch.reset();
  impl_->probe = {};
}

Snapshot Stream::snapshot() const {
  return Snapshot(std::make_shared<const Snapshot::Content>(Snapshot::Content{
      impl_->program, impl_->rule, impl_->state.snapshot(), impl_->fresh, impl_->good, impl_->watch, impl_->probe}));
}

void Stream::rollback(const Snapshot& snapshot) {
  const Snapshot::Content& content = *snapshot.content_;
  if (content.program != impl_->program || content.rule != impl_->rule) {
    throw UsageError("rollback: expected a snapshot of a stream of this model under rule " + impl_->rule +
                     ", found one of " +
                     (content.program != impl_->program ? "another model" : "rule " + content.rule));
  }
  impl_->state.restore(content.state);
  impl_->fresh = content.fresh;
  impl_->good = content.good;
  impl_->watch.go_back(content.watch);
  impl_->probe = content.probe;
}

StateFile Stream::Impl::describe() const {
  const auto images = static_cast<std::int64_t>(state.totals()[0].item<double>());
  StateFile out{program->fingerprint(), reference, rule, {}, images, state.snapshot().to(at::kCPU)};
  if (watch.asked_for()) {
    out.guard = watch.numbers();
    out.probe = probe.numbers();
    out.good = good.defined() ? good.to(at::kCPU) : good;
  }
  for (const auto& site : program->sites()) {
    out.sites.push_back(site.site.name);
  }
  return out;
}

void Stream::save(const std::filesystem::path& file) const { write_state(file, impl_->describe()); }

void Stream::load(const std::filesystem::path& file) {
  const SavedState saved = read_state(file, impl_->describe());
  Watch watch = impl_->watch;
  watch.reset();
  if (watch.asked_for() && saved.guard.defined() && !watch.from_numbers(saved.guard)) {
    throw DataError("state file " + file.string() + " holds numbers that no guard can have; it is damaged");
  }
  InputProbe probe;
  if (watch.asked_for() && saved.probe.defined() && !probe.from_numbers(saved.probe)) {
    throw DataError("state file " + file.string() +
                    " holds numbers that no probe of the input can have; it is damaged");
  }
  impl_->state.restore(saved.state);
  if (stats::sample_share(impl_->options)) {
    at::Tensor stream = impl_->state.tensors().stream;
    stats::set_measure(stream, stats::Measure::kAsDue);  // whatever the file says
  }
  impl_->fresh = has_met_nothing(impl_->state);
  impl_->good = saved.good.defined() ? saved.good.to(impl_->state.all().device()) : at::Tensor();
  impl_->watch = watch;
  impl_->probe = std::move(probe);
}

GuardReport Stream::guard() const {
  GuardReport out = impl_->watch.report();
  out.moments = impl_->mismatch;
  return out;
}

std::int64_t Stream::rejected() const { return static_cast<std::int64_t>(impl_->state.totals()[2].item<double>()); }

StreamReport Stream::report() const {
  StreamReport out;
  out.rule = impl_->rule;
  const at::Tensor totals = impl_->state.totals();
  const auto count = [&](std::int64_t column) { return static_cast<std::int64_t>(totals[column].item<double>()); };
  out.images = count(0);
  out.batches = count(1);
  out.rejected = count(2);
  out.guard = guard();
  const bool exact = std::holds_alternative<rule::Source>(impl_->options);
  out.optimized = !exact && impl_->program->is_optimized();
  out.unoptimized = exact ? "the rule is source" : impl_->program->why_not_optimized();
  const auto& sites = impl_->program->sites();
  for (std::size_t i = 0; i < sites.size(); ++i) {
    out.sites.push_back(site_report(
        sites[i], impl_->state.tensors().sites[i].last.to(at::kCPU, /*non_blocking=*/false, /*copy=*/true)));
  }
  std::vector<Site> described;
  described.reserve(sites.size());
  for (const auto& site : sites) {
    described.push_back(site.site);
  }
  out.findings = stats::findings(impl_->options, impl_->state.tensors().stream);
  out.warnings = impl_->probe.warnings();
  const std::vector<std::string> met = limits(out, impl_->options, described);
  out.warnings.insert(out.warnings.end(), met.begin(), met.end());
  return out;
}

}  // namespace ttscale
