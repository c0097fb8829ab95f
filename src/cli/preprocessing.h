// SPDX-License-Identifier: MIT
// Flags + the description beside the model -> preprocessing, for every command that reads images.
#pragma once

#include <filesystem>
#include <optional>

#include "cli/options.h"
#include "image/model_config.h"
#include "image/preprocess.h"

namespace ttscale::cli {

/// The description with the flags on top. Throws UsageError for flags that cannot be used.
image::Preprocessing resolve(const PreprocessingFlags& flags, const std::optional<image::ModelConfig>& config);

/// Says in the log which description was read, and warns where only a default was left.
void log_sources(const PreprocessingFlags& flags, const std::optional<image::ModelConfig>& config);

}  // namespace ttscale::cli
