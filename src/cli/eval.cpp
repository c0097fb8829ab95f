// SPDX-License-Identifier: MIT
// `ttscale eval`: one evaluation, its table and its files. What was computed is kept whatever happens.
#include <ATen/Parallel.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <exception>
#include <string>

#include "base/file.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/eval_observer.h"
#include "cli/interrupt.h"
#include "cli/preprocessing.h"
#include "cli/streams.h"
#include "eval/evaluate.h"
#include "report/results.h"
#include "report/table.h"
#include "ttscale/error.h"
#include "ttscale/input.h"

namespace ttscale::cli {
namespace {

eval::EvalOptions to_options(const EvalFlags& flags, const std::optional<image::ModelConfig>& config) {
  eval::EvalOptions options;
  options.model = flags.model;
  options.data = flags.data;
  options.rules = flags.rules.empty() ? std::vector<std::string>{"source", "prior"} : flags.rules;
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
  options.order = flags.order;
  options.seed = flags.seed;
  options.num_samples = flags.num_samples;
  options.batch_size = flags.batch_size;
  options.workers = flags.workers;
  options.reset = eval::parse_reset(flags.reset);
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
  options.site_report = flags.site_report;
  options.validate();
  return options;
}

report::ResultsFormat results_format(const EvalFlags& flags) {
  return flags.results_format.empty() ? report::guess_results_format(flags.results_file)
                                      : report::parse_results_format(flags.results_format);
}

// Before hours of work: can the outputs be written at all?
void check_outputs(const EvalFlags& flags) {
  if (flags.results_file.empty() && !flags.results_format.empty()) {
    throw UsageError("--results-format needs --results-file");
  }
  (void)results_format(flags);
  for (const auto& file : {flags.results_file, flags.predictions, flags.state_out}) {
    if (!file.empty()) {
      check_writable(file);
    }
  }
}

void check_run_flags(const EvalFlags& flags) {
  if (flags.threads < 0) {
    throw UsageError("--threads must be 0 (LibTorch's choice) or more, not " + std::to_string(flags.threads));
  }
  if (flags.log_freq < 1) {
    throw UsageError("--log-freq must be 1 or more, not " + std::to_string(flags.log_freq));
  }
}

// As wide as the terminal; a file or pipe takes more than its 80 columns.
report::TableOptions table_options() {
  report::TableOptions options;
  options.width = 120;
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    options.width = size.ws_col;
  }
  return options;
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
  const std::size_t all = result.plan.domains.size() * result.plan.rules.size();
  std::string line =
      "stopped: " + std::to_string(result.cells.size()) + " of " + std::to_string(all) + " results are finished";
  if (!flags.results_file.empty()) {
    line += "; they are kept in " + flags.results_file.string() + ", marked as not complete";
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
    attempt(failure, [&] { report::write_results(result, flags.results_file, results_format(flags)); });
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
  write_outcome(flags, result, failure);
  if (failure) {
    std::rethrow_exception(failure);
  }
}

}  // namespace ttscale::cli
