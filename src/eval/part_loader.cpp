// SPDX-License-Identifier: MIT
// Samples and transform of a part.
#include "eval/part_loader.h"

#include <utility>

#include "eval/thumbnails.h"

namespace ttscale::eval {

data::Loader open_part(const Part& part, std::int64_t batch_size, const Setup& setup, const EvalOptions& options,
                       const std::shared_ptr<data::DecodeCache>& cache) {
  data::LoaderOptions loading;
  loading.batch_size = batch_size;
  loading.workers = options.workers;
  loading.on_error = options.on_error;
  loading.may_be_empty = true;  // others show the domain; OpenDomains refuses one without any image
  loading.decode = options.decode;
  loading.cache = cache;
  if (options.task == Task::kSegmentation) {
    loading.label_maps = [&setup, &options](const at::Tensor& hwc, const data::Sample& sample) {
      return read_label_map(setup.label_maps.pair_of(sample.path), hwc, options);
    };
  }
  const bool scaled = !std::holds_alternative<std::monostate>(setup.input);
  const data::Transform transform = [&setup, &options, scaled](const at::Tensor& hwc, const data::Sample& sample) {
    const at::Tensor seen = shifted(hwc, sample, setup, options);
    return scaled ? image::to_pixels(seen, options.preprocessing) : image::to_input(seen, options.preprocessing);
  };
  const Images images(setup.tree, setup.domains, {}, options.num_samples);
  std::vector<data::Sample> samples;
  samples.reserve(part.items.size());
  for (const Item& item : part.items) {
    samples.push_back(images.sample(item));
  }
  return {std::move(samples), loading, transform};
}

}  // namespace ttscale::eval
