// SPDX-License-Identifier: MIT
// `ttscale calibrate`: reference moments from clean images, or from the model before folding.
#include "ttscale/calibrate.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <sstream>

#include <torch/csrc/jit/api/module.h>

#include "base/file.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/preprocessing.h"
#include "cli/progress.h"
#include "cli/streams.h"
#include "data/folder.h"
#include "data/loader.h"
#include "graph/archive.h"
#include "ttscale/error.h"

namespace ttscale::cli {
namespace {

void check_flags(const CalibrateFlags& flags) {
  if (flags.data.empty() == flags.from.empty()) {
    throw UsageError("calibrate needs --data with clean images, or --from with the model before folding, not " +
                     std::string(flags.data.empty() ? "neither" : "both"));
  }
  if (flags.threads < 0) {
    throw UsageError("--threads must be 0 (LibTorch's choice) or more, not " + std::to_string(flags.threads));
  }
  if (flags.num_samples && *flags.num_samples < 2) {
    throw UsageError("--num-samples must be 2 or more, not " + std::to_string(*flags.num_samples));
  }
  if (!flags.from.empty() && !flags.features.empty()) {
    throw UsageError("--features goes with --data; --from takes every convolution that the other model explains");
  }
}

// Folders are classes as a rule: the first N images would be of a few of them.
std::vector<data::Sample> choose(const std::vector<std::filesystem::path>& images,
                                 const std::optional<std::int64_t>& wanted) {
  const std::size_t n = wanted ? std::min(images.size(), static_cast<std::size_t>(*wanted)) : images.size();
  std::vector<data::Sample> chosen;
  for (std::size_t i = 0; i < n; ++i) {
    chosen.push_back({images[i * images.size() / n], 0});
  }
  return chosen;
}

Reference measure(const CalibrateFlags& flags, const torch::jit::Module& module) {
  const auto config = image::find_model_config(flags.model);
  const image::Preprocessing preprocessing = resolve(flags.preprocessing, config);
  const auto images = data::images_below(data::Folder(flags.data));
  if (images.empty()) {
    throw DataError(flags.data.string() + " holds no images (" + data::kImageExtensions +
                    "); name a folder of clean ones");
  }
  const std::vector<data::Sample> samples = choose(images, flags.num_samples);
  data::LoaderOptions loading;
  loading.batch_size = flags.batch_size;
  loading.workers = flags.workers;
  loading.on_error = data::parse_on_error(flags.on_error);
  loading.decode.max_pixels = flags.max_pixels.value_or(loading.decode.max_pixels);
  Calibration calibration(module, flags.features);
  log(LogLevel::kInfo, "calibrating " + std::to_string(calibration.sites().size()) + " sites on " +
                           std::to_string(samples.size()) + " of " + std::to_string(images.size()) + " images, " +
                           preprocessing.describe());
  log_sources(flags.preprocessing, config);

  remember_interrupts();
  data::Loader loader(samples, loading, [&](const at::Tensor& hwc) { return image::to_input(hwc, preprocessing); });
  ProgressDisplay display(progress_style(flags.verbosity), static_cast<std::int64_t>(samples.size()), 10);
  std::int64_t batches = 0;
  std::int64_t done = 0;
  while (const auto batch = loader.next()) {
    calibration.add(batch->images);
    done += batch->images.size(0);
    display.update(++batches, done, std::to_string(done) + " of " + std::to_string(samples.size()) + " images");
    throw_if_interrupted();
  }
  for (const data::Skipped& skipped : loader.skipped()) {
    log(LogLevel::kWarning, "left out: " + skipped.sample.path.string() + " (" + skipped.reason + ")");
  }
  Reference reference = calibration.result();
  reference.preprocessing = preprocessing.describe();
  return reference;
}

// By chance alone the mean of n images strays by their spread over sqrt(n).
void warn_of_few_images(const Reference& reference) {
  const auto worst =
      std::max_element(reference.sites.begin(), reference.sites.end(),
                       [](const ReferenceSite& a, const ReferenceSite& b) { return a.uncertainty < b.uncertainty; });
  if (worst == reference.sites.end() || worst->uncertainty <= kSureReference) {
    return;
  }
  const auto unsure = std::count_if(reference.sites.begin(), reference.sites.end(),
                                    [](const ReferenceSite& site) { return site.uncertainty > kSureReference; });
  const double ratio = worst->uncertainty / kSureReference;
  const auto needed = static_cast<std::int64_t>(static_cast<double>(reference.images) * ratio * ratio) + 1;
  std::ostringstream line;
  line.precision(2);
  line << unsure << " of " << reference.sites.size() << " sites are not sure: the mean of " << worst->name
       << " has a standard error of " << worst->uncertainty << " of its spread; " << needed
       << " images would bring it to " << kSureReference;
  log(LogLevel::kWarning, line.str());
}

}  // namespace

void run(const CalibrateFlags& flags) {
  check_flags(flags);
  check_writable(flags.out);
  if (flags.threads > 0) {
    at::set_num_threads(static_cast<int>(flags.threads));
  }
  const torch::jit::Module module = graph::load(flags.model, flags.device);
  const Reference reference =
      flags.from.empty() ? measure(flags, module) : reference_from_twin(module, graph::load(flags.from));
  warn_of_few_images(reference);
  reference.save(flags.out);
  std::ostringstream line;
  line << flags.out.string() << ": " << reference.sites.size() << " sites, "
       << (flags.from.empty() ? "from " + std::to_string(reference.images) + " images"
                              : "exact, from " + flags.from.string())
       << "; use it with --reference\n";
  write_stdout(line.str());
}

}  // namespace ttscale::cli
