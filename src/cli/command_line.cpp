// SPDX-License-Identifier: MIT
// What was typed -> the command and its flags.
#include "cli/command_line.h"

#include <CLI/CLI.hpp>
#include <string>
#include <utility>
#include <vector>

#include "cli/arguments.h"
#include "cli/flags.h"
#include "cli/help.h"
#include "cli/streams.h"
#include "ttscale/error.h"
#include "ttscale/rule.h"
#include "ttscale/version.h"

namespace ttscale::cli {
namespace {

// The command as it can be typed again.
std::string command_text(int argc, const char* const* argv) {
  std::string text = "ttscale";
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const bool plain = !word.empty() && word.find_first_of(" \t\n'\"\\$`*?[](){}<>|&;#~!") == std::string::npos;
    std::string quoted;
    for (const char c : word) {
      quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    }
    text += ' ' + (plain ? word : '\'' + quoted + '\'');
  }
  return text;
}

void add_inspect(CLI::App& app, InspectFlags& flags, Verbosity& verbosity) {
  CLI::App* command =
      app.add_subcommand("inspect", "List the layers of a model that can be adapted, and why others cannot");
  add_model(*command, flags.model);
  command->add_flag("--json", flags.json, "Print JSON in place of a table");
  add_log_flags(*command, verbosity);
}

void add_image_flags(CLI::App& app, ImageFlags& flags) {
  const char* const group = "Images";
  app.add_option("--batch-size,-b", flags.batch_size, "Images a batch (64)")->type_name("N")->group(group);
  app.add_option("--num-samples", flags.num_samples, "Only the first N of the shuffled images")
      ->type_name("N")
      ->group(group);
  app.add_option("--seed", flags.seed, "Seed of their order (42)")->type_name("N")->group(group);
  app.add_option("--on-error", flags.on_error, "Unreadable image: stop, or skip it with a warning")
      ->type_name("WHAT")
      ->group(group);
  add_max_pixels(app, flags.max_pixels);
  add_preprocessing_flags(app, flags.preprocessing);
  add_device_flags(app, flags.device, flags.workers, flags.threads);
}

void add_calibrate(CLI::App& app, CalibrateFlags& flags, Verbosity& verbosity) {
  CLI::App* command = app.add_subcommand("calibrate", "Measure what a model's layers give on clean images");
  add_model(*command, flags.model);
  add_path(*command, "--data", flags.data, "Clean images, in folders of any depth; labels are not needed")
      ->type_name("DIR");
  add_path(*command, "--from", flags.from,
           "In place of images: the model as it was before folding, which holds exact references")
      ->type_name("MODEL");
  add_path(*command, "--out", flags.out, "Write the reference here")->type_name("FILE")->required();
  command
      ->add_option("--features", flags.features,
                   "Layers by name or kind (* and ?), in place of BatchNorm and what inspect chooses")
      ->type_name("PATTERN")
      ->allow_extra_args(false)
      ->take_all()
      ->delimiter(',');
  const char* const group = "Weights for --rule ttn, which needs them";
  command
      ->add_option("--shift", flags.shifts,
                   "Measure weights on the clean images under these shifts too: KIND:SEVERITY,..., or all:3")
      ->type_name("SHIFT")
      ->take_all()
      ->allow_extra_args(false)
      ->group(group);
  command->add_option("--shift-parameters", flags.shift_parameters, "Strengths of imagenet or cifar (imagenet)")
      ->type_name("NAME")
      ->group(group);
  command->add_option("--shift-seed", flags.shift_seed, "Seed of their noise (0)")->type_name("N")->group(group);
  add_call_flags(*command, flags.call);
  add_image_flags(*command, flags.images);
  add_log_flags(*command, verbosity);
  command->footer(kCalibrateExamples);
}

void add_adapt(CLI::App& app, AdaptFlags& flags, Verbosity& verbosity) {
  CLI::App* command = app.add_subcommand("adapt", "Write a model with the statistics of a stream fixed in it");
  add_model(*command, flags.model);
  add_path(*command, "--data", flags.data, "Images of the stream, in folders of any depth; labels are not needed")
      ->type_name("DIR")
      ->required();
  add_path(*command, "--out", flags.out, "Write the TorchScript archive here")->type_name("FILE")->required();
  command->add_flag("--keep-online", flags.keep_online,
                    "Write a model that goes on adapting, where libttscale.so is loaded");
  const char* const group = "Adaptation";
  command
      ->add_option("--rule", flags.rule,
                   "How statistics follow the images, a rule that remembers: auto, cumulative, ema, ... (auto)")
      ->type_name("RULE")
      ->group(group);
  add_guard_flag(*command, flags.guard);
  add_optimize_flag(*command, flags.optimize);
  command
      ->add_option("--input", flags.input, "Scaling ahead of the model, which becomes part of it: none or standardize")
      ->type_name("SCALING")
      ->group(group);
  add_site_flags(*command, flags.reference, flags.layers, flags.skip_layers);
  add_state_flags(*command, flags.state_in, flags.state_out);
  add_call_flags(*command, flags.call);
  add_image_flags(*command, flags.images);
  add_log_flags(*command, verbosity);
  command->footer(kAdaptExamples);
}

void add_preprocess(CLI::App& app, PreprocessFlags& flags, Verbosity& verbosity) {
  CLI::App* command = app.add_subcommand("preprocess", "Write the exact model input made from one image");
  add_path(*command, "image", flags.image, "Image file")->type_name("IMAGE")->required();
  add_path(*command, "--dump", flags.dump, "Write float32 [C, H, W] here, for torch.load")
      ->type_name("FILE")
      ->required();
  add_path(*command, "--model", flags.model, "Preprocess as for this model: read the JSON beside it")
      ->type_name("MODEL");
  add_preprocessing_flags(*command, flags.preprocessing);
  add_max_pixels(*command, flags.max_pixels);
  add_log_flags(*command, verbosity);
  command->footer(kPreprocessExamples);
}

std::string help_command(const CLI::App& app) {
  for (const CLI::App* command : app.get_subcommands({})) {
    if (command->count() > 0) {
      return "ttscale " + command->get_name() + " --help";
    }
  }
  return "ttscale --help";
}

std::string usage_message(const CLI::App& app, const CLI::ParseError& error) {
  std::string message = error.what();
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
    message = "unknown argument " + message.substr(message.find(": ") + 2);
  } else if (dynamic_cast<const CLI::ConversionError*>(&error) != nullptr) {
    message = "wrong value, " + message.substr(message.find(": ") + 2);
  } else if (app.get_subcommands().empty()) {
    const std::vector<std::string> rest = app.remaining();
    message = (rest.empty() ? "expected a command" : "unknown command " + rest.front()) +
              "; use inspect, eval, calibrate, adapt, preprocess, bench, corrupt or merge";
  }
  return message + "; see `" + help_command(app) + "`";
}

}  // namespace

Invocation parse_command_line(int argc, const char* const* argv) {
  CLI::App app{"Adapts trained vision models to the images they meet, without training.", "ttscale"};
  app.set_version_flag("--version", "ttscale " + version() + " (LibTorch " + torch_version() + ")");
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);  // as argparse
  app.footer("`ttscale COMMAND --help` shows the flags of a command.");

  Invocation invocation;
  InspectFlags inspect;
  EvalFlags eval;
  CalibrateFlags calibrate;
  AdaptFlags adapt;
  PreprocessFlags preprocess;
  BenchFlags bench;
  CorruptFlags corrupt;
  MergeFlags merge;
  add_inspect(app, inspect, invocation.verbosity);
  add_eval(app, eval, invocation.verbosity);
  add_calibrate(app, calibrate, invocation.verbosity);
  add_adapt(app, adapt, invocation.verbosity);
  add_preprocess(app, preprocess, invocation.verbosity);
  add_bench(app, bench, invocation.verbosity);
  add_corrupt(app, corrupt, invocation.verbosity);
  add_merge(app, merge, invocation.verbosity);

  for (CLI::App* command : app.get_subcommands({})) {
    check_numbers(*command);
  }

  std::vector<std::string> arguments = read_arguments(argc, argv, app);
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::Success& request) {  // help or version
    std::ostringstream text;
    app.exit(request, text, text);
    write_stdout(text.str());
    return invocation;
  } catch (const CLI::ParseError& error) {
    throw UsageError(usage_message(app, error));
  }
  if (app.got_subcommand("inspect")) {
    invocation.command = std::move(inspect);
  } else if (app.got_subcommand("eval")) {
    eval.verbosity = invocation.verbosity;
    eval.command = command_text(argc, argv);
    invocation.command = std::move(eval);
  } else if (app.got_subcommand("calibrate")) {
    calibrate.verbosity = invocation.verbosity;
    invocation.command = std::move(calibrate);
  } else if (app.got_subcommand("adapt")) {
    adapt.verbosity = invocation.verbosity;
    invocation.command = std::move(adapt);
  } else if (app.got_subcommand("bench")) {
    invocation.command = std::move(bench);
  } else if (app.got_subcommand("corrupt")) {
    corrupt.verbosity = invocation.verbosity;
    invocation.command = std::move(corrupt);
  } else if (app.got_subcommand("merge")) {
    merge.verbosity = invocation.verbosity;
    merge.command = command_text(argc, argv);
    invocation.command = std::move(merge);
  } else {
    invocation.command = std::move(preprocess);
  }
  return invocation;
}

}  // namespace ttscale::cli
