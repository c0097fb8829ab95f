// SPDX-License-Identifier: MIT
// The flags of `ttscale bench`.
#include <CLI/CLI.hpp>

#include "cli/flags.h"
#include "cli/help.h"

namespace ttscale::cli {

void add_bench(CLI::App& app, BenchFlags& flags, Verbosity& verbosity) {
  CLI::App* command = app.add_subcommand("bench", "Time what adapting a model costs on this machine");
  add_model(*command, flags.model);
  add_call_flags(*command, flags.call);
  const auto add_list = [&](const char* name, auto& values, const char* text) {
    return command->add_option(name, values, text)->allow_extra_args(false)->take_all();
  };
  add_list("--rule", flags.rules, "How statistics follow the images; repeat it to compare (source, ema, auto)")
      ->type_name("RULE")
      ->group("Adaptation");
  add_optimize_flag(*command, flags.optimize);
  add_path(*command, "--reference", flags.reference, "Moments of `ttscale calibrate`; models without BatchNorm need it")
      ->type_name("FILE")
      ->group("Adaptation");
  const char* const images = "Images (random; unset: from the JSON beside the model)";
  add_list("--batch-size,-b", flags.batch_sizes, "Images a batch, one or several (1 16)")
      ->delimiter(',')
      ->type_name("N")
      ->group(images);
  command->add_option("--img-size", flags.preprocessing.img_size, "Input of the model, N or H W (224)")
      ->take_all()
      ->delimiter(',')
      ->type_name("N")
      ->group(images);
  command->add_option("--in-chans", flags.preprocessing.in_chans, "Channels, 3 or 1 (3)")
      ->type_name("N")
      ->group(images);
  const char* const running = "Running";
  command->add_option("--rounds", flags.rounds, "Rounds that are timed (15)")->type_name("N")->group(running);
  command->add_option("--warm-up", flags.warm_up, "Rounds ahead of them (3)")->type_name("N")->group(running);
  command->add_option("--device", flags.device, "cpu, cuda, cuda:1 ...")->type_name("DEVICE")->group(running);
  add_threads(*command, flags.threads);
  add_path(*command, "--json", flags.json, "Write the time of every call here as well")
      ->type_name("FILE")
      ->group("Results");
  add_log_flags(*command, verbosity);
  command->footer(kBenchExamples);
}

}  // namespace ttscale::cli
