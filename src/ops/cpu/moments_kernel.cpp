// SPDX-License-Identifier: MIT
// CPU kernel of ttscale::moments for contiguous and channels_last activations.
#include <algorithm>
#include <array>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/OpMathType.h>
#include <ATen/Parallel.h>

#include "ops/layout.h"
#include "ops/moments.h"

namespace ttscale::ops {
namespace {

using std::int64_t;

// Elements of a row handled at once: 2048 floats are 8 KiB, a quarter of a first-level cache, so that the second pass
// reads no memory.
constexpr int64_t kBlock = 2048;
// Independent partial sums: the compiler may not reorder float additions, so the vector lanes are spelled out.
constexpr int64_t kLanes = 16;
// Channels of a channels_last activation that one task handles: a full cache line for every type, and enough lanes.
constexpr int64_t kTile = 64;
constexpr int64_t kTileRows = 32;

/// Count, mean and sum of squared deviations, merged by Chan's formula.
struct Running {
  double mean = 0;
  double m2 = 0;
  double count = 0;

  void merge(double other_mean, double other_m2, double other_count) {
    const double total = count + other_count;
    const double delta = other_mean - mean;
    mean += delta * (other_count / total);
    m2 += other_m2 + delta * delta * (count * other_count / total);
    count = total;
  }
  [[nodiscard]] double variance() const {
    return std::max(m2 / count, 0.0) + (m2 - m2);
  }  // m2 - m2: NaN stays NaN in spite of max
};

template <typename acc_t>
acc_t total(const std::array<acc_t, kLanes>& lanes) {
  acc_t sum = 0;
  for (const acc_t lane : lanes) {
    sum += lane;
  }
  return sum;
}

template <typename scalar_t>
void merge_block(const scalar_t* x, int64_t n, Running& running) {
  using acc_t = at::opmath_type<scalar_t>;
  std::array<acc_t, kLanes> sums{};
  const int64_t whole = n - n % kLanes;
  for (int64_t i = 0; i < whole; i += kLanes) {
    for (int64_t j = 0; j < kLanes; ++j) {
      sums[static_cast<std::size_t>(j)] += static_cast<acc_t>(x[i + j]);
    }
  }
  for (int64_t i = whole; i < n; ++i) {
    sums[0] += static_cast<acc_t>(x[i]);
  }
  const acc_t mean = total(sums) / static_cast<acc_t>(n);

  std::array<acc_t, kLanes> deviations{};
  std::array<acc_t, kLanes> squares{};
  for (int64_t i = 0; i < whole; i += kLanes) {
    for (int64_t j = 0; j < kLanes; ++j) {
      const acc_t d = static_cast<acc_t>(x[i + j]) - mean;
      deviations[static_cast<std::size_t>(j)] += d;
      squares[static_cast<std::size_t>(j)] += d * d;
    }
  }
  for (int64_t i = whole; i < n; ++i) {
    const acc_t d = static_cast<acc_t>(x[i]) - mean;
    deviations[0] += d;
    squares[0] += d * d;
  }
  const double count = static_cast<double>(n);
  const double residual = static_cast<double>(total(deviations)) / count;
  running.merge(static_cast<double>(mean) + residual, static_cast<double>(total(squares)) - residual * residual * count,
                count);
}

template <typename scalar_t>
void rows_kernel(const scalar_t* x, int64_t rows, int64_t length, double* mean, double* var) {
  at::parallel_for(0, rows, std::max<int64_t>(1, 32768 / length), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      Running running;
      for (int64_t start = 0; start < length; start += kBlock) {
        merge_block(x + row * length + start, std::min(kBlock, length - start), running);
      }
      mean[row] = running.mean;
      var[row] = running.variance();
    }
  });
}

/// Merges `rows` pixels of `width` <= kTile neighbouring channels; consecutive pixels lie `stride` elements apart.
template <typename scalar_t>
void merge_tile(const scalar_t* x, int64_t rows, int64_t stride, int64_t width, std::array<Running, kTile>& running) {
  using acc_t = at::opmath_type<scalar_t>;
  std::array<acc_t, kTile> mean{};
  std::array<acc_t, kTile> deviations{};
  std::array<acc_t, kTile> squares{};
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < width; ++c) {
      mean[static_cast<std::size_t>(c)] += static_cast<acc_t>(x[r * stride + c]);
    }
  }
  for (acc_t& m : mean) {
    m /= static_cast<acc_t>(rows);
  }
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < width; ++c) {
      const auto k = static_cast<std::size_t>(c);
      const acc_t d = static_cast<acc_t>(x[r * stride + c]) - mean[k];
      deviations[k] += d;
      squares[k] += d * d;
    }
  }
  const double count = static_cast<double>(rows);
  for (int64_t c = 0; c < width; ++c) {
    const auto k = static_cast<std::size_t>(c);
    const double residual = static_cast<double>(deviations[k]) / count;
    running[k].merge(static_cast<double>(mean[k]) + residual,
                     static_cast<double>(squares[k]) - residual * residual * count, count);
  }
}

template <typename scalar_t>
void channels_last_kernel(const scalar_t* x, int64_t images, int64_t channels, int64_t pixels, double* mean,
                          double* var) {
  const int64_t tiles = (channels + kTile - 1) / kTile;
  at::parallel_for(0, images * tiles, 1, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t image = task / tiles;
      const int64_t first = task % tiles * kTile;
      const int64_t width = std::min(kTile, channels - first);
      std::array<Running, kTile> running{};
      for (int64_t row = 0; row < pixels; row += kTileRows) {
        merge_tile(x + (image * pixels + row) * channels + first, std::min(kTileRows, pixels - row), channels, width,
                   running);
      }
      for (int64_t c = 0; c < width; ++c) {
        mean[image * channels + first + c] = running[static_cast<std::size_t>(c)].mean;
        var[image * channels + first + c] = running[static_cast<std::size_t>(c)].variance();
      }
    }
  });
}

}  // namespace

std::tuple<at::Tensor, at::Tensor> moments_cpu(const at::Tensor& input) {
  check_moments(input);
  const at::Tensor x = dense(input);
  const int64_t images = x.size(0);
  const int64_t channels = x.size(1);
  const int64_t pixels = x.numel() / (images * channels);
  at::Tensor mean =
      at::empty({images, channels}, x.options().dtype(at::kDouble).memory_format(at::MemoryFormat::Contiguous));
  at::Tensor var = at::empty_like(mean);
  AT_DISPATCH_FLOATING_TYPES_AND2(at::kBFloat16, at::kHalf, x.scalar_type(), "ttscale::moments", [&] {
    const auto* data = x.data_ptr<scalar_t>();
    if (x.is_contiguous()) {
      rows_kernel(data, images * channels, pixels, mean.data_ptr<double>(), var.data_ptr<double>());
    } else {
      channels_last_kernel(data, images, channels, pixels, mean.data_ptr<double>(), var.data_ptr<double>());
    }
  });
  return {mean, var};
}

}  // namespace ttscale::ops
