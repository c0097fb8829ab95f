// SPDX-License-Identifier: MIT
// The JSON beside a model.
#include "image/model_config.h"

#include "refusal.h"
#include "targets.h"

bool ttscale::fuzz::model_config(std::string_view bytes) {
  return may_refuse([&] {
    const auto config = image::parse_model_config(std::string(bytes), "model.json");
    config.preprocessing.validate();
    require(!config.preprocessing.describe().empty(), "preprocessing without a description");
  });
}
