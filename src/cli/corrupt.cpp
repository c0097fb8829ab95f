// SPDX-License-Identifier: MIT
// `ttscale corrupt`: shifted copies of a folder of images.
#include <algorithm>
#include <map>
#include <sstream>
#include <system_error>

#include "base/log.h"
#include "base/option_text.h"
#include "cli/commands.h"
#include "cli/corrupt_images.h"
#include "cli/corrupt_manifest.h"
#include "cli/interrupt.h"
#include "cli/leftovers.h"
#include "cli/preprocessing.h"
#include "cli/progress.h"
#include "cli/run_files.h"
#include "cli/streams.h"
#include "data/folder.h"
#include "ttscale/error.h"

namespace ttscale::cli {
namespace {

namespace fs = std::filesystem;

image::Encoding encoding_of(const CorruptFlags& flags) {
  image::Encoding encoding;
  encoding.format = image::Encoding::parse_format(flags.format);
  if (flags.quality && encoding.format != image::Encoding::Format::kJpeg) {
    throw UsageError("--quality goes with --format jpeg; PNG has no loss");
  }
  encoding.quality = flags.quality.value_or(encoding.quality);
  encoding.validate();
  return encoding;
}

std::vector<shift::Shift> shifts_of(const CorruptFlags& flags) {
  const std::vector<std::string> all{"all"};
  const std::vector<std::int64_t> every{1, 2, 3, 4, 5};
  return shift::combine_shifts(flags.kinds.empty() ? all : flags.kinds,
                               flags.severities.empty() ? every : flags.severities);
}

/// Copies below the source would be images of the source the next time.
void check_apart(const fs::path& source, const fs::path& target) {
  if (lies_in(target, source)) {
    throw UsageError("corrupt: expected a target outside the source, found " + target.string() + " in " +
                     source.string());
  }
}

std::vector<fs::path> images_of(const fs::path& source) {
  std::vector<fs::path> images = data::images_below(data::Folder(source));
  if (images.empty()) {
    throw DataError("data: " + source.string() + " holds no images (" + data::kImageExtensions + ")");
  }
  return images;
}

/// cat.jpg and cat.png would become one file.
void check_distinct(const CorruptPlan& plan) {
  std::map<fs::path, fs::path> origin;
  for (const fs::path& image : plan.images) {
    const auto [there, added] = origin.emplace(plan.copy_of(image, plan.shifts.front()), image);
    if (!added) {
      throw DataError("corrupt: expected images whose names differ without their extension, found " +
                      there->second.string() + " and " + image.string() + "; rename one of them");
    }
  }
}

CorruptPlan plan_of(const CorruptFlags& flags) {
  CorruptPlan plan;
  plan.source = flags.source;
  plan.target = flags.target;
  plan.shifts = shifts_of(flags);
  plan.parameters = shift::parse_parameters(flags.parameters);
  plan.seed = flags.seed;
  plan.geometry = resolve(flags.geometry, std::nullopt);
  plan.encoding = encoding_of(flags);
  plan.limits.max_pixels = flags.max_pixels.value_or(plan.limits.max_pixels);
  plan.on_error = data::parse_on_error(flags.on_error);
  plan.workers = flags.workers;
  check_apart(plan.source, plan.target);
  plan.images = images_of(plan.source);
  check_distinct(plan);
  return plan;
}

Manifest manifest_of(const CorruptPlan& plan) {
  const bool jpeg = plan.encoding.format == image::Encoding::Format::kJpeg;
  std::string size = "of the images";
  if (plan.geometry.img_size) {
    std::ostringstream text;
    text << plan.geometry.img_size->height << 'x' << plan.geometry.img_size->width << ", crop-pct "
         << number_text(plan.geometry.crop_pct) << ", " << image::to_string(plan.geometry.crop_mode) << ", "
         << image::to_string(plan.geometry.interpolation);
    size = text.str();
  }
  std::error_code error;
  return {{"format", jpeg ? "jpeg of quality " + std::to_string(plan.encoding.quality) : "png"},
          {"parameters", shift::to_string(plan.parameters)},
          {"revision", std::to_string(shift::kRevision)},
          {"seed", std::to_string(plan.seed)},
          {"size", size},
          {"source", fs::weakly_canonical(plan.source, error).string()}};
}

std::vector<std::string> kinds_in(const std::vector<shift::Shift>& shifts) {
  std::vector<std::string> kinds;
  for (const shift::Shift& shift : shifts) {
    if (kinds.empty() || kinds.back() != shift.kind) {
      kinds.push_back(shift.kind);
    }
  }
  return kinds;
}

/// Ten lines a run where there is no bar.
std::int64_t log_frequency(std::size_t images) {
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(images) / 10);
}

CorruptCounts run_watched(const CorruptPlan& plan, Verbosity verbosity) {
  const std::size_t total = plan.images.size();
  ProgressDisplay display(progress_style(verbosity), static_cast<std::int64_t>(total), log_frequency(total));
  remember_interrupts();
  return corrupt_images(plan, [&](const CorruptCounts& counts) {
    const auto done = static_cast<std::int64_t>(counts.images);
    display.update(done, done,
                   std::to_string(done) + " of " + std::to_string(total) + " images, " +
                       std::to_string(counts.written) + " copies written");
    throw_if_interrupted();
  });
}

}  // namespace

void run(const CorruptFlags& flags) {
  const CorruptPlan plan = plan_of(flags);
  log(LogLevel::kInfo, std::to_string(plan.images.size()) + " images under " + std::to_string(plan.shifts.size()) +
                           " shifts, parameters of " + shift::to_string(plan.parameters) + ", seed " +
                           std::to_string(plan.seed));
  claim_target(plan.target, manifest_of(plan), kinds_in(plan.shifts));
  for (const std::string& kind : kinds_in(plan.shifts)) {
    remove_leftovers(plan.target / kind);
  }
  const CorruptCounts counts = run_watched(plan, flags.verbosity);
  for (const std::string& message : counts.left_out) {
    log(LogLevel::kWarning, "left out: " + message);
  }
  if (counts.left_out.size() == plan.images.size()) {
    throw DataError("corrupt: expected images that can be read in " + plan.source.string() + ", found none among " +
                    std::to_string(plan.images.size()));
  }
  std::ostringstream line;
  line << plan.target.string() << ": " << counts.written << " images written, " << counts.kept << " were there, "
       << counts.left_out.size() << " left out\n";
  write_stdout(line.str());
}

}  // namespace ttscale::cli
