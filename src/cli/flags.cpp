// SPDX-License-Identifier: MIT
// The flags that several commands share.
#include "cli/flags.h"

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <string>
#include <tuple>
#include <vector>

namespace ttscale::cli {
namespace {

// What is wrong with a number; empty where nothing is, or where it is no number, which CLI11 says itself.

/// CLI11 reads -1 as 2^64 - 1, and what is larger than that as that.
std::string seed_complaint(const std::string& text) {
  if (text.find('-') != std::string::npos) {
    return "expected a whole number from 0 on, found " + text;
  }
  errno = 0;
  (void)std::strtoull(text.c_str(), nullptr, 0);
  return errno == ERANGE ? "expected a whole number of at most 18446744073709551615, found " + text : std::string();
}

/// What does not fit, CLI11 reads as the nearest that does.
std::string count_complaint(const std::string& text) {
  errno = 0;
  (void)std::strtoll(text.c_str(), nullptr, 0);
  return errno == ERANGE ? "expected a whole number that fits 64 bits, found " + text : std::string();
}

/// "nan", "inf" and 1e400 are numbers to CLI11.
std::string decimal_complaint(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  return *end == '\0' && !std::isfinite(value) ? "expected a finite number, found " + text : std::string();
}

}  // namespace

CLI::Option* add_path(CLI::App& app, const std::string& name, std::filesystem::path& path, const std::string& text) {
  // std::filesystem::path looks like a container of paths to CLI11.
  return app.add_option_function<std::string>(
      name, [&path](const std::string& value) { path = value; }, text);
}

void check_range(CLI::Option& option, std::int64_t low, std::int64_t high) {
  option.check([low, high](const std::string& text) {
    char* end = nullptr;
    const std::int64_t value = std::strtoll(text.c_str(), &end, 0);
    return *end == '\0' && (value < low || value > high)
               ? "expected " + std::to_string(low) + " to " + std::to_string(high) + ", found " + text
               : std::string();
  });
}

void check_numbers(CLI::App& command) {
  for (CLI::Option* option : command.get_options()) {
    const std::string type = option->get_type_name();
    if (type == "X") {
      option->check(decimal_complaint);
    } else if (type == "N") {  // of which seeds alone take all of 64 bits
      option->check(option->get_name().find("seed") == std::string::npos ? count_complaint : seed_complaint);
    }
  }
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
  constexpr std::int64_t kMost = std::int64_t{1} << 40;  // as the loader
  check_range(
      *app.add_option("--max-pixels", max_pixels, "Refuse images of more pixels than this (178956970, as Pillow)")
           ->type_name("N")
           ->group("Images"),
      1, kMost);
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

void add_threads(CLI::App& app, std::int64_t& threads) {
  constexpr std::int64_t kMost = 1024;  // as --workers; a machine asked for many more is busy making them
  check_range(*app.add_option("--threads", threads, "Threads that compute (LibTorch's choice)")
                   ->type_name("N")
                   ->group("Running"),
              0, kMost);
}

void add_device_flags(CLI::App& app, std::string& device, std::int64_t& workers, std::int64_t& threads) {
  const char* const group = "Running";
  app.add_option("--device", device, "cpu, cuda, cuda:1 ...")->type_name("DEVICE")->group(group);
  app.add_option("--workers,-j", workers, "Threads that read images; results do not depend on it (2)")
      ->type_name("N")
      ->group(group);
  add_threads(app, threads);
}

}  // namespace ttscale::cli
