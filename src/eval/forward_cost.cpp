// SPDX-License-Identifier: MIT
// Every form is made, tried, and then timed with all others.
#include "eval/forward_cost.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <torch/csrc/jit/api/module.h>
#include <torch/cuda.h>

#include "adapt/stream_state.h"
#include "base/log.h"
#include "eval/option_checks.h"
#include "graph/archive.h"
#include "graph/input_type.h"
#include "graph/plain_forms.h"
#include "ttscale/bake.h"
#include "ttscale/error.h"

namespace ttscale::eval {
namespace {

constexpr image::Size kUsualSize{224, 224};
constexpr std::uint64_t kSeed = 0;

using graph::Forward;

/// A form on its way to being timed.
struct Trial {
  FormCost cost;
  Forward forward;
  at::Tensor images;
  std::int64_t period = 1;
  std::function<void(FormCost&)> finish = [](FormCost&) {};  ///< after the last call
};

/// Where forms are made.
struct Bench {
  const torch::jit::Module& module;
  const CostOptions& options;
  at::Tensor images;
  bool on_gpu;

  void interrupt() const {
    if (options.measuring.interrupt) {
      options.measuring.interrupt();
    }
  }
  /// A forward up to its end: a GPU works on when the call returns.
  at::Tensor run(const Forward& forward, const at::Tensor& batch) const {
    interrupt();
    at::Tensor output = forward(batch);
    if (on_gpu) {
      torch::cuda::synchronize(images.device().index());
    }
    return output;
  }
};

at::Tensor random_images(const torch::jit::Module& module, const CostOptions& options, std::int64_t batch_size) {
  const image::Preprocessing& preprocessing = options.preprocessing;
  const image::Size size = options.image_size();
  const at::Tensor pixels = at::rand({batch_size, preprocessing.in_chans, size.height, size.width},
                                     at::make_generator<at::CPUGeneratorImpl>(kSeed));
  return image::normalize(pixels, preprocessing.mean, preprocessing.std)
      .to(at::Device(options.device), graph::input_type(module));
}

/// Why a form that throws cannot be timed.
template <typename Step>
void attempt(FormCost& cost, Step step) {
  try {
    step();
  } catch (const ModelError& error) {
    cost.not_timed = error.what();
  } catch (const UsageError& error) {
    cost.not_timed = error.what();
  } catch (const DataError& error) {
    cost.not_timed = error.what();
  } catch (const Error&) {  // an interrupt
    throw;
  } catch (const std::exception& error) {
    cost.not_timed = graph::reason(error);
  }
}

/// The executor measures at the first call and optimises at the second; the third is as all that follow.
constexpr int kUntilOptimised = 3;

std::vector<Trial> unadapted(const Bench& bench) {
  std::vector<Trial> trials;
  at::Tensor expected;
  std::optional<std::string> unsteady;
  for (graph::PlainForm& form : graph::plain_forms(bench.module, bench.options.call)) {
    Trial trial;
    trial.cost.name = form.name;
    trial.cost.not_timed = form.why_not;
    trial.forward = std::move(form.forward);
    trial.images = bench.images.contiguous(form.images);
    if (trials.empty()) {  // what it throws is the caller's: nothing can be compared with
      expected = bench.run(trial.forward, trial.images);
      for (int call = 1; call < kUntilOptimised; ++call) {
        unsteady = graph::difference(expected, bench.run(trial.forward, trial.images));
      }
    } else if (unsteady && trial.cost.timed()) {
      trial.cost.not_timed = "the model's output differs from one call to the next, so that no form can be checked";
    } else if (trial.cost.timed()) {
      attempt(trial.cost, [&] {
        for (int call = 0; call < kUntilOptimised && trial.cost.timed(); ++call) {
          trial.cost.not_timed = graph::difference(expected, bench.run(trial.forward, trial.images)).value_or("");
        }
      });
    }
    trials.push_back(std::move(trial));
  }
  return trials;
}

/// Where the adapted form is not what was asked for.
std::string optimize_note(const StreamReport& report, const CostOptions& options) {
  const bool asked =
      options.optimize == Optimize::kAuto && !std::holds_alternative<rule::Source>(parse_rule(report.rule));
  return asked && !report.unoptimized.empty() ? "not optimised: " + report.unoptimized : "";
}

/// What a guard did, where that tells of other times than usual.
std::string guard_note(const GuardReport& report) {
  if (!report.unable.empty()) {
    return "the guard cannot watch: " + report.unable;
  }
  return report.action == GuardAction::kRollBack
             ? "the guard has found that adapting to random images does harm: the model as it is answered"
             : "";
}

Trial adapted(const Bench& bench, const AdaptedModel& model, const std::string& rule) {
  Trial trial;
  trial.cost.kind = FormKind::kAdapted;
  trial.cost.rule = rule;
  trial.images = bench.images;
  const Rule parsed = parse_rule(rule);
  const auto stream = std::make_shared<Stream>(model.stream(parsed));
  const double share = stream->guard().guard.fraction;
  trial.cost.guarded = share > 0;
  trial.cost.name = rule + (trial.cost.guarded ? " with guard" : "");
  trial.cost.state_bytes = stream_bytes(parsed, model.sites());
  trial.forward = [stream](const at::Tensor& images) { return stream->forward(images); };
  std::int64_t calls = kUntilOptimised;
  if (trial.cost.guarded) {
    // In 1 / share batches a guard looks at as many images as a batch has, however it groups them.
    trial.period = std::llround(1 / share);
    calls += (Guard::kFirstImages + bench.images.size(0) - 1) / bench.images.size(0);
  }
  trial.finish = [stream, &bench](FormCost& cost) {
    const StreamReport report = stream->report();
    cost.note = cost.guarded ? guard_note(report.guard) : "";
    cost.note = cost.note.empty() ? optimize_note(report, bench.options) : cost.note;
  };
  attempt(trial.cost, [&] {
    for (std::int64_t call = 0; call < calls; ++call) {
      bench.run(trial.forward, bench.images);
    }
  });
  return trial;
}

bool is_bakeable(const std::string& rule) {
  try {
    check_bakeable(parse_rule(rule));
    return true;
  } catch (const UsageError&) {
    return false;
  }
}

/// The rule to bake: all give the same operations. The last that can be, of those that adapt if there are any.
std::string rule_to_bake(const std::vector<std::string>& rules) {
  std::string chosen = rules.front();
  for (const std::string& rule : rules) {
    const bool adapts = !std::holds_alternative<rule::Source>(parse_rule(rule));
    if (is_bakeable(rule) && (adapts || !is_bakeable(chosen))) {
      chosen = rule;
    }
  }
  return chosen;
}

Trial baked(const Bench& bench, const AdaptedModel& model) {
  Trial trial;
  trial.cost.kind = FormKind::kBaked;
  trial.cost.rule = rule_to_bake(bench.options.rules);
  trial.cost.name = "baked";
  trial.images = bench.images;
  attempt(trial.cost, [&] {
    const Rule rule = parse_rule(trial.cost.rule);
    check_bakeable(rule);
    Stream stream = model.stream(rule);
    stream.forward(bench.images);
    trial.forward = graph::forward_of(bake(stream), bench.options.call);
    for (int call = 0; call < kUntilOptimised; ++call) {
      bench.run(trial.forward, bench.images);
    }
  });
  return trial;
}

AdaptedModel adapt_model(const Bench& bench, const std::optional<Guard>& guard) {
  AdaptOptions options;
  options.guard = guard;
  options.optimize = bench.options.optimize;
  options.reference = bench.options.reference;
  options.call = bench.options.call;
  return adapt(bench.module, options);
}

std::vector<Trial> all_trials(const Bench& bench, const AdaptedModel& unguarded) {
  std::vector<Trial> trials = unadapted(bench);
  std::optional<AdaptedModel> by_default;
  for (const std::string& rule : bench.options.rules) {
    trials.push_back(adapted(bench, unguarded, rule));
    if (std::holds_alternative<rule::Auto>(parse_rule(rule))) {
      by_default = by_default ? by_default : adapt_model(bench, std::nullopt);
      trials.push_back(adapted(bench, *by_default, rule));
    }
  }
  trials.push_back(baked(bench, unguarded));
  return trials;
}

Quartiles ratio_of(const FormCost& form, const FormCost& reference) {
  if (form.guarded) {
    const double ratio = mean(form.times) / mean(reference.times);
    return {ratio, ratio, ratio};
  }
  return quartiles(ratios(form.times, reference.times));
}

}  // namespace

image::Size CostOptions::image_size() const { return preprocessing.img_size.value_or(kUsualSize); }

void CostOptions::validate() const {
  check_rules(rules);
  check_each_once("batch_size", batch_sizes);
  for (const std::int64_t size : batch_sizes) {
    check_at_least("batch_size", size, 1);
  }
  check_at_least("rounds", measuring.rounds, 1);
  check_at_least("warm_up", measuring.warm_up, 0);
  preprocessing.validate();
}

double FormCost::milliseconds() const { return guarded ? mean(times) : quartiles(times).median; }

std::size_t BatchCost::fastest() const {
  std::size_t best = 0;
  for (std::size_t i = 1; i < forms.size(); ++i) {
    const bool counts = forms[i].kind == FormKind::kUnadapted && forms[i].timed();
    if (counts && forms[i].milliseconds() < forms[best].milliseconds()) {
      best = i;
    }
  }
  return best;
}

Quartiles BatchCost::ratio(const FormCost& form) const { return ratio_of(form, forms[fastest()]); }

Quartiles BatchCost::ratio_to_original(const FormCost& form) const { return ratio_of(form, forms.front()); }

double BatchCost::images_per_second(const FormCost& form) const {
  return static_cast<double>(batch_size) * 1e3 / form.milliseconds();
}

std::int64_t stream_bytes(const Rule& rule, const std::vector<Site>& sites) {
  std::vector<graph::RewrittenSite> rewritten;
  for (const Site& site : sites) {
    const at::Tensor moment = at::empty({site.channels}, at::kDouble);
    rewritten.push_back({site, moment, moment, {}});
  }
  const auto kept = static_cast<std::int64_t>(StreamState(rule, rewritten, at::kCPU).all().nbytes());
  return kept + stats::state_size(rule).scratch * static_cast<std::int64_t>(sizeof(double));
}

BatchCost forward_cost(const torch::jit::Module& module, const CostOptions& options, std::int64_t batch_size) {
  const std::string title = "batches of " + std::to_string(batch_size) + ": ";
  log(LogLevel::kInfo, title + "making the forms");
  Bench bench{module, options, random_images(module, options, batch_size), false};
  bench.on_gpu = bench.images.is_cuda();
  const AdaptedModel unguarded = adapt_model(bench, parse_guard("off"));
  std::vector<Trial> trials = all_trials(bench, unguarded);
  std::vector<TimedForm> timed;
  std::vector<Trial*> order;
  for (Trial& trial : trials) {
    if (trial.cost.timed()) {
      timed.push_back({[&bench, &trial] { bench.run(trial.forward, trial.images); }, trial.period});
      order.push_back(&trial);
    }
  }
  log(LogLevel::kInfo, title + "timing " + std::to_string(timed.size()) + " forms");
  std::vector<std::vector<double>> times = measure(timed, options.measuring);
  for (std::size_t i = 0; i < order.size(); ++i) {
    order[i]->cost.times = std::move(times[i]);
    order[i]->finish(order[i]->cost);
  }
  BatchCost result{batch_size, static_cast<std::int64_t>(unguarded.sites().size()), {}};
  for (Trial& trial : trials) {
    result.forms.push_back(std::move(trial.cost));
  }
  return result;
}

}  // namespace ttscale::eval
