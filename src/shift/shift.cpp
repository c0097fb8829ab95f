// SPDX-License-Identifier: MIT
// The table of kinds, and the way from a tensor through one of them.
#include "shift/shift.h"

#include <algorithm>
#include <mutex>

#include "base/option_text.h"
#include "image/tensor_checks.h"
#include "shift/kinds.h"
#include "shift/pixels.h"
#include "ttscale/error.h"

namespace ttscale::shift {
namespace {

const Kind& find_kind(const std::string& name) {
  const auto& table = kind_table();
  const auto* found = std::find_if(table.begin(), table.end(), [&name](const Kind& kind) { return name == kind.name; });
  if (found == table.end()) {
    throw_unknown_name("shift", name, kinds());
  }
  return *found;
}

void check(const at::Tensor& hwc, const Shift& shift) {
  image::check_image(hwc, "shift");
  if (hwc.size(2) != 3 || hwc.size(0) > (1 << 20) || hwc.size(1) > (1 << 20)) {
    throw UsageError("shift: expected an RGB image [H, W, 3] of at most 2^20 pixels a side, found " +
                     image::to_text(hwc));
  }
  if (shift.severity < 1 || shift.severity > 5) {
    throw UsageError("shift: expected a severity of 1 to 5, found " + std::to_string(shift.severity));
  }
}

// Images are worked on in parallel, not parts of one.
void use_one_opencv_thread() {
  static std::once_flag once;
  std::call_once(once, [] { cv::setNumThreads(1); });
}

}  // namespace

const std::array<Kind, 27>& kind_table() {
  static constexpr std::array<Kind, 27> kTable{{
      {"gaussian_noise", "imagenet-c", gaussian_noise},
      {"shot_noise", "imagenet-c", shot_noise},
      {"impulse_noise", "imagenet-c", impulse_noise},
      {"defocus_blur", "imagenet-c", defocus_blur},
      {"glass_blur", "imagenet-c", glass_blur},
      {"motion_blur", "imagenet-c", motion_blur},
      {"zoom_blur", "imagenet-c", zoom_blur},
      {"snow", "imagenet-c", snow},
      {"frost", "imagenet-c", frost},
      {"fog", "imagenet-c", fog},
      {"brightness", "imagenet-c", brightness},
      {"contrast", "imagenet-c", contrast},
      {"elastic_transform", "imagenet-c", elastic_transform},
      {"pixelate", "imagenet-c", pixelate},
      {"jpeg_compression", "imagenet-c", jpeg_compression},
      {"speckle_noise", "extra", speckle_noise},
      {"gaussian_blur", "extra", gaussian_blur},
      {"spatter", "extra", spatter},
      {"saturate", "extra", saturate},
      {"underexposure", "real", underexposure},
      {"overexposure", "real", overexposure},
      {"warm_white_balance", "real", warm_white_balance},
      {"cool_white_balance", "real", cool_white_balance},
      {"channel_swap", "real", channel_swap},
      {"grayscale", "real", grayscale},
      {"low_resolution", "real", low_resolution},
      {"letterbox", "real", letterbox},
  }};
  return kTable;
}

at::Tensor apply(const at::Tensor& hwc, const Shift& shift, Parameters parameters, std::uint64_t image_seed) {
  check(hwc, shift);
  const Kind& kind = find_kind(shift.kind);
  use_one_opencv_thread();
  const at::Tensor image = hwc.contiguous();
  Job job{static_cast<std::size_t>(shift.severity - 1), parameters, Random(image_seed)};
  return to_tensor(kind.apply(as_matrix(image), job));
}

}  // namespace ttscale::shift
