// SPDX-License-Identifier: MIT
// Crops, padding and the conversion to float.
#include "image/preprocess.h"

#include <ATen/Functions.h>

#include <array>

#include "image/fit_geometry.h"
#include "image/tensor_checks.h"
#include "ttscale/error.h"

namespace ttscale::image {
namespace {

at::Tensor pad(const at::Tensor& part, Size size, const Span& rows, const Span& columns, at::Tensor fill) {
  at::Tensor padded = fill.expand({size.height, size.width, part.size(2)}).contiguous();
  padded.narrow(0, rows.to, rows.length).narrow(1, columns.to, columns.length).copy_(part);
  return padded;
}

// Pillow's L24: (19595 R + 38470 G + 7471 B + 2^15) >> 16.
at::Tensor to_gray(const at::Tensor& rgb) {
  at::Tensor gray = at::empty({rgb.size(0), rgb.size(1), 1}, rgb.options());
  const auto* in = rgb.data_ptr<std::uint8_t>();
  auto* out = gray.data_ptr<std::uint8_t>();
  for (std::int64_t i = 0; i < gray.numel(); ++i, in += 3) {
    out[i] = static_cast<std::uint8_t>((in[0] * 19595U + in[1] * 38470U + in[2] * 7471U + 0x8000U) >> 16U);
  }
  return gray;
}

double value_of(const std::vector<double>& values, std::int64_t channel) {
  return values.size() == 1 ? values.front() : values[static_cast<std::size_t>(channel)];
}

// timm pads with the mean colour; torchvision's CenterCrop, used by the other modes, with black.
at::Tensor fill_colour(const Preprocessing& options) {
  at::Tensor fill = at::zeros({options.in_chans}, at::TensorOptions().dtype(at::kByte));
  if (options.crop_mode == CropMode::kBorder) {
    for (std::int64_t c = 0; c < options.in_chans; ++c) {
      fill.data_ptr<std::uint8_t>()[c] = static_cast<std::uint8_t>(round_half_even(255 * value_of(options.mean, c)));
    }
  }
  return fill;
}

using Table = std::array<float, 256>;

// What each of the 256 pixel values becomes. Every step is one float32 operation, as in PyTorch.
Table pixel_table() {
  Table table{};
  for (std::size_t value = 0; value < table.size(); ++value) {
    table[value] = static_cast<float>(value) / 255.0F;
  }
  return table;
}

Table input_table(double mean, double std) {
  Table table = pixel_table();
  for (float& value : table) {
    value = (value - static_cast<float>(mean)) / static_cast<float>(std);
  }
  return table;
}

at::Tensor look_up(const at::Tensor& hwc, const std::vector<Table>& tables) {
  const at::Tensor image = hwc.contiguous();
  const std::int64_t channels = image.size(2);
  const std::int64_t plane = image.size(0) * image.size(1);
  at::Tensor chw = at::empty({channels, image.size(0), image.size(1)}, at::TensorOptions().dtype(at::kFloat));
  for (std::int64_t c = 0; c < channels; ++c) {
    const Table& table = tables[static_cast<std::size_t>(c)];
    const auto* in = image.data_ptr<std::uint8_t>() + c;
    auto* out = chw.data_ptr<float>() + c * plane;
    for (std::int64_t i = 0; i < plane; ++i) {
      out[i] = table[in[i * channels]];
    }
  }
  return chw;
}

at::Tensor per_channel(const std::vector<double>& values, const at::Tensor& pixels, const char* name) {
  const std::int64_t channels = pixels.size(-3);
  if (values.size() != 1 && static_cast<std::int64_t>(values.size()) != channels) {
    throw UsageError(std::string(name) + ": expected 1 or " + std::to_string(channels) + " values, found " +
                     std::to_string(values.size()));
  }
  const auto count = static_cast<std::int64_t>(values.size());
  return at::tensor(values, at::kDouble).to(pixels.options()).view({count, 1, 1});
}

}  // namespace

at::Tensor fit(const at::Tensor& hwc, const Preprocessing& options) {
  check_image(hwc, "preprocess");
  if (hwc.size(2) != 3) {
    throw UsageError("preprocess: expected an RGB image [H, W, 3], found " + to_text(hwc));
  }
  const at::Tensor image = options.in_chans == 1 ? to_gray(hwc.contiguous()) : hwc;
  if (!options.img_size) {
    return image;
  }
  const auto [size, rows, columns] = fit_geometry({image.size(0), image.size(1)}, options);
  const Window window{rows.from, columns.from, {rows.length, columns.length}};
  const at::Tensor part = resize_window(image, size, window, options.interpolation);
  return window.size == *options.img_size ? part : pad(part, *options.img_size, rows, columns, fill_colour(options));
}

at::Tensor to_pixels(const at::Tensor& hwc, const Preprocessing& options) {
  const at::Tensor image = fit(hwc, options);
  return look_up(image, std::vector<Table>(static_cast<std::size_t>(image.size(2)), pixel_table()));
}

at::Tensor to_input(const at::Tensor& hwc, const Preprocessing& options) {
  options.validate();
  std::vector<Table> tables;
  for (std::int64_t c = 0; c < options.in_chans; ++c) {
    tables.push_back(input_table(value_of(options.mean, c), value_of(options.std, c)));
  }
  return look_up(fit(hwc, options), tables);
}

at::Tensor normalize(const at::Tensor& pixels, const std::vector<double>& mean, const std::vector<double>& std) {
  if (!pixels.defined() || pixels.scalar_type() != at::kFloat || pixels.dim() < 3 || pixels.dim() > 4) {
    throw UsageError("normalize: expected float32 pixels [C, H, W] or [N, C, H, W], found " + to_text(pixels));
  }
  return at::sub(pixels, per_channel(mean, pixels, "mean")).div_(per_channel(std, pixels, "std"));
}

}  // namespace ttscale::image
