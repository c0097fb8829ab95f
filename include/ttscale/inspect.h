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

/// One place in the model's forward graph whose statistics can follow a stream: a normalisation layer, or the output of
/// another layer (a feature site), which takes the moments that calibrate() measured on clean images for its own.
struct Site {
  std::string name;  ///< attribute path ("layer1.0.bn1"); "batch_norm_3" where the archive kept no names; "bn#2":
                     ///< second call of a shared layer
  std::string kind;  ///< of a normalisation layer its operator ("batch_norm", "layer_norm", ...); of a feature site
                     ///< "convolution", or "features" for the input of the last layer
  std::int64_t channels = 0;  ///< 0 where the archive does not say
  double eps = 0;
  bool affine = false;     ///< has weight and bias
  bool adaptable = false;  ///< a feature site: once there is a reference for it
  bool feature = false;    ///< needs a reference
  bool chosen = false;     ///< of a feature site: calibrate() takes it unless told otherwise
  std::string note;  ///< where adaptable: what is special about it, or empty; else exactly why not and what would help
};

/// The result of inspect().
struct TTSCALE_API Inspection {
  std::vector<Site> sites;                        ///< normalisation layers in order of execution
  std::vector<Site> features;                     ///< candidates for feature sites, likewise
  std::map<std::string, std::int64_t> operators;  ///< how often other operators of interest occur: "convolution with
                                                  ///< bias", "linear", "quantized operator" ...
  std::string
      summary;  ///< one line: how many sites can be adapted, and if none, what was found in their place and what to do

  [[nodiscard]] std::int64_t adaptable() const;  ///< normalisation layers that can be adapted
  [[nodiscard]] std::int64_t chosen() const;     ///< feature sites that calibrate() takes unless told otherwise
};

/// Lists the sites of a module's forward graph. The module is not changed. Throws ModelError if it has no forward.
TTSCALE_API Inspection inspect(const torch::jit::Module& module);

/// Loads an archive and lists its sites. Throws ModelError if the file is not a TorchScript archive. Archives are code:
/// load only what you trust.
TTSCALE_API Inspection inspect(const std::filesystem::path& archive);

}  // namespace ttscale
