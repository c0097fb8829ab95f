// SPDX-License-Identifier: MIT
#include "ops/cpu/pointwise_convolution.h"

#include <algorithm>
#include <optional>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/native/CPUBlas.h>

#include "ops/cpu/element_loops.h"
#include "ops/cpu/partial_moments.h"
#include "ops/cpu/pixel_prologue.h"

namespace ttscale::ops {
namespace {

using std::int64_t;

/// Elements of a weight, or of its part, that stay in the second-level cache of a core beside the pixels.
constexpr int64_t kWeight = 262144;
/// Elements of a tile's input and output together, for the same cache.
constexpr int64_t kTile = 131072;
/// Pixels of a tile. Fewer are too few for the micro-kernels, more would leave the cache before they are measured.
constexpr int64_t kLeastPixels = 64;
constexpr int64_t kMostPixels = 256;
/// Tiles of an image that a thread takes at once, and whose moments are merged as they come.
constexpr int64_t kTilesOfPart = 8;

/// C += A B, or C = A B, row-major: A [m, k] with `lda` elements from row to row, B [k, n] dense, C [m, n] with `ldc`.
void multiply(int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, const float* b, float* c, int64_t ldc,
              bool adds) {
#ifdef CPUBLAS_BRGEMM_F32F32F32
  at::native::cpublas::brgemm(m, n, k, lda, n, ldc, adds, a, b, c, /*is_vnni=*/false);
#else
  static_cast<void>(m + n + k + lda + ldc + (adds ? 1 : 0));
  static_cast<void>(a);
  static_cast<void>(b);
  static_cast<void>(c);
  TORCH_CHECK(false, "pointwise_convolution: this LibTorch has no micro-kernels for matrices");
#endif
}

/// Runs of output channels whose part of the weight fits the cache: all of them if the whole does.
Split runs_of_outputs(const ConvolutionOptions& options) {
  const int64_t out = options.weight.size(0);
  const int64_t in = options.weight.size(1);
  return {out, in * out <= kWeight ? out : std::min(std::max<int64_t>(64, kWeight / in / 64 * 64), kMaxWidth)};
}

/// The largest divisor of `pixels` that makes a tile; without one tiles have nearly equal lengths.
int64_t tile_length(int64_t pixels, int64_t most) {
  for (int64_t length = std::min(most, pixels); length >= kLeastPixels; --length) {
    if (pixels % length == 0) {
      return length;  // the micro-kernels are made for the number of rows
    }
  }
  return most;
}

/// How pixels are divided: tiles lie within an image, or hold several whole images of few pixels. Nothing depends on
/// the number of threads.
struct Layer {
  int64_t images, pixels, in, out;
  Split runs;     ///< of output channels
  int64_t group;  ///< images that are multiplied together
  Split tiles;    ///< of an image, where group is 1
  Split parts;    ///< of the tiles of an image

  Layer(const at::Tensor& x, const ConvolutionOptions& options)
      : images(x.size(0)),
        pixels(x.size(2) * x.size(3)),
        in(x.size(1)),
        out(options.weight.size(0)),
        runs(runs_of_outputs(options)),
        group(std::min(images, (kLeastPixels + pixels - 1) / pixels)),
        tiles(pixels,
              group > 1 ? pixels : tile_length(pixels, std::clamp(kTile / (in + out), kLeastPixels, kMostPixels))),
        parts(tiles.count, kTilesOfPart) {}

  [[nodiscard]] int64_t groups() const { return (images + group - 1) / group; }
  [[nodiscard]] int64_t first_pixel(int64_t part) const {
    return part == parts.count ? pixels : tiles.begin(parts.begin(part));
  }
};

class Multiplication {
 public:
  Multiplication(const Layer& layer, const Loops& loops, const PixelPrologue* prologue, const float* x,
                 const float* weight, const float* bias, float* y, PartialMoments& moments)
      : layer_(layer),
        loops_(loops),
        prologue_(prologue),
        x_(x),
        weight_(weight),
        bias_(bias),
        y_(y),
        moments_(moments) {}

  /// A part of the images of a group, for one run of output channels.
  void run(int64_t group, int64_t part, int64_t run, std::vector<float>& normalised) {
    const int64_t image = group * layer_.group;
    const int64_t together = std::min(layer_.group, layer_.images - image);
    const int64_t start = layer_.first_pixel(part);
    for (int64_t tile = layer_.parts.begin(part); tile < layer_.parts.begin(part) + layer_.parts.length(part); ++tile) {
      const int64_t begin = layer_.tiles.begin(tile);
      const int64_t length = layer_.tiles.length(tile);
      float* y = multiply_tile(image, together, begin, length, run, normalised);
      for (int64_t i = 0; i < together; ++i) {
        moments_.add(loops_, image + i, part, begin - start, y + i * length * layer_.out, length, layer_.out,
                     layer_.runs.begin(run), layer_.runs.length(run));
      }
    }
  }

 private:
  /// Returns where the first of its results is.
  float* multiply_tile(int64_t image, int64_t together, int64_t begin, int64_t length, int64_t run,
                       std::vector<float>& normalised) {
    const int64_t first = image * layer_.pixels + begin;
    const int64_t rows = together * length;
    const float* x = x_ + first * layer_.in;
    if (prologue_ != nullptr) {
      normalised.resize(std::max(normalised.size(), static_cast<std::size_t>(rows * layer_.in)));
      for (int64_t i = 0; i < together; ++i) {
        const int64_t from = i * length * layer_.in;
        (*prologue_)(image + i, x + from, layer_.in, normalised.data() + from, layer_.in, length, 0, layer_.in);
      }
      x = normalised.data();
    }
    const int64_t channel = layer_.runs.begin(run);
    const int64_t width = layer_.runs.length(run);
    float* y = y_ + first * layer_.out + channel;
    if (bias_ != nullptr) {
      for (int64_t row = 0; row < rows; ++row) {
        std::copy_n(bias_ + channel, width, y + row * layer_.out);
      }
    }
    multiply(rows, width, layer_.in, x, layer_.in, weight_ + channel * layer_.in, y, layer_.out, bias_ != nullptr);
    return y;
  }

  const Layer& layer_;
  const Loops& loops_;
  const PixelPrologue* prologue_;
  const float* x_;
  const float* weight_;
  const float* bias_;
  float* y_;
  PartialMoments& moments_;
};

bool all(const std::vector<int64_t>& numbers, int64_t value) {
  return std::all_of(numbers.begin(), numbers.end(), [&](int64_t number) { return number == value; });
}

}  // namespace

bool has_matrix_kernels() {
#ifdef CPUBLAS_BRGEMM_F32F32F32
  static const bool found = [] {
    const float one = 1;
    float product = 0;
    try {
      multiply(1, 1, 1, &one, 1, &one, &product, 1, /*adds=*/false);
    } catch (const std::exception&) {
      return false;  // not for this CPU
    }
    return product == 1;
  }();
  return found;
#else
  return false;
#endif
}

bool is_pointwise(const at::Tensor& x, const ConvolutionOptions& options) {
  const at::Tensor& w = options.weight;
  return is_sound(options) && x.is_cpu() && x.dim() == 4 && x.numel() > 0 && x.scalar_type() == at::kFloat &&
         w.scalar_type() == at::kFloat && options.groups == 1 && x.size(1) == w.size(1) && w.size(2) == 1 &&
         w.size(3) == 1 && all(options.stride, 1) && all(options.padding, 0) && has_matrix_kernels();
}

bool pointwise_normalises(const ConvolutionOptions& options) { return runs_of_outputs(options).count == 1; }

at::Tensor pointwise_weight(const at::Tensor& weight) {
  const at::Tensor matrix = weight.flatten(1);  // [C_out, C_in]
  const Split runs = runs_of_outputs({weight, {}, {}, {}, {}, 1});
  std::vector<at::Tensor> blocks;
  for (int64_t run = 0; run < runs.count; ++run) {
    blocks.push_back(matrix.narrow(0, runs.begin(run), runs.length(run)).t().contiguous().flatten());
  }
  return at::cat(blocks);
}

Measured pointwise_convolution(Isa isa, const at::Tensor& input, const at::Tensor& weight,
                               const ConvolutionOptions& options, const Prologue& prologue) {
  const Layer layer(input, options);
  const bool early = !prologue.does_nothing() && layer.runs.count > 1;
  at::Tensor x = input.contiguous(at::MemoryFormat::ChannelsLast);
  if (early) {
    x = done(prologue, x);
  }
  at::Tensor y = at::empty({layer.images, layer.out, x.size(2), x.size(3)},
                           x.options().memory_format(at::MemoryFormat::ChannelsLast));
  PartialMoments moments(layer.images, layer.parts.count, layer.out);
  const Loops& loops = loop_table(isa).of_float;
  std::optional<PixelPrologue> before;
  if (!early && !prologue.does_nothing()) {
    before.emplace(loops, prologue, x);
  }
  const at::Tensor bias = options.bias ? options.bias->contiguous() : at::Tensor();
  Multiplication product(layer, loops, before ? &*before : nullptr, x.data_ptr<float>(), weight.data_ptr<float>(),
                         bias.defined() ? bias.data_ptr<float>() : nullptr, y.data_ptr<float>(), moments);
  // Runs of output channels go round slowest: their part of the weight stays in a thread's cache.
  const int64_t units = layer.groups() * layer.parts.count;
  const int64_t work = layer.group * layer.first_pixel(1) * layer.runs.length(0);
  at::parallel_for(0, units * layer.runs.count, grain(work), [&](int64_t begin, int64_t end) {
    std::vector<float> normalised;
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t at = unit % units;
      product.run(at / layer.parts.count, at % layer.parts.count, unit / units, normalised);
    }
  });
  std::vector<int64_t> lengths;
  for (int64_t part = 0; part < layer.parts.count; ++part) {
    lengths.push_back(layer.first_pixel(part + 1) - layer.first_pixel(part));
  }
  const auto [mean, var] = moments.merged(lengths);
  return {y, mean, var};
}

}  // namespace ttscale::ops
