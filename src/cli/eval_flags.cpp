// SPDX-License-Identifier: MIT
// The flags of `ttscale eval` and `ttscale merge`.
#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>

#include "cli/flags.h"
#include "cli/help.h"
#include "eval/protocol.h"
#include "ttscale/rule.h"

namespace ttscale::cli {
namespace {

template <typename T>
CLI::Option* add_list(CLI::App& command, const std::string& name, std::vector<T>& values, const std::string& text) {
  return command.add_option(name, values, text)->allow_extra_args(false)->take_all()->delimiter(',');
}

void add_rule_flags(CLI::App& command, EvalFlags& flags) {
  const char* const group = "Adaptation";
  command.add_option("--rule", flags.rules, "How statistics follow the images; repeat it to compare (source, auto)")
      ->type_name("RULE")
      ->take_all()
      ->allow_extra_args(false)
      ->group(group);
  add_guard_flag(command, flags.guard);
  add_optimize_flag(command, flags.optimize);
  command.add_option("--input", flags.input, "Scaling ahead of the model: none, standardize or min-max, see below")
      ->type_name("SCALING")
      ->group(group);
  add_site_flags(command, flags.reference, flags.layers, flags.skip_layers);
  add_state_flags(command, flags.state_in, flags.state_out);
}

void add_protocol_flags(CLI::App& command, EvalFlags& flags) {
  const char* const group = "Protocol";
  command.add_option("--protocol", flags.protocols, "Order and resets, see below; repeat it to compare")
      ->type_name("PROTOCOL")
      ->take_all()
      ->allow_extra_args(false)
      ->group(group);
  add_list(command, "--batch-size,-b", flags.batch_sizes, "Images a batch (64), several separated by commas")
      ->type_name("N")
      ->group(group);
  add_list(command, "--seed", flags.seeds, "Seed of the order (42); several separated by commas are repeats")
      ->type_name("N")
      ->group(group);
  command.add_option("--window", flags.window, "Let each forward see the latest N images of the stream")
      ->type_name("N")
      ->group(group);
  command
      .add_option("--order", flags.order,
                  "Order within a domain: shuffled, sorted, dirichlet:DELTA or file:LIST (the protocol's)")
      ->type_name("ORDER")
      ->group(group);
  command.add_option("--num-samples", flags.num_samples, "Only the first N images of each domain, after ordering")
      ->type_name("N")
      ->group(group);
  add_path(command, "--export-order", flags.export_order, "Write the order of all images, for --protocol replay:FILE")
      ->type_name("FILE")
      ->group(group);
  command.add_option("--reset", flags.reset, "Older name: domain is reset-each-domain, never is continual")->group("");
}

void add_segmentation_flags(CLI::App& command, EvalFlags& flags, const char* group) {
  command.add_option("--task", flags.task, "classification, or segmentation: [N, K, H, W], mIoU (classification)")
      ->type_name("TASK")
      ->group(group);
  add_path(command, "--labels", flags.labels, "Segmentation: folder of label PNGs (DOMAIN/labels beside DOMAIN/images)")
      ->type_name("DIR")
      ->group(group);
  command.add_option("--ignore-index", flags.ignore_index, "Segmentation: label of pixels that do not count (255)")
      ->type_name("N")
      ->group(group);
}

void add_data_flags(CLI::App& command, EvalFlags& flags) {
  const char* const group = "Images";
  add_path(command, "--data", flags.data, "Folder of images: CLASS/..., KIND/CLASS/... or KIND/SEVERITY/CLASS/...")
      ->type_name("DIR")
      ->required()
      ->group(group);
  add_segmentation_flags(command, flags, group);
  command
      .add_option("--shift", flags.shifts, "Make a domain of the clean images on the fly: KIND:SEVERITY,..., or clean")
      ->type_name("SHIFT")
      ->take_all()
      ->allow_extra_args(false)
      ->group(group);
  command.add_option("--shift-parameters", flags.shift_parameters, "Strengths of imagenet or cifar (imagenet)")
      ->type_name("NAME")
      ->group(group);
  command.add_option("--shift-seed", flags.shift_seed, "Seed of their noise (0)")->type_name("N")->group(group);
  command
      .add_option("--class-map", flags.class_map,
                  "Text file, a class name a line; the line number is the output's index")
      ->type_name("FILE")
      ->group(group);
  command
      .add_option("--class-order", flags.class_order,
                  "Without a class map: lexical (torchvision), natural (timm) or numeric")
      ->type_name("ORDER")
      ->group(group);
  command
      .add_flag("--valid-classes", flags.valid_classes, "Leave out outputs whose class has no images (ImageNet-A, -R)")
      ->group(group);
  command.add_option("--on-error", flags.on_error, "Unreadable image: stop, or skip and list it in the results")
      ->type_name("WHAT")
      ->group(group);
  add_max_pixels(command, flags.max_pixels);
}

template <typename Flags>
void add_file_flags(CLI::App& command, Flags& flags) {
  const char* const group = "Results";
  add_path(command, "--results-file", flags.results_file, "Write the results here as well")
      ->type_name("FILE")
      ->group(group);
  command
      .add_option("--results-format", flags.results_format,
                  "json, csv, markdown or robustbench (unset: by the file's name, else json)")
      ->type_name("FORMAT")
      ->group(group);
  add_path(command, "--html", flags.html, "Write a page with the results here")->type_name("FILE")->group(group);
}

void add_result_flags(CLI::App& command, EvalFlags& flags) {
  const char* const group = "Results";
  add_file_flags(command, flags);
  add_path(command, "--predictions", flags.predictions, "CSV, a line an image and rule, in the order met")
      ->type_name("FILE")
      ->group(group);
  command.add_flag("--site-report", flags.site_report, "Put the distance of each layer from training into the results")
      ->group(group);
  command.add_flag("--timings", flags.timings, "Put times into the results, which then differ from run to run")
      ->group(group);
}

void add_run_flags(CLI::App& command, EvalFlags& flags) {
  const char* const group = "Running";
  add_device_flags(command, flags.device, flags.workers, flags.threads);
  constexpr std::int64_t kMostMegabytes = std::numeric_limits<std::int64_t>::max() >> 20;  // bytes are counted
  check_range(
      *command
           .add_option("--cache-mb", flags.cache_mb, "Memory for decoded images, which are met again and again (512)")
           ->type_name("N")
           ->group(group),
      0, kMostMegabytes);
  add_path(command, "--resume", flags.resume, "Keep what is finished here; if the file exists, go on from it")
      ->type_name("FILE")
      ->group(group);
  command.add_option("--shard", flags.shard, "Run part I of N of the streams; `ttscale merge` joins the results files")
      ->type_name("I/N")
      ->group(group);
  command.add_option("--log-freq", flags.log_freq, "Batches from one log line to the next (10)")
      ->type_name("N")
      ->group("Log");
}

}  // namespace

void add_eval(CLI::App& app, EvalFlags& flags, Verbosity& verbosity) {
  CLI::App* command = app.add_subcommand("eval", "Evaluate a model under several rules on shifted image folders");
  add_model(*command, flags.model);
  add_call_flags(*command, flags.call);
  add_data_flags(*command, flags);
  add_protocol_flags(*command, flags);
  add_rule_flags(*command, flags);
  add_preprocessing_flags(*command, flags.preprocessing);
  add_result_flags(*command, flags);
  add_run_flags(*command, flags);
  add_log_flags(*command, verbosity);
  command->footer("Rules:\n" + describe_rules() + kInputScalings + "\nProtocols:\n" + eval::describe_protocols() +
                  kEvalExamples);
}

void add_merge(CLI::App& app, MergeFlags& flags, Verbosity& verbosity) {
  CLI::App* command = app.add_subcommand("merge", "Join the results files of all shards of an evaluation");
  command
      ->add_option_function<std::vector<std::string>>(
          "results",
          [&flags](const std::vector<std::string>& files) { flags.results.assign(files.begin(), files.end()); },
          "Results files (JSON), one a shard")
      ->type_name("FILE")
      ->required();
  add_file_flags(*command, flags);
  add_log_flags(*command, verbosity);
  command->footer(kMergeExamples);
}

}  // namespace ttscale::cli
