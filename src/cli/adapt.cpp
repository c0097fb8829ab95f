// SPDX-License-Identifier: MIT
// `ttscale adapt`: a model that has seen a stream, as an archive of its own.
#include <sstream>

#include <torch/csrc/jit/api/module.h>

#include "adapt/input_reference.h"
#include "base/file.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/image_stream.h"
#include "cli/preprocessing.h"
#include "cli/streams.h"
#include "eval/setup.h"
#include "ttscale/adapter.h"
#include "ttscale/bake.h"
#include "ttscale/error.h"

namespace ttscale::cli {
namespace {

AdaptOptions to_options(const AdaptFlags& flags, const image::Preprocessing& preprocessing) {
  AdaptOptions options;
  options.rule = parse_rule(flags.rule);
  if (!flags.guard.empty()) {
    options.guard = parse_guard(flags.guard);
  }
  options.optimize = parse_optimize(flags.optimize);
  options.reference = eval::read_reference(flags.reference, preprocessing.describe());
  // `eval` scales pixels and normalises them then; an archive takes normalised images.
  options.input = with_reference(parse_input_scaling(flags.input), InputSpace::kNormalised, preprocessing.mean,
                                 preprocessing.std, options.reference);
  options.call = flags.call;
  options.layers = flags.layers;
  options.skip_layers = flags.skip_layers;
  return options;
}

void write_module(const torch::jit::Module& module, const std::filesystem::path& file) {
  std::ostringstream bytes;
  module.save(bytes);
  write_file(file, bytes.str());
}

void log_findings(const StreamReport& report) {
  for (const std::string& finding : report.findings) {
    log(LogLevel::kInfo, "found: " + finding);
  }
}

void log_methods(const std::vector<std::string>& methods) {
  for (const std::string& method : methods) {
    std::string line = "only forward is adapted: ";
    line += method;
    line +=
        "() of the archive goes on with the statistics of training; script a module whose forward is it, or returns "
        "what it is for";
    log(LogLevel::kWarning, line);
  }
}

void log_limits(const StreamReport& report) {
  for (const std::string& warning : report.warnings) {
    log(LogLevel::kWarning, warning);
  }
}

void log_guard(const GuardReport& report) {
  for (const GuardDecision& decision : report.decisions) {
    log(LogLevel::kInfo, "guard: " + describe(decision));
  }
  if (report.guard.fraction > 0) {
    log(report.unable.empty() ? LogLevel::kInfo : LogLevel::kWarning, describe(report));
  }
}

}  // namespace

void run(const AdaptFlags& flags) {
  check(flags.images);
  const auto config = image::find_model_config(flags.model);
  const image::Preprocessing preprocessing = resolve(flags.images.preprocessing, config);
  const AdaptOptions options = to_options(flags, preprocessing);
  if (!flags.keep_online) {
    check_bakeable(options.rule);
  }
  for (const auto& file : {flags.out, flags.state_out}) {
    if (!file.empty()) {
      check_writable(file);
    }
  }
  const AdaptedModel model = adapt(flags.model, options, flags.images.device);
  Stream stream = model.stream();
  if (!flags.state_in.empty()) {
    stream.load(flags.state_in);
  }
  const ImageStream images(flags.data, flags.images, preprocessing, flags.verbosity);
  log(LogLevel::kInfo, "adapting under " + to_string(options.rule) + " to " + images.describe());
  log_sources(flags.images.preprocessing, config);
  images.for_each_batch(
      [&](const at::Tensor& batch) { stream.forward(batch.to(at::Device(flags.images.device), model.input_type())); });
  const StreamReport report = stream.report();
  log_guard(report.guard);
  log_findings(report);
  log_limits(report);
  log_methods(model.methods_left());
  if (!flags.state_out.empty()) {
    stream.save(flags.state_out);
  }
  write_module(flags.keep_online ? online(stream, {/*input=*/true}) : bake(stream, {/*input=*/true}), flags.out);

  std::ostringstream line;
  line << flags.out.string() << ": " << report.sites.size() << (report.sites.size() == 1 ? " site " : " sites ")
       << (flags.keep_online ? "that go on adapting where libttscale.so is loaded" : "fixed") << ", after "
       << report.images << " images under " << report.rule << '\n';
  write_stdout(line.str());
}

}  // namespace ttscale::cli
