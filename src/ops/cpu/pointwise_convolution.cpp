// SPDX-License-Identifier: MIT
#include "ops/cpu/pointwise_convolution.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "ops/cpu/element_loops.h"
#include "ops/cpu/matrix_kernels.h"
#include "ops/cpu/partial_moments.h"
#include "ops/cpu/pixel_prologue.h"

namespace ttscale::ops {
namespace {

using std::int64_t;

/// Elements of a weight, or of its part, that stay in the second-level cache of a core beside the pixels.
constexpr int64_t kWeight = 262144;
/// Elements of a tile's input and output together, for the same cache.
constexpr int64_t kTile = 131072;
/// Pixels of a tile. With fewer the weight is read too often for what is done with it; more would leave the cache
/// before they are measured.
constexpr int64_t kLeastPixels = 48;
constexpr int64_t kMostPixels = 256;
/// Tiles of an image that a thread takes at once, at most, and whose moments are merged as they come.
constexpr int64_t kTilesOfPart = 8;
/// Units of work for which tiles are made smaller: few images are for many threads, too. Powers of two share evenly.
constexpr int64_t kUnits = 16;
/// Products that are worth a thread.
constexpr int64_t kProducts = 1048576;

/// Runs of output channels whose part of the weight fits the cache: all of them if the whole does.
Split runs_of_outputs(const ConvolutionOptions& options) {
  const int64_t out = options.weight.size(0);
  const int64_t in = options.weight.size(1);
  return {out, in * out <= kWeight ? out : std::min(std::max<int64_t>(64, kWeight / in / 64 * 64), kMaxWidth)};
}

/// Tiles of an image.
Split tiles_of(int64_t images, int64_t pixels, int64_t most) {
  const auto worth_more = [&](int64_t count) {
    return (images * count < kUnits && pixels >= 2 * count * kLeastPixels) || (images * count == 1 && pixels > 32);
  };
  int64_t count = 1;
  while (pixels > count * most || worth_more(count)) {
    count *= 2;
  }
  return {pixels, (pixels + count - 1) / count};
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
        tiles(group > 1 ? Split(pixels, pixels)
                        : tiles_of(images, pixels, std::clamp(kTile / (in + out), kLeastPixels, kMostPixels))),
        parts(tiles.count, std::clamp<int64_t>(images * tiles.count / kUnits, 1, kTilesOfPart)) {}

  [[nodiscard]] int64_t groups() const { return (images + group - 1) / group; }
  [[nodiscard]] int64_t first_pixel(int64_t part) const {
    return part == parts.count ? pixels : tiles.begin(parts.begin(part));
  }
};

/// Memory of a thread.
struct TileScratch {
  std::vector<float> normalised;  ///< input
  std::vector<float> product;     ///< output that is measured only
};

class Multiplication {
 public:
  /// `y` is null where the product is measured only.
  Multiplication(const Layer& layer, const Loops& loops, const PixelPrologue* prologue, bool finishes, float* x,
                 const float* weight, const float* bias, float* y, PartialMoments& moments)
      : layer_(layer),
        loops_(loops),
        prologue_(prologue),
        finishes_(finishes),
        x_(x),
        weight_(weight),
        bias_(bias),
        y_(y),
        moments_(moments) {}

  /// A part of the images of a group, for one run of output channels.
  void run(int64_t group, int64_t part, int64_t run, TileScratch& scratch) {
    const int64_t image = group * layer_.group;
    const int64_t together = std::min(layer_.group, layer_.images - image);
    const int64_t start = layer_.first_pixel(part);
    for (int64_t tile = layer_.parts.begin(part); tile < layer_.parts.begin(part) + layer_.parts.length(part); ++tile) {
      const int64_t begin = layer_.tiles.begin(tile);
      const int64_t length = layer_.tiles.length(tile);
      const int64_t channel = layer_.runs.begin(run);
      const int64_t width = layer_.runs.length(run);
      const int64_t stride = y_ == nullptr ? width : layer_.out;
      float* y = multiply_tile(image, together, begin, length, run, stride, scratch);
      for (int64_t i = 0; i < together; ++i) {
        moments_.add(loops_, image + i, part, begin - start, y + i * length * stride, length, stride, channel, width);
      }
    }
  }

 private:
  /// Returns where the first of its results is; pixels of it lie `stride` elements apart.
  float* multiply_tile(int64_t image, int64_t together, int64_t begin, int64_t length, int64_t run, int64_t stride,
                       TileScratch& scratch) {
    const int64_t first = image * layer_.pixels + begin;
    const int64_t rows = together * length;
    float* x = x_ + first * layer_.in;
    if (prologue_ != nullptr && finishes_) {
      for (int64_t i = 0; i < together; ++i) {
        prologue_->finish(image + i, x + i * length * layer_.in, first + i * length, length, layer_.in);
      }
    } else if (prologue_ != nullptr) {
      float* to = room(scratch.normalised, rows * layer_.in);
      for (int64_t i = 0; i < together; ++i) {
        const int64_t from = i * length * layer_.in;
        (*prologue_)(image + i, x + from, layer_.in, to + from, layer_.in, length, 0, layer_.in);
      }
      x = to;
    }
    const int64_t channel = layer_.runs.begin(run);
    float* y = y_ == nullptr ? room(scratch.product, rows * stride) : y_ + first * layer_.out + channel;
    multiply(rows, layer_.runs.length(run), layer_.in, x, layer_.in, weight_ + channel * layer_.in, y, stride,
             bias_ == nullptr ? nullptr : bias_ + channel);
    return y;
  }

  static float* room(std::vector<float>& memory, int64_t size) {
    memory.resize(std::max(memory.size(), static_cast<std::size_t>(size)));
    return memory.data();
  }

  const Layer& layer_;
  const Loops& loops_;
  const PixelPrologue* prologue_;
  bool finishes_;  ///< x is overwritten
  float* x_;
  const float* weight_;
  const float* bias_;
  float* y_;
  PartialMoments& moments_;
};

bool all(const std::vector<int64_t>& numbers, int64_t value) {
  return std::all_of(numbers.begin(), numbers.end(), [&](int64_t number) { return number == value; });
}

/// The moments of the product; the product itself is written to `y` unless that is undefined. x in channels_last.
std::tuple<at::Tensor, at::Tensor> multiply_all(Isa isa, const at::Tensor& x, const at::Tensor& weight,
                                                const ConvolutionOptions& options, const Prologue& prologue,
                                                const at::Tensor& y) {
  const Layer layer(x, options);
  PartialMoments moments(layer.images, layer.parts.count, layer.out);
  const Loops& loops = loop_table(isa).of_float;
  std::optional<PixelPrologue> before;
  if (!prologue.does_nothing()) {
    before.emplace(loops, prologue, layer.images, layer.in);
  }
  const at::Tensor bias = options.bias ? options.bias->contiguous() : at::Tensor();
  Multiplication product(layer, loops, before ? &*before : nullptr, prologue.finishes, x.data_ptr<float>(),
                         weight.data_ptr<float>(), bias.defined() ? bias.data_ptr<float>() : nullptr,
                         y.defined() ? y.data_ptr<float>() : nullptr, moments);
  // Runs of output channels go round slowest: their part of the weight stays in a thread's cache.
  const int64_t units = layer.groups() * layer.parts.count;
  const int64_t work = layer.group * layer.first_pixel(1) * layer.runs.length(0) * layer.in;
  at::parallel_for(0, units * layer.runs.count, std::max<int64_t>(1, kProducts / work),
                   [&](int64_t begin, int64_t end) {
                     TileScratch scratch;
                     for (int64_t unit = begin; unit < end; ++unit) {
                       const int64_t at = unit % units;
                       product.run(at / layer.parts.count, at % layer.parts.count, unit / units, scratch);
                     }
                   });
  std::vector<int64_t> lengths;
  for (int64_t part = 0; part < layer.parts.count; ++part) {
    lengths.push_back(layer.first_pixel(part + 1) - layer.first_pixel(part));
  }
  return moments.merged(lengths);
}

}  // namespace

bool is_pointwise(const ConvolutionOptions& options) {
  const at::Tensor& w = options.weight;
  return is_sound(options) && w.is_cpu() && w.scalar_type() == at::kFloat && options.groups == 1 && w.size(2) == 1 &&
         w.size(3) == 1 && all(options.stride, 1) && all(options.padding, 0) && has_matrix_kernels();
}

bool is_pointwise(const at::Tensor& x, const ConvolutionOptions& options) {
  return is_pointwise(options) && x.is_cpu() && x.dim() == 4 && x.numel() > 0 && x.scalar_type() == at::kFloat &&
         x.size(1) == options.weight.size(1);
}

bool pointwise_normalises(const ConvolutionOptions& options) { return runs_of_outputs(options).count == 1; }

bool pointwise_finishes(const at::Tensor& x, const ConvolutionOptions& options, const Prologue& prologue) {
  const auto fits = [&](const at::Tensor& t) {
    return t.is_cpu() && t.scalar_type() == at::kFloat && t.sizes() == x.sizes() &&
           t.is_contiguous(at::MemoryFormat::ChannelsLast);
  };
  return is_pointwise(x, options) && pointwise_normalises(options) && fits(x) &&
         (!prologue.residual.defined() || fits(prologue.residual));
}

at::Tensor pointwise_weight(const at::Tensor& weight) {
  return in_panels(weight, runs_of_outputs({weight, {}, {}, {}, {}, 1}));
}

Measured pointwise_convolution(Isa isa, const at::Tensor& input, const at::Tensor& weight,
                               const ConvolutionOptions& options, const Prologue& prologue) {
  const bool early = !prologue.does_nothing() && !pointwise_normalises(options);
  const at::Tensor x = (early ? done(prologue, input) : input).contiguous(at::MemoryFormat::ChannelsLast);
  const at::Tensor y = at::empty({x.size(0), options.weight.size(0), x.size(2), x.size(3)},
                                 x.options().memory_format(at::MemoryFormat::ChannelsLast));
  const auto [mean, var] = multiply_all(isa, x, weight, options, early ? Prologue{} : prologue, y);
  return {y, mean, var};
}

Measured pointwise_moments(Isa isa, const at::Tensor& x, const at::Tensor& weight, const ConvolutionOptions& options) {
  const auto [mean, var] =
      multiply_all(isa, x.contiguous(at::MemoryFormat::ChannelsLast), weight, options, {}, at::Tensor());
  const at::Tensor nothing = at::empty({1}, x.options());
  return {nothing.expand({x.size(0), options.weight.size(0), x.size(2), x.size(3)}), mean, var};
}

}  // namespace ttscale::ops
