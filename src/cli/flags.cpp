// SPDX-License-Identifier: MIT
// Flags that several commands share.
#include "cli/flags.h"

#include <CLI/CLI.hpp>

namespace ttscale::cli {

CLI::Option* add_path(CLI::App& app, const std::string& name, std::filesystem::path& path, const std::string& text) {
  // std::filesystem::path looks like a container of paths to CLI11.
  return app.add_option_function<std::string>(
      name, [&path](const std::string& value) { path = value; }, text);
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

void add_max_pixels(CLI::App& app, std::optional<std::int64_t>& max_pixels) {
  app.add_option("--max-pixels", max_pixels, "Refuse images of more pixels than this (178956970, as Pillow)")
      ->type_name("N")
      ->group("Images");
}

}  // namespace ttscale::cli
