// SPDX-License-Identifier: MIT
// The flags that several commands share.
#include "cli/flags.h"

#include <CLI/CLI.hpp>
#include <string>
#include <tuple>
#include <vector>

namespace ttscale::cli {

CLI::Option* add_path(CLI::App& app, const std::string& name, std::filesystem::path& path, const std::string& text) {
  // std::filesystem::path looks like a container of paths to CLI11.
  return app.add_option_function<std::string>(
      name, [&path](const std::string& value) { path = value; }, text);
}

void refuse_negative(CLI::Option& option) {
  option.check(CLI::Validator(
      [](const std::string& text) {
        return text.rfind('-', 0) == 0 ? "expected a whole number from 0 on, found " + text : std::string();
      },
      ""));
}

void add_model(CLI::App& app, std::filesystem::path& model) {
  add_path(app, "model", model, "TorchScript archive; it is code, run only what you trust")
      ->type_name("MODEL")
      ->required();
}

void add_call_flags(CLI::App& app, CallOptions& call) {
  const char* const group = "Model";
  app.add_option("--input-index", call.input_index, "Which argument of forward takes the images (0)")
      ->type_name("N")
      ->group(group);
  app.add_option("--output", call.output,
                 "Which output counts: position in a tuple, key of a dictionary (the first [N, classes]; of maps "
                 "[N, classes, H, W] the only one, or out)")
      ->type_name("NAME")
      ->group(group);
}

void add_log_flags(CLI::App& app, Verbosity& verbosity) {
  app.add_flag_callback(
         "--verbose,-v", [&verbosity] { verbosity = Verbosity::kVerbose; }, "Log more")
      ->group("Log");
  app.add_flag_callback(
         "--quiet,-q", [&verbosity] { verbosity = Verbosity::kQuiet; }, "Log warnings and errors only")
      ->group("Log");
}

void add_geometry_flags(CLI::App& app, PreprocessingFlags& flags, const std::string& title) {
  const auto group = [&title](CLI::Option* option, const std::string& type) { option->type_name(type)->group(title); };
  group(app.add_option("--img-size", flags.img_size, "Input of the model, N or H W; unset: images keep their own size")
            ->take_all()
            ->delimiter(','),
        "N");
  group(app.add_option("--crop-pct", flags.crop_pct, "Share of the resized image that the crop keeps (0.875)"), "X");
  group(app.add_option("--crop-mode", flags.crop_mode, "center, squash or border (center)"), "MODE");
  group(
      app.add_option("--interpolation", flags.interpolation, "nearest, bilinear, bicubic or box, as Pillow (bilinear)"),
      "NAME");
}

void add_preprocessing_flags(CLI::App& app, PreprocessingFlags& flags) {
  const std::string title = "Preprocessing (unset: from the JSON beside the model, or timm's default)";
  const auto group = [&title](CLI::Option* option, const std::string& type) { option->type_name(type)->group(title); };
  add_geometry_flags(app, flags, title);
  group(app.add_option("--in-chans", flags.in_chans, "3: RGB, 1: gray"), "N");
  group(app.add_option("--mean", flags.mean, "Mean of pixels in 0..1, one value or one a channel")
            ->take_all()
            ->delimiter(','),
        "X");
  group(app.add_option("--std", flags.std, "Standard deviation, likewise")->take_all()->delimiter(','), "X");
}

void add_max_pixels(CLI::App& app, std::optional<std::int64_t>& max_pixels) {
  app.add_option("--max-pixels", max_pixels, "Refuse images of more pixels than this (178956970, as Pillow)")
      ->type_name("N")
      ->group("Images");
}

void add_guard_flag(CLI::App& app, std::string& guard) {
  app.add_option(
         "--guard", guard,
         "Images that the model as it is sees too, to stop what harms: off, 1/16, 1 (1/16 under auto, else off)")
      ->type_name("SHARE")
      ->group("Adaptation");
}

void add_optimize_flag(CLI::App& app, std::string& optimize) {
  app.add_option(
         "--optimize", optimize,
         "What is done for speed: auto (fused sites, channels_last, packed weights; checked once) or none (auto)")
      ->type_name("HOW")
      ->group("Adaptation");
}

void add_site_flags(CLI::App& app, std::filesystem::path& reference, std::vector<std::string>& layers,
                    std::vector<std::string>& skip_layers) {
  const char* const group = "Adaptation";
  add_path(app, "--reference", reference,
           "Moments of `ttscale calibrate`: adapts models without BatchNorm too, and those with it better")
      ->type_name("FILE")
      ->group(group);
  for (auto [name, patterns, text] : {std::tuple{"--layers", &layers, "Adapt only layers of these names (* and ?)"},
                                      std::tuple{"--skip-layers", &skip_layers, "Leave these layers as they are"}}) {
    app.add_option(name, *patterns, text)
        ->type_name("PATTERN")
        ->allow_extra_args(false)
        ->take_all()
        ->delimiter(',')
        ->group(group);
  }
}

void add_state_flags(CLI::App& app, std::filesystem::path& state_in, std::filesystem::path& state_out) {
  const char* const group = "Adaptation";
  add_path(app, "--state-in", state_in, "Go on from the statistics in this file")->type_name("FILE")->group(group);
  add_path(app, "--state-out", state_out, "Leave the statistics here at the end")->type_name("FILE")->group(group);
}

void add_device_flags(CLI::App& app, std::string& device, std::int64_t& workers, std::int64_t& threads) {
  const char* const group = "Running";
  app.add_option("--device", device, "cpu, cuda, cuda:1 ...")->type_name("DEVICE")->group(group);
  app.add_option("--workers,-j", workers, "Threads that read images; results do not depend on it (2)")
      ->type_name("N")
      ->group(group);
  app.add_option("--threads", threads, "Threads that compute (LibTorch's choice)")->type_name("N")->group(group);
}

}  // namespace ttscale::cli
