// SPDX-License-Identifier: MIT
// Reads the JSON description that lies beside a model file: preprocessing and class names, in the keys of timm's
// pretrained_cfg.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "image/preprocess.h"

namespace ttscale::image {

/// What the file beside a model says; keys that it lacks keep the defaults of Preprocessing.
struct ModelConfig {
  std::filesystem::path file;  ///< where it was read from
  Preprocessing preprocessing;
  std::vector<std::string> classes;         ///< names of the class folders by output index; empty if not given
  std::optional<std::int64_t> num_classes;  ///< outputs of the model, if given
};

/// Reads one description. Keys, at top level or inside "pretrained_cfg" (the top level wins): input_size [C, H, W],
/// mean, std, interpolation, crop_pct, crop_mode, num_classes, classes. Other keys and null values are ignored. Throws
/// DataError naming file, key, what was expected and what was found.
ModelConfig read_model_config(const std::filesystem::path& file);

/// The same of the text of a file; `file` is for messages.
ModelConfig parse_model_config(const std::string& text, const std::filesystem::path& file);

/// Where the description of a model is looked for; for dir/NAME.scripted.pt: dir/NAME.scripted.json, dir/NAME.json
/// (suffixes are dropped one by one) and dir/model.json.
std::vector<std::filesystem::path> model_config_files(const std::filesystem::path& model_file);

/// Reads the first of model_config_files() that exists. None: nullopt. Throws as read_model_config().
std::optional<ModelConfig> find_model_config(const std::filesystem::path& model_file);

}  // namespace ttscale::image
