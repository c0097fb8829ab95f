// SPDX-License-Identifier: MIT
// `ttscale eval`: one evaluation, its table and its files. What was computed is kept whatever happens.
#include <ATen/Parallel.h>

#include <exception>
#include <string>

#include "base/file.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/eval_observer.h"
#include "cli/interrupt.h"
#include "cli/preprocessing.h"
#include "cli/result_files.h"
#include "cli/streams.h"
#include "eval/evaluate.h"
#include "report/results.h"
#include "report/table.h"
#include "ttscale/error.h"
#include "ttscale/input.h"

namespace ttscale::cli {
namespace {

constexpr std::int64_t kExamples = 8;

std::vector<std::string> protocols_of(const EvalFlags& flags) {
  if (!flags.reset) {
    return flags.protocols.empty() ? std::vector<std::string>{"reset-each-domain"} : flags.protocols;
  }
  if (!flags.protocols.empty()) {
    throw UsageError("--reset is an older name of a protocol; remove it, or --protocol");
  }
  if (*flags.reset != "domain" && *flags.reset != "never") {
    throw UsageError("--reset: expected domain or never, found \"" + *flags.reset + "\"");
  }
  return {*flags.reset == "domain" ? "reset-each-domain" : "continual"};
}

eval::EvalOptions to_options(const EvalFlags& flags, const std::optional<image::ModelConfig>& config) {
  eval::EvalOptions options;
  options.model = flags.model;
  options.task = eval::parse_task(flags.task);
  options.data = flags.data;
  options.labels = flags.labels;
  options.ignore_index = flags.ignore_index;
  options.rules = flags.rules.empty() ? std::vector<std::string>{"source", "auto"} : flags.rules;
  if (!flags.guard.empty()) {
    options.guard = parse_guard(flags.guard);
  }
  options.optimize = parse_optimize(flags.optimize);
  options.input = parse_input_scaling(flags.input);
  options.preprocessing = resolve(flags.preprocessing, config);
  if (!flags.class_map.empty()) {
    options.class_map = flags.class_map;
  }
  if (config) {
    options.classes = config->classes;
    options.classes_file = config->file.string();
  }
  options.class_order = data::parse_class_order(flags.class_order);
  options.protocols = protocols_of(flags);
  options.order = flags.order;
  options.seeds = flags.seeds.empty() ? options.seeds : flags.seeds;
  options.batch_sizes = flags.batch_sizes.empty() ? options.batch_sizes : flags.batch_sizes;
  options.window = flags.window;
  options.num_samples = flags.num_samples;
  options.export_order = flags.export_order;
  for (const std::string& shift : flags.shifts) {
    options.shifts += (options.shifts.empty() ? "" : ";") + shift;
  }
  options.shift_parameters = shift::parse_parameters(flags.shift_parameters, "shift_parameters");
  options.shift_seed = flags.shift_seed;
  options.valid_classes = flags.valid_classes;
  options.workers = flags.workers;
  options.cache_bytes = flags.cache_mb << 20;
  options.journal = flags.resume;
  options.shard = flags.shard.empty() ? eval::Shard() : eval::parse_shard(flags.shard);
  options.examples = options.task == eval::Task::kClassification ? kExamples : 0;
  options.thumbnails = !flags.html.empty();
  options.on_error = data::parse_on_error(flags.on_error);
  options.decode.max_pixels = flags.max_pixels.value_or(options.decode.max_pixels);
  options.device = flags.device;
  options.call = flags.call;
  options.reference = flags.reference;
  options.state_in = flags.state_in;
  options.state_out = flags.state_out;
  options.layers = flags.layers;
  options.skip_layers = flags.skip_layers;
  options.timings = flags.timings;
  options.site_report = flags.site_report || !flags.html.empty();
  options.validate();
  return options;
}

// Of the results files, those that are about images and their classes.
void check_formats(const EvalFlags& flags, eval::Task task) {
  if (task == eval::Task::kClassification) {
    return;
  }
  if (!flags.predictions.empty()) {
    throw UsageError("--predictions needs one class an image, and segmentation has a class a pixel; remove it");
  }
  if (results_format(flags.results_file, flags.results_format) == report::ResultsFormat::kRobustBench) {
    throw UsageError(
        "--results-format robustbench holds the accuracy of images, which segmentation does not have; use json, csv or "
        "markdown");
  }
}

// Before hours of work: can the outputs be written at all?
void check_outputs(const EvalFlags& flags) {
  if (flags.results_file.empty() && !flags.results_format.empty()) {
    throw UsageError("--results-format needs --results-file");
  }
  (void)results_format(flags.results_file, flags.results_format);
  for (const auto& file : {flags.results_file, flags.html, flags.predictions, flags.state_out, flags.export_order}) {
    if (!file.empty()) {
      check_writable(file);
    }
  }
}

void check_run_flags(const EvalFlags& flags) {
  if (flags.log_freq < 1) {
    throw UsageError("--log-freq must be 1 or more, not " + std::to_string(flags.log_freq));
  }
}

// Runs a step; keeps the first failure of all steps for the end.
template <typename Step>
void attempt(std::exception_ptr& failure, Step step) {
  try {
    step();
  } catch (...) {
    if (!failure) {
      failure = std::current_exception();
    }
  }
}

void log_partial(const EvalFlags& flags, const eval::EvalResult& result) {
  const std::size_t all = result.plan.domains.size() * result.plan.rules.size() * result.plan.settings.size();
  std::string line =
      "stopped: " + std::to_string(result.cells.size()) + " of " + std::to_string(all) + " results are finished";
  if (!flags.results_file.empty()) {
    line += "; they are kept in " + flags.results_file.string() + ", marked as not complete";
  }
  if (!flags.resume.empty()) {
    line += "; the same command goes on from " + flags.resume.string();
  }
  log(LogLevel::kWarning, line);
}

void log_skipped(const eval::EvalResult& result) {
  for (const eval::SkippedFile& file : result.skipped) {
    log(LogLevel::kWarning, "left out: " + file.path + " (" + file.reason + ")");
  }
}

// Files first: a reader of stdout may leave.
void write_outcome(const EvalFlags& flags, const eval::EvalResult& result, std::exception_ptr& failure) {
  log_skipped(result);
  if (result.cells.empty() && result.unfinished.empty()) {
    return;
  }
  if (!flags.results_file.empty()) {
    attempt(failure, [&] {
      report::write_results(result, flags.results_file, results_format(flags.results_file, flags.results_format));
    });
  }
  if (!flags.html.empty()) {
    attempt(failure, [&] { write_page(result, flags.html, flags.command); });
  }
  if (!result.cells.empty()) {
    attempt(failure, [&] { write_stdout(report::to_table(result, table_options())); });
  }
  if (result.partial) {
    log_partial(flags, result);
  }
}

}  // namespace

void run(const EvalFlags& flags) {
  check_run_flags(flags);
  const auto config = image::find_model_config(flags.model);
  const eval::EvalOptions options = to_options(flags, config);
  check_formats(flags, options.task);
  check_outputs(flags);
  if (flags.threads > 0) {
    at::set_num_threads(static_cast<int>(flags.threads));
  }
  remember_interrupts();

  EvalLog observer(flags, config);
  eval::EvalResult result;
  std::exception_ptr failure;
  attempt(failure, [&] { eval::evaluate(options, observer, result); });
  attempt(failure, [&] { observer.close(); });
  if (result.seconds) {
    observer.log_rate(*result.seconds);
  }
  write_outcome(flags, result, failure);
  if (failure) {
    std::rethrow_exception(failure);
  }
}

}  // namespace ttscale::cli
