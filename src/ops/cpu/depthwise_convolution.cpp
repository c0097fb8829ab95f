// SPDX-License-Identifier: MIT
// What the threads do; a row of the output is made in depthwise_loops.h.
#include "ops/cpu/depthwise_convolution.h"

#include <algorithm>
#include <optional>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "ops/convolution_options.h"
#include "ops/cpu/element_loops.h"
#include "ops/cpu/input_rows.h"
#include "ops/cpu/matrix_kernels.h"
#include "ops/cpu/partial_moments.h"
#include "ops/cpu/pixel_prologue.h"
#include "ops/cpu/pointwise_convolution.h"

namespace ttscale::ops {
namespace {

using std::int64_t;

/// Channels that are convolved together: rows of them are read and written as they lie. Fewer where there are few
/// images, so that a layer of few pixels has work for several threads.
constexpr int64_t kChannels = 192;
constexpr int64_t kFewChannels = 96;
/// Elements of a band at most: rows of the output that a thread takes at once. The first rows of its input have been
/// normalised for the band above as well, so bands are not small, but where there are few images for many threads.
constexpr int64_t kBand = 131072;
constexpr int64_t kLeastRows = 14;
constexpr int64_t kUnits = 8;

/// Pixels that are measured at once at least: a call costs as much as a few of them.
constexpr int64_t kLeastPixels = 56;

/// Channels from which a 1x1 convolution may be done twice, and numbers of its output for which that is worth it:
/// multiplying more takes as long as writing and reading, fewer numbers stay in the caches (bench_convolutions,
/// "expanded"). With AVX2, which multiplies half as fast, even 16 channels take as long.
constexpr int64_t kMostRepeated = 32;
constexpr int64_t kLeastSaved = 8388608;

/// The layer, and how it is divided. Nothing depends on the number of threads.
struct Layer {
  const ConvolutionOptions& options;
  int64_t channels, out_rows, out_columns;
  Split blocks, bands;

  /// The blocks of an expansion are those of its weight.
  Layer(const at::Tensor& x, const ConvolutionOptions& of, bool expanded)
      : options(of),
        channels(of.groups),
        out_rows(output_side(x, of, 0)),
        out_columns(output_side(x, of, 1)),
        blocks(channels, expanded || x.size(0) >= kUnits ? kChannels : kFewChannels),
        bands(bands_of(x.size(0))) {}

  [[nodiscard]] Split bands_of(int64_t images) const {
    int64_t count = 1;
    while (out_rows >= 2 * count * kLeastRows &&
           (images * blocks.count * count < kUnits || out_rows * out_columns * blocks.length(0) > count * kBand)) {
      count *= 2;
    }
    return {out_rows, (out_rows + count - 1) / count};
  }

  [[nodiscard]] int64_t kernel(std::size_t side) const {
    return options.weight.size(static_cast<std::int64_t>(side) + 2);
  }
};

class Bands {
 public:
  Bands(const Layer& layer, const LayerInput& input, const LoopTable& loops, const float* weight, const float* bias,
        float* y, PartialMoments& moments)
      : layer_(layer), input_(input), loops_(loops), weight_(weight), bias_(bias), y_(y), moments_(moments) {}

  /// Writes the rows of a band and a block of channels of an image, and measures them.
  void run(int64_t image, int64_t band, int64_t block, RowScratch& scratch) {
    const int64_t channel = layer_.blocks.begin(block);
    const int64_t width = layer_.blocks.length(block);
    DepthwiseRow row = start(channel, width, scratch);
    InputRows in(input_, loops_, image, channel, row.row, layer_.kernel(0), scratch);
    const int64_t begin = layer_.bands.begin(band);
    const int64_t end = begin + layer_.bands.length(band);
    int64_t measured = begin;
    for (int64_t r = begin; r < end; ++r) {
      const int64_t first = r * layer_.options.stride[0] - layer_.options.padding[0];
      in.make_ready(std::min(first + row.kernel_rows, input_.rows), std::max<int64_t>(first, 0));
      for (int64_t i = 0; i < row.kernel_rows; ++i) {
        row.in[i] = in.row(first + i);
      }
      row.next = in.in_memory(first + row.kernel_rows);
      row.next_pixels = row.next == nullptr ? 0 : layer_.options.stride[0] * layer_.options.stride[1];
      row.next_stride = input_.x_channels;
      row.out = out_row(image, r) + channel;
      loops_.depthwise_row(row);
      const int64_t made = r + 1;
      if ((made - measured) * layer_.out_columns >= kLeastPixels || made == end) {
        moments_.add(loops_.of_float, image, band, (measured - begin) * layer_.out_columns,
                     out_row(image, measured) + channel, (made - measured) * layer_.out_columns, layer_.channels,
                     channel, width);
        measured = made;
      }
    }
  }

 private:
  /// What is the same for all rows.
  [[nodiscard]] DepthwiseRow start(int64_t channel, int64_t width, RowScratch& scratch) const {
    DepthwiseRow row{};
    row.kernel_rows = layer_.kernel(0);
    row.kernel_columns = layer_.kernel(1);
    row.step = layer_.options.stride[1];
    row.out_columns = layer_.out_columns;
    row.out_stride = layer_.channels;
    const int64_t needed = (row.out_columns - 1) * row.step + row.kernel_columns;
    const int64_t before = std::min(layer_.options.padding[1], needed);
    const int64_t columns = std::min(input_.columns, needed - before);
    row.row = {before, columns, needed - before - columns, width};
    const int64_t taps = row.kernel_rows * row.kernel_columns;
    float* tap = scratch.taps.at_least(row.row.tiles() * taps * kDepthwiseTile);
    float* bias = scratch.bias.at_least(row.row.tiles() * kDepthwiseTile);
    row.taps = tap;
    row.bias = bias;
    for (int64_t tile = 0; tile < row.row.tiles(); ++tile, bias += kDepthwiseTile) {
      const int64_t from = channel + row.row.start(tile);
      for (int64_t i = 0; i < taps; ++i, tap += kDepthwiseTile) {
        std::copy_n(weight_ + i * layer_.channels + from, kDepthwiseTile, tap);
      }
      if (bias_ != nullptr) {
        std::copy_n(bias_ + from, kDepthwiseTile, bias);
      } else {
        std::fill_n(bias, kDepthwiseTile, 0.0F);
      }
    }
    return row;
  }
  [[nodiscard]] float* out_row(int64_t image, int64_t r) const {
    return y_ + (image * layer_.out_rows + r) * layer_.out_columns * layer_.channels;
  }

  const Layer& layer_;
  const LayerInput& input_;
  const LoopTable& loops_;
  const float* weight_;
  const float* bias_;
  float* y_;
  PartialMoments& moments_;
};

/// Of the layer's input, which is x or what the expansion makes of it.
Measured convolve(Isa isa, const at::Tensor& x, const at::Tensor& weight, const ConvolutionOptions& options,
                  LayerInput input) {
  const Layer layer(x, options, input.weight != nullptr);
  const int64_t images = x.size(0);
  at::Tensor y = at::empty({images, layer.channels, layer.out_rows, layer.out_columns},
                           x.options().memory_format(at::MemoryFormat::ChannelsLast));
  PartialMoments moments(images, layer.bands.count, layer.channels);
  input.rows = x.size(2);
  input.columns = x.size(3);
  input.channels = layer.channels;
  input.x = x.data_ptr<float>();
  input.x_channels = x.size(1);
  const at::Tensor bias = options.bias ? options.bias->contiguous() : at::Tensor();
  Bands bands(layer, input, loop_table(isa), weight.data_ptr<float>(),
              bias.defined() ? bias.data_ptr<float>() : nullptr, y.data_ptr<float>(), moments);
  const int64_t work = layer.bands.length(0) * layer.out_columns * layer.blocks.length(0);
  at::parallel_for(0, images * layer.bands.count * layer.blocks.count, grain(work), [&](int64_t begin, int64_t end) {
    RowScratch scratch;
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t run = unit / layer.blocks.count;
      bands.run(run / layer.bands.count, run % layer.bands.count, unit % layer.blocks.count, scratch);
    }
  });
  std::vector<int64_t> lengths;
  for (int64_t band = 0; band < layer.bands.count; ++band) {
    lengths.push_back(layer.bands.length(band) * layer.out_columns);
  }
  const auto [mean, var] = moments.merged(lengths);
  return {y, mean, var};
}

}  // namespace

bool is_depthwise(const ConvolutionOptions& options) {
  const at::Tensor& w = options.weight;
  return is_sound(options) && w.is_cpu() && w.scalar_type() == at::kFloat && w.size(0) == options.groups &&
         w.size(1) == 1 && options.groups >= kLeastDepthwise && w.size(2) <= kMostTaps && w.size(3) <= kMostTaps &&
         options.dilation[0] == 1 && options.dilation[1] == 1;
}

bool is_depthwise(const at::Tensor& x, const ConvolutionOptions& options) {
  return is_depthwise(options) && x.is_cpu() && x.dim() == 4 && x.numel() > 0 && x.scalar_type() == at::kFloat &&
         x.size(1) == options.groups && output_side(x, options, 0) > 0 && output_side(x, options, 1) > 0;
}

at::Tensor depthwise_weight(const at::Tensor& weight) { return weight.squeeze(1).permute({1, 2, 0}).contiguous(); }

Measured depthwise_convolution(Isa isa, const at::Tensor& input, const at::Tensor& weight,
                               const ConvolutionOptions& options, const Prologue& prologue) {
  const at::Tensor x = input.contiguous(at::MemoryFormat::ChannelsLast);
  LayerInput as_it_lies{};
  std::optional<PixelPrologue> before;
  if (!prologue.does_nothing()) {
    before.emplace(loop_table(isa).of_float, prologue, x.size(0), x.size(1));
    as_it_lies.prologue = &*before;
  }
  return convolve(isa, x, weight, options, as_it_lies);
}

bool is_expansion(const ConvolutionOptions& options, const ConvolutionOptions& next) {
  const int64_t in = options.weight.size(1);
  const int64_t out = options.weight.size(0);
  return is_pointwise(options) && in <= kMostRepeated && in < out && is_depthwise(next) && next.groups == out;
}

bool is_worth_repeating(Isa isa, const at::Tensor& x, const ConvolutionOptions& options) {
  return isa == Isa::kAvx512 && is_pointwise(x, options) &&
         x.numel() / x.size(1) * options.weight.size(0) >= kLeastSaved;
}

at::Tensor expansion_weight(const at::Tensor& weight) { return in_panels(weight, Split(weight.size(0), kChannels)); }

Measured expand_and_convolve(Isa isa, const at::Tensor& input, const at::Tensor& expansion,
                             const c10::optional<at::Tensor>& expansion_bias, const at::Tensor& weight,
                             const ConvolutionOptions& options, const Prologue& prologue) {
  const at::Tensor x = input.contiguous(at::MemoryFormat::ChannelsLast);
  const PixelPrologue before(loop_table(isa).of_float, prologue, x.size(0), options.groups);
  const at::Tensor bias = expansion_bias ? expansion_bias->contiguous() : at::Tensor();
  LayerInput made{};
  made.prologue = &before;
  made.weight = expansion.data_ptr<float>();
  made.bias = bias.defined() ? bias.data_ptr<float>() : nullptr;
  return convolve(isa, x, weight, options, made);
}

}  // namespace ttscale::ops
