// SPDX-License-Identifier: MIT
// `ttscale preprocess`: the exact tensor that a model is given for one image.
#include <sstream>

#include "base/log.h"
#include "cli/commands.h"
#include "cli/preprocessing.h"
#include "cli/streams.h"
#include "cli/tensor_file.h"
#include "image/decode.h"

namespace ttscale::cli {

void run(const PreprocessFlags& flags) {
  const auto config = flags.model.empty() ? std::nullopt : image::find_model_config(flags.model);
  const image::Preprocessing preprocessing = resolve(flags.preprocessing, config);
  image::DecodeLimits limits;
  limits.max_pixels = flags.max_pixels.value_or(limits.max_pixels);

  const at::Tensor input = image::to_input(image::decode(flags.image, limits), preprocessing);
  log(LogLevel::kInfo, "preprocessing: " + preprocessing.describe());
  log_sources(flags.preprocessing, config);
  save_tensor(input, flags.dump);

  std::ostringstream line;
  line << flags.dump.string() << ": float32 " << input.sizes() << ", min " << input.min().item<float>() << ", max "
       << input.max().item<float>() << ", mean " << input.mean().item<float>() << '\n';
  write_stdout(line.str());
}

}  // namespace ttscale::cli
