// SPDX-License-Identifier: MIT
// Flags that several commands share, and commands whose flags have a file of their own. CLI11 is seen by the files of
// flags alone.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "cli/options.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace ttscale::cli {

/// A flag or argument that takes a path.
CLI::Option* add_path(CLI::App& app, const std::string& name, std::filesystem::path& path, const std::string& text);

/// --verbose and --quiet.
void add_log_flags(CLI::App& app, Verbosity& verbosity);

/// --img-size, --crop-pct, --crop-mode and --interpolation under that title.
void add_geometry_flags(CLI::App& app, PreprocessingFlags& flags, const std::string& title);

/// --max-pixels.
void add_max_pixels(CLI::App& app, std::optional<std::int64_t>& max_pixels);

/// `ttscale corrupt`.
void add_corrupt(CLI::App& app, CorruptFlags& flags, Verbosity& verbosity);

}  // namespace ttscale::cli
