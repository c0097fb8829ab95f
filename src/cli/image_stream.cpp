// SPDX-License-Identifier: MIT
// Finding, ordering and loading of unlabelled images.
#include "cli/image_stream.h"

#include <ATen/Parallel.h>

#include <utility>

#include "base/log.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "data/folder.h"
#include "data/loader.h"
#include "data/order.h"
#include "ttscale/error.h"

namespace ttscale::cli {

void check(const ImageFlags& flags) {
  if (flags.num_samples && *flags.num_samples < 1) {
    throw UsageError("--num-samples must be 1 or more, not " + std::to_string(*flags.num_samples));
  }
}

ImageStream::ImageStream(const std::filesystem::path& root, const ImageFlags& flags, image::Preprocessing preprocessing,
                         Verbosity verbosity)
    : root_(root), flags_(flags), preprocessing_(std::move(preprocessing)), verbosity_(verbosity) {
  data::Domain all;
  all.name = root.string();
  for (const auto& path : data::images_below(data::Folder(root))) {
    all.samples.push_back({path, 0});
  }
  found_ = all.samples.size();
  if (found_ == 0) {
    throw DataError("data: " + root.string() + " holds no images (" + data::kImageExtensions + ")");
  }
  samples_ = data::arrange(all, data::parse_order("shuffled", flags.seed));
  if (flags.num_samples && static_cast<std::size_t>(*flags.num_samples) < samples_.size()) {
    samples_.resize(static_cast<std::size_t>(*flags.num_samples));
  }
}

std::string ImageStream::describe() const {
  return std::to_string(samples_.size()) + " of " + std::to_string(found_) + " images, " + preprocessing_.describe();
}

void ImageStream::for_each_batch(const std::function<void(const at::Tensor&)>& use, const Change& change) const {
  if (flags_.threads > 0) {
    at::set_num_threads(static_cast<int>(flags_.threads));
  }
  data::LoaderOptions loading;
  loading.batch_size = flags_.batch_size;
  loading.workers = flags_.workers;
  loading.on_error = data::parse_on_error(flags_.on_error);
  loading.decode.max_pixels = flags_.max_pixels.value_or(loading.decode.max_pixels);
  remember_interrupts();
  data::Loader loader(samples_, loading, [&](const at::Tensor& hwc, const data::Sample& sample) {
    return image::to_input(change ? change(hwc, sample.path.lexically_relative(root_)) : hwc, preprocessing_);
  });
  ProgressDisplay display(progress_style(verbosity_), static_cast<std::int64_t>(samples_.size()), 10);
  std::int64_t batches = 0;
  std::int64_t done = 0;
  while (const auto batch = loader.next()) {
    use(batch->images);
    done += batch->images.size(0);
    display.update(++batches, done, std::to_string(done) + " of " + std::to_string(samples_.size()) + " images");
    throw_if_interrupted();
  }
  for (const data::Skipped& skipped : loader.skipped()) {
    log(LogLevel::kWarning, "left out: " + skipped.sample.path.string() + " (" + skipped.reason + ")");
  }
}

}  // namespace ttscale::cli
