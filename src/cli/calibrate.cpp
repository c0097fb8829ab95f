// SPDX-License-Identifier: MIT
// `ttscale calibrate`: reference moments from clean images, or from the model before folding.
#include "ttscale/calibrate.h"

#include <algorithm>
#include <sstream>

#include <torch/csrc/jit/api/module.h>

#include "base/file.h"
#include "base/log.h"
#include "base/option_text.h"
#include "cli/commands.h"
#include "cli/image_stream.h"
#include "cli/preprocessing.h"
#include "cli/streams.h"
#include "graph/archive.h"
#include "graph/input_type.h"
#include "shift/shift.h"
#include "ttscale/error.h"

namespace ttscale::cli {
namespace {

/// Flags that say how to shift are for those who shift.
void check_shift_flags(const CalibrateFlags& flags) {
  shift::parse_parameters(flags.shift_parameters, "shift_parameters");
  const CalibrateFlags usual;
  if (flags.shifts.empty() &&
      (flags.shift_parameters != usual.shift_parameters || flags.shift_seed != usual.shift_seed)) {
    throw UsageError("--shift-parameters and --shift-seed go with --shift; name the shifts, or leave them out");
  }
}

void check_flags(const CalibrateFlags& flags) {
  if (flags.data.empty() == flags.from.empty()) {
    throw UsageError("calibrate needs --data with clean images, or --from with the model before folding, not " +
                     std::string(flags.data.empty() ? "neither" : "both"));
  }
  check(flags.images);
  check_shift_flags(flags);
  if (!flags.from.empty() && !flags.features.empty()) {
    throw UsageError("--features goes with --data; --from takes every convolution that the other model explains");
  }
  if (!flags.from.empty() && !flags.shifts.empty()) {
    throw UsageError("--shift goes with --data, whose images it shifts; --from reads none");
  }
}

std::vector<shift::Shift> shifts_of(const CalibrateFlags& flags) {
  return flags.shifts.empty() ? std::vector<shift::Shift>() : shift::parse_shifts(join(flags.shifts, ";"));
}

/// Adds the images, as numbers of that type, under every shift, a pass each.
void add_shifted(const CalibrateFlags& flags, const std::vector<shift::Shift>& shifts, shift::Parameters parameters,
                 const ImageStream& images, at::ScalarType type, Calibration& calibration) {
  for (std::size_t i = 0; i < shifts.size(); ++i) {
    const shift::Shift& one = shifts[i];
    log(LogLevel::kInfo, "measuring weights under " + one.domain() + " (" + std::to_string(i + 1) + " of " +
                             std::to_string(shifts.size()) + ")");
    images.for_each_batch([&](const at::Tensor& batch) { calibration.add_shifted(one.domain(), batch.to(type)); },
                          [&](const at::Tensor& hwc, const std::filesystem::path& path) {
                            return shift::apply(hwc, one, parameters,
                                                shift::image_seed(flags.shift_seed, one, path.generic_string()));
                          });
  }
}

Reference measure(const CalibrateFlags& flags, const torch::jit::Module& module) {
  const std::vector<shift::Shift> shifts = shifts_of(flags);
  const shift::Parameters parameters = shift::parse_parameters(flags.shift_parameters, "shift_parameters");
  const auto config = image::find_model_config(flags.model);
  const image::Preprocessing preprocessing = resolve(flags.images.preprocessing, config);
  const at::ScalarType type = graph::input_type(module);
  Calibration calibration(module, flags.features, flags.call);
  ImageStream images(flags.data, flags.images, preprocessing, flags.verbosity);
  log(LogLevel::kInfo, "calibrating " + std::to_string(calibration.sites().size()) + " sites on " + images.describe());
  log_sources(flags.images.preprocessing, config);
  images.for_each_batch([&](const at::Tensor& batch) { calibration.add(batch.to(type)); });
  add_shifted(flags, shifts, parameters, images, type, calibration);
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
  const torch::jit::Module module = graph::load(flags.model, flags.images.device);
  const Reference reference =
      flags.from.empty() ? measure(flags, module) : reference_from_twin(module, graph::load(flags.from));
  warn_of_few_images(reference);
  if (const std::string mismatch = reference.mismatch(); !mismatch.empty()) {
    log(LogLevel::kWarning, mismatch + "; are the images clean, and prepared as in training?");
  }
  reference.save(flags.out);
  std::ostringstream line;
  line << flags.out.string() << ": " << reference.sites.size() << (reference.sites.size() == 1 ? " site, " : " sites, ")
       << (flags.from.empty() ? "from " + std::to_string(reference.images) + " images"
                              : "exact, from " + flags.from.string())
       << (reference.domains.empty() ? ""
                                     : ", weights under " + std::to_string(reference.domains.size()) +
                                           (reference.domains.size() == 1 ? " shift" : " shifts"))
       << "; use it with --reference\n";
  write_stdout(line.str());
}

}  // namespace ttscale::cli
