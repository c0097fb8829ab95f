// SPDX-License-Identifier: MIT
// Flags that several commands share, and commands whose flags have a file of their own. CLI11 is seen by the files of
// flags alone.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/options.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace ttscale::cli {

/// A flag or argument that takes a path.
CLI::Option* add_path(CLI::App& app, const std::string& name, std::filesystem::path& path, const std::string& text);

/// Refuses whole numbers of the option outside these bounds, both included, with what was typed.
void check_range(CLI::Option& option, std::int64_t low, std::int64_t high);

/// Call when a command has all its flags: refuses values of type N and X that CLI11 would read as another number.
void check_numbers(CLI::App& command);

/// The model, first argument of most commands.
void add_model(CLI::App& app, std::filesystem::path& model);

/// --input-index and --output.
void add_call_flags(CLI::App& app, CallOptions& call);

/// --verbose and --quiet.
void add_log_flags(CLI::App& app, Verbosity& verbosity);

/// --img-size, --crop-pct, --crop-mode and --interpolation under that title.
void add_geometry_flags(CLI::App& app, PreprocessingFlags& flags, const std::string& title);

/// Those and --in-chans, --mean and --std.
void add_preprocessing_flags(CLI::App& app, PreprocessingFlags& flags);

/// --optimize.
void add_optimize_flag(CLI::App& app, std::string& optimize);

/// --guard.
void add_guard_flag(CLI::App& app, std::string& guard);

/// --reference, --layers and --skip-layers.
void add_site_flags(CLI::App& app, std::filesystem::path& reference, std::vector<std::string>& layers,
                    std::vector<std::string>& skip_layers);

/// --state-in and --state-out.
void add_state_flags(CLI::App& app, std::filesystem::path& state_in, std::filesystem::path& state_out);

/// --threads.
void add_threads(CLI::App& app, std::int64_t& threads);

/// --device, --workers and --threads.
void add_device_flags(CLI::App& app, std::string& device, std::int64_t& workers, std::int64_t& threads);

/// --max-pixels.
void add_max_pixels(CLI::App& app, std::optional<std::int64_t>& max_pixels);

/// `ttscale eval`.
void add_eval(CLI::App& app, EvalFlags& flags, Verbosity& verbosity);

/// `ttscale bench`.
void add_bench(CLI::App& app, BenchFlags& flags, Verbosity& verbosity);

/// `ttscale merge`.
void add_merge(CLI::App& app, MergeFlags& flags, Verbosity& verbosity);

/// `ttscale corrupt`.
void add_corrupt(CLI::App& app, CorruptFlags& flags, Verbosity& verbosity);

}  // namespace ttscale::cli
