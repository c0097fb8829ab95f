// SPDX-License-Identifier: MIT
// CPU kernel of ttscale::moments for contiguous and channels_last activations: the work of the threads. What one thread
// does to a chunk is in moments_loops.h.
#include "ops/cpu/moments_kernel.h"

#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "ops/cpu/element_loops.h"
#include "ops/cpu/partial_moments.h"
#include "ops/layout.h"
#include "ops/moments.h"

namespace ttscale::ops {
namespace {

using std::int64_t;

// Chunks bound the error of their sums and are what threads share; their limits depend on the shape alone, so that
// results do not depend on the number of threads.
constexpr int64_t kRowChunk = 16384;
constexpr int64_t kPixelChunk = 32768;
// Merging a chunk costs as much as a few of its pixels.
constexpr int64_t kLeastPixels = 256;

/// Moments of `runs` x `width` values, each over the chunks of `split`: mean and m2 [runs, chunks, width] of chunks
/// become mean and variance [runs, width].
void merge_chunks(const std::vector<double>& chunk_mean, const std::vector<double>& chunk_m2, int64_t runs,
                  const Split& split, int64_t width, double* mean, double* var) {
  for (int64_t run = 0; run < runs; ++run) {
    double* m = mean + run * width;
    double* v = var + run * width;
    for (int64_t chunk = 0; chunk < split.count; ++chunk) {
      const auto from = static_cast<std::size_t>((run * split.count + chunk) * width);
      const double* other_mean = chunk_mean.data() + from;
      const double* other_m2 = chunk_m2.data() + from;
      merge_moments(m, v, static_cast<double>(split.begin(chunk)), other_mean, other_m2,
                    static_cast<double>(split.length(chunk)), width);
    }
  }
}

/// Calls work(mean, m2) with the memory for chunks: the results themselves where there is one chunk a run.
template <typename Work>
void over_chunks(int64_t runs, const Split& split, int64_t width, double* mean, double* var, const Work& work) {
  if (split.count == 1) {
    work(mean, var);
  } else {
    std::vector<double> chunk_mean(static_cast<std::size_t>(runs * split.count * width));
    std::vector<double> chunk_m2(chunk_mean.size());
    work(chunk_mean.data(), chunk_m2.data());
    merge_chunks(chunk_mean, chunk_m2, runs, split, width, mean, var);
  }
  const auto count = static_cast<double>(split.size);
  for (int64_t i = 0; i < runs * width; ++i) {
    var[i] /= count;
  }
}

void row_moments(const Loops& loops, const at::Tensor& x, int64_t rows, int64_t length, double* mean, double* var) {
  const Split split(length, kRowChunk);
  over_chunks(rows, split, 1, mean, var, [&](double* m, double* m2) {
    at::parallel_for(0, rows * split.count, grain(length / split.count), [&](int64_t begin, int64_t end) {
      if (split.count == 1) {
        loops.row_moments(input_element(x, begin * length), end - begin, length, m + begin, m2 + begin);
        return;
      }
      for (int64_t unit = begin; unit < end; ++unit) {
        const int64_t chunk = unit % split.count;
        loops.row_moments(input_element(x, unit / split.count * length + split.begin(chunk)), 1, split.length(chunk),
                          m + unit, m2 + unit);
      }
    });
  });
}

void channels_last_moments(const Loops& loops, const at::Tensor& x, int64_t images, int64_t channels, int64_t pixels,
                           double* mean, double* var) {
  const Split across(channels, kMaxWidth);
  const int64_t width = across.length(0);
  const Split along(pixels, std::max(kLeastPixels, kPixelChunk / width));
  over_chunks(images, along, channels, mean, var, [&](double* m, double* m2) {
    const int64_t units = images * along.count * across.count;
    at::parallel_for(0, units, grain(along.length(0) * width), [&](int64_t begin, int64_t end) {
      for (int64_t unit = begin; unit < end; ++unit) {
        const int64_t channel = across.begin(unit % across.count);
        const int64_t run = unit / across.count;  // image and chunk
        const int64_t chunk = run % along.count;
        const int64_t pixel = run / along.count * pixels + along.begin(chunk);
        loops.pixel_moments(input_element(x, pixel * channels + channel), along.length(chunk), channels,
                            across.length(unit % across.count), m + run * channels + channel,
                            m2 + run * channels + channel);
      }
    });
  });
}

}  // namespace

std::tuple<at::Tensor, at::Tensor> moments_on(Isa isa, const at::Tensor& input) {
  check_moments(input);
  const at::Tensor x = dense(input);
  const int64_t images = x.size(0);
  const int64_t channels = x.size(1);
  const int64_t pixels = x.numel() / (images * channels);
  at::Tensor mean =
      at::empty({images, channels}, x.options().dtype(at::kDouble).memory_format(at::MemoryFormat::Contiguous));
  at::Tensor var = at::empty_like(mean);
  const Loops& loops = element_loops(x.scalar_type(), isa);
  if (x.is_contiguous() && pixels > 1) {
    row_moments(loops, x, images * channels, pixels, mean.data_ptr<double>(), var.data_ptr<double>());
  } else {
    channels_last_moments(loops, x, images, channels, pixels, mean.data_ptr<double>(), var.data_ptr<double>());
  }
  return {mean, var};
}

std::tuple<at::Tensor, at::Tensor> moments_cpu(const at::Tensor& x) { return moments_on(available_isas().back(), x); }

}  // namespace ttscale::ops
