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
#include "ops/cpu/partial_moments.h"
#include "ops/cpu/pixel_prologue.h"

namespace ttscale::ops {
namespace {

using std::int64_t;

/// Channels that are convolved together: their rows stay in the cache while the kernel passes, and a layer of few
/// pixels has work for several threads.
constexpr int64_t kChannels = 128;
/// Elements of a band: rows of the output that a thread takes at once. The first rows of its input have been
/// normalised for the band above as well, so bands are not small.
constexpr int64_t kBand = 131072;
constexpr int64_t kLeastRows = 14;
/// Pixels for which the loops of moments and prologues are called at least: a call costs as much as a few of them.
constexpr int64_t kLeastPixels = 56;

/// The layer, and how it is divided. Nothing depends on the number of threads.
struct Layer {
  const ConvolutionOptions& options;
  int64_t channels, rows, columns, out_rows, out_columns;
  Split blocks, bands;

  Layer(const at::Tensor& x, const ConvolutionOptions& of)
      : options(of),
        channels(x.size(1)),
        rows(x.size(2)),
        columns(x.size(3)),
        out_rows(output_side(x, of, 0)),
        out_columns(output_side(x, of, 1)),
        blocks(channels, kChannels),
        bands(out_rows, std::max(kLeastRows, kBand / (out_columns * blocks.length(0)))) {}

  [[nodiscard]] int64_t kernel(std::int64_t side) const { return options.weight.size(side + 2); }
};

/// Memory of a thread.
struct Scratch {
  std::vector<float> zeros;       ///< a row of the input beyond its edge
  std::vector<float> normalised;  ///< rows of the input
};

/// One band of one block of channels of one image.
class Band {
 public:
  Band(const Layer& layer, const LoopTable& loops, const PixelPrologue* prologue, const float* image, int64_t number,
       int64_t block, Scratch& scratch)
      : layer_(layer),
        loops_(loops),
        prologue_(prologue),
        image_(image),
        number_(number),
        channel_(layer.blocks.begin(block)),
        width_(layer.blocks.length(block)),
        group_((kLeastPixels + layer.columns - 1) / layer.columns),
        kept_(layer.kernel(0) + group_ - 1),
        scratch_(scratch) {
    scratch.zeros.resize(static_cast<std::size_t>(layer.columns * layer.channels));
    if (prologue != nullptr) {
      scratch.normalised.resize(std::max(scratch.normalised.size(), elements(kept_)));
    }
  }

  /// Writes the rows of the band into the image of the output and adds them to `moments`.
  void run(const float* weight, const float* bias, float* out, int64_t band, PartialMoments& moments) {
    const int64_t begin = layer_.bands.begin(band);
    const int64_t end = begin + layer_.bands.length(band);
    const int64_t in_stride = prologue_ == nullptr ? layer_.channels : width_;
    DepthwiseRow row{{},
                     nullptr,
                     layer_.kernel(0),
                     layer_.kernel(1),
                     layer_.options.stride[1],
                     layer_.options.padding[1],
                     layer_.columns,
                     layer_.out_columns,
                     in_stride,
                     layer_.channels,
                     weight + channel_,
                     layer_.channels,
                     bias == nullptr ? nullptr : bias + channel_,
                     width_,
                     image_,
                     layer_.options.stride[0] * layer_.columns / layer_.out_columns,
                     layer_.channels};
    int64_t measured = begin;
    for (int64_t r = begin; r < end; ++r) {
      const int64_t first = r * layer_.options.stride[0] - layer_.options.padding[0];
      normalise_until(std::min(first + row.kernel_rows, layer_.rows), std::max<int64_t>(first, 0));
      for (int64_t i = 0; i < row.kernel_rows; ++i) {
        row.in[i] = input_row(first + i);
      }
      const int64_t unread = first + row.kernel_rows + (prologue_ == nullptr ? 0 : group_ - 1);
      row.ahead = image_ + unread * layer_.columns * layer_.channels + channel_;
      row.out = out + r * layer_.out_columns * layer_.channels + channel_;
      loops_.depthwise_row(row);
      if ((r + 1 - measured) * layer_.out_columns >= kLeastPixels || r + 1 == end) {
        moments.add(loops_.of_float, number_, band, (measured - begin) * layer_.out_columns,
                    out + measured * layer_.out_columns * layer_.channels + channel_,
                    (r + 1 - measured) * layer_.out_columns, layer_.channels, channel_, width_);
        measured = r + 1;
      }
    }
  }

 private:
  [[nodiscard]] std::size_t elements(int64_t rows) const {
    return static_cast<std::size_t>(rows * layer_.columns * width_);
  }

  /// Normalises rows of the input up to `end`, and a few after them, of which none before `first` is wanted any more.
  void normalise_until(int64_t end, int64_t first) {
    if (prologue_ == nullptr || end <= ready_) {
      return;
    }
    const int64_t from = std::max(ready_, first);
    ready_ = std::min(std::max(end, from + group_), layer_.rows);
    for (int64_t r = from; r < ready_;) {
      const int64_t slot = r % kept_;
      const int64_t together = std::min(ready_ - r, kept_ - slot);  // up to where the rows begin again
      (*prologue_)(number_, image_ + r * layer_.columns * layer_.channels + channel_, layer_.channels,
                   scratch_.normalised.data() + elements(slot), width_, together * layer_.columns, channel_, width_);
      r += together;
    }
  }

  [[nodiscard]] const float* input_row(int64_t r) const {
    if (r < 0 || r >= layer_.rows) {
      return scratch_.zeros.data();
    }
    return prologue_ == nullptr ? image_ + r * layer_.columns * layer_.channels + channel_
                                : scratch_.normalised.data() + elements(r % kept_);
  }

  const Layer& layer_;
  const LoopTable& loops_;
  const PixelPrologue* prologue_;
  const float* image_;
  int64_t number_, channel_, width_;
  int64_t group_, kept_;  ///< rows normalised at once, and those that there is room for
  int64_t ready_ = 0;     ///< rows before it have been normalised, or are not wanted
  Scratch& scratch_;
};

}  // namespace

bool is_depthwise(const at::Tensor& x, const ConvolutionOptions& options) {
  const at::Tensor& w = options.weight;
  return is_sound(options) && x.is_cpu() && x.dim() == 4 && x.numel() > 0 && x.scalar_type() == at::kFloat &&
         w.scalar_type() == at::kFloat && x.size(1) == options.groups && w.size(0) == options.groups &&
         w.size(1) == 1 && options.groups >= kLeastDepthwise && w.size(2) <= kMostTaps && w.size(3) <= kMostTaps &&
         options.dilation[0] == 1 && options.dilation[1] == 1 && output_side(x, options, 0) > 0 &&
         output_side(x, options, 1) > 0;
}

at::Tensor depthwise_weight(const at::Tensor& weight) { return weight.squeeze(1).permute({1, 2, 0}).contiguous(); }

Measured depthwise_convolution(Isa isa, const at::Tensor& input, const at::Tensor& weight,
                               const ConvolutionOptions& options, const Prologue& prologue) {
  const at::Tensor x = input.contiguous(at::MemoryFormat::ChannelsLast);
  const Layer layer(x, options);
  const int64_t images = x.size(0);
  at::Tensor y = at::empty({images, layer.channels, layer.out_rows, layer.out_columns},
                           x.options().memory_format(at::MemoryFormat::ChannelsLast));
  PartialMoments moments(images, layer.bands.count, layer.channels);
  const LoopTable& loops = loop_table(isa);
  std::optional<PixelPrologue> before;
  if (!prologue.does_nothing()) {
    before.emplace(loops.of_float, prologue, x);
  }
  const at::Tensor own = options.bias ? options.bias->contiguous() : at::Tensor();
  const auto* from = x.data_ptr<float>();
  auto* to = y.data_ptr<float>();
  const auto* taps = weight.data_ptr<float>();
  const float* bias = own.defined() ? own.data_ptr<float>() : nullptr;
  const int64_t work = layer.bands.length(0) * layer.out_columns * layer.blocks.length(0);
  at::parallel_for(0, images * layer.bands.count * layer.blocks.count, grain(work), [&](int64_t begin, int64_t end) {
    Scratch scratch;
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t block = unit % layer.blocks.count;
      const int64_t band = unit / layer.blocks.count % layer.bands.count;
      const int64_t image = unit / layer.blocks.count / layer.bands.count;
      Band(layer, loops, before ? &*before : nullptr, from + image * layer.rows * layer.columns * layer.channels, image,
           block, scratch)
          .run(taps, bias, to + image * layer.out_rows * layer.out_columns * layer.channels, band, moments);
    }
  });
  std::vector<int64_t> lengths;
  for (int64_t band = 0; band < layer.bands.count; ++band) {
    lengths.push_back(layer.bands.length(band) * layer.out_columns);
  }
  const auto [mean, var] = moments.merged(lengths);
  return {y, mean, var};
}

}  // namespace ttscale::ops
