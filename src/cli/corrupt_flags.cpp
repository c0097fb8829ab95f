// SPDX-License-Identifier: MIT
// The flags of `ttscale corrupt`.
#include <CLI/CLI.hpp>
#include <cstdint>

#include "cli/flags.h"
#include "cli/help.h"

namespace ttscale::cli {
namespace {

void add_shift_flags(CLI::App& command, CorruptFlags& flags) {
  const char* const group = "Shifts";
  command.add_option("--kinds", flags.kinds, "Kinds and groups, separated by commas (all)")
      ->type_name("KIND")
      ->allow_extra_args(false)
      ->take_all()
      ->delimiter(',')
      ->group(group);
  command.add_option("--severities", flags.severities, "Strengths, 1 to 5, separated by commas (1,2,3,4,5)")
      ->type_name("N")
      ->take_all()
      ->delimiter(',')
      ->group(group);
  command.add_option("--parameters", flags.parameters, "Whose strengths: imagenet or cifar (imagenet)")
      ->type_name("NAME")
      ->group(group);
  command.add_option("--seed", flags.seed, "Seed of all that is random (0)")->type_name("N")->group(group);
}

void add_file_flags(CLI::App& command, CorruptFlags& flags) {
  const char* const group = "Files";
  command.add_option("--format", flags.format, "png or jpeg (png)")->type_name("NAME")->group(group);
  command.add_option("--quality", flags.quality, "Quality of JPEG, 1 to 100 (85)")->type_name("N")->group(group);
  constexpr std::int64_t kMostWorkers = 1024;
  check_range(*command.add_option("--workers,-j", flags.workers, "Threads; the files do not depend on it (2)")
                   ->type_name("N")
                   ->group(group),
              1, kMostWorkers);
  command.add_option("--on-error", flags.on_error, "Unreadable image: stop, or skip it with a warning (stop)")
      ->type_name("WHAT")
      ->group(group);
}

}  // namespace

void add_corrupt(CLI::App& app, CorruptFlags& flags, Verbosity& verbosity) {
  CLI::App* command = app.add_subcommand("corrupt", "Write shifted copies of images: the corruptions of ImageNet-C");
  add_path(*command, "source", flags.source, "Images, in folders of any depth")->type_name("SOURCE")->required();
  add_path(*command, "target", flags.target, "Copies are written to TARGET/KIND/SEVERITY, folders and names kept")
      ->type_name("TARGET")
      ->required();
  add_shift_flags(*command, flags);
  add_geometry_flags(*command, flags.geometry, "Size, before the shift (unset: images keep their own)");
  add_file_flags(*command, flags);
  add_max_pixels(*command, flags.max_pixels);
  add_log_flags(*command, verbosity);
  command->footer(kCorruptExamples);
}

}  // namespace ttscale::cli
