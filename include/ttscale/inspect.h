// SPDX-License-Identifier: MIT
// What a TorchScript model holds that can be adapted, and why the rest cannot.
#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <map>
#include <string>
#include <vector>

#include "ttscale/export.h"

namespace torch::jit {
struct Module;
}

namespace ttscale {

/// One normalisation layer as it is called in the model's forward graph, in order of execution.
struct Site {
  std::string name;  ///< attribute path ("layer1.0.bn1"); "batch_norm_3" where the archive kept no names; "bn#2":
                     ///< second call of a shared layer
  std::string kind;  ///< operator without its namespace: "batch_norm", "layer_norm", ...
  std::int64_t channels = 0;  ///< 0 where the archive does not say
  double eps = 0;
  bool affine = false;  ///< has weight and bias
  bool adaptable = false;
  std::string note;  ///< where adaptable: what is special about it, or empty; else exactly why not and what would help
};

/// The result of inspect().
struct TTSCALE_API Inspection {
  std::vector<Site> sites;                        ///< norm layers in order of execution
  std::map<std::string, std::int64_t> operators;  ///< how often other operators of interest occur: "convolution with
                                                  ///< bias", "linear", "quantized operator" ...
  std::string
      summary;  ///< one line: how many sites can be adapted, and if none, what was found in their place and what to do

  [[nodiscard]] std::int64_t adaptable() const;
};

/// Lists the sites of a module's forward graph. The module is not changed. Throws ModelError if it has no forward.
TTSCALE_API Inspection inspect(const torch::jit::Module& module);

/// Loads an archive and lists its sites. Throws ModelError if the file is not a TorchScript archive. Archives are code:
/// load only what you trust.
TTSCALE_API Inspection inspect(const std::filesystem::path& archive);

}  // namespace ttscale
