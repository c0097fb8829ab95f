// SPDX-License-Identifier: MIT
// The inner loops of auto: raw pointers, one thread, compiled once for every instruction set. rules/auto_loops.cpp says
// what they are for, rules/auto.cpp has the same formulas on tensors.
#pragma once

#include <cstdint>

#include "base/isa.h"

namespace ttscale::stats {

/// Channels that the loops take at once.
constexpr std::int64_t kAutoLanes = 8;

/// Rows of one site. Those of the source have C channels and nothing behind; scratch rows go on to a whole number of
/// kAutoLanes, with anything in what is left over, and are read and written whole. Moments are about the source mean: a
/// mean and a second moment, in units of the source's standard deviation with eps.
struct AutoRows {
  std::int64_t channels;

  const double* source_mean;
  const double* source_var;
  const double* eps;
  std::int64_t eps_step;  ///< 0: one eps for all channels

  // Scratch.
  double* unit;
  double* inverse;   ///< of unit; 0 in channels that are dead (kSmallestUnit)
  double* old_mean;  ///< the stream before this batch
  double* old_second;
  double* mean;  ///< and with it
  double* second;
  double* var;
  double* deviation;     ///< root of var
  double* spread_scale;  ///< 1 / (8 (var + kVarianceFloor))
  double* spread_root;   ///< root of it
};

/// Sums over images of mean, second moment and the squares of both: four rows, each `stride` behind the one before.
struct AutoSums {
  double* rows;
  std::int64_t stride;
};

/// Whether the moments of an image are finite, and whether they are so in source units, too.
struct AutoImage {
  bool finite, usable;
};

/// Sums over channels of squared Hellinger distances.
struct AutoDistances {
  double mixed_to_source, own_to_source, own_to_stream;
};

/// The loops for one instruction set. All of them give the same bits.
struct AutoKernels {
  /// Units of the site, and the stream's moments (mean, var: [C]) in them.
  void (*units)(const AutoRows& rows, const double* mean, const double* var);
  /// One image (mean, var: [C]) in those units, in scratch rows; at the source if it is not usable.
  AutoImage (*image)(const AutoRows& rows, const double* mean, const double* var, double* own_mean, double* own_second);
  /// Channels first <= c < end (first divisible by kAutoLanes, end too or the last) of the usable ones among images
  /// that lie `stride` apart: batch = their sums, block += them. All are scratch rows.
  void (*sum)(const double* own_mean, const double* own_second, std::int64_t stride, const char* usable,
              std::int64_t images, std::int64_t first, std::int64_t end, const AutoSums& batch, const AutoSums& block);
  /// Sum over channels of the distances between a block (sums over `images` images) and the stream before this batch.
  double (*jump)(const AutoRows& rows, const AutoSums& block, double images);
  /// Sum over channels of the distances between the block and its images, to second order.
  double (*within)(const AutoRows& rows, const AutoSums& block, double images);
  /// The stream with this batch, which is `images` images and has `share` of the weight. Answers the sum over channels
  /// of the distances between stream and source.
  double (*history)(const AutoRows& rows, const AutoSums& batch, double images, double share);
  /// Sum over channels of the distances between an image and the stream, to second order.
  double (*spread)(const AutoRows& rows, const double* own_mean, const double* own_second);
  /// Distances of an image, and the logarithms of the variances that it has mixed with the stream.
  AutoDistances (*distances)(const AutoRows& rows, const double* own_mean, const double* own_second, double own,
                             double* log_var);
  /// Mean and variance [C] to normalise an image with: between source and what it has mixed with the stream, which has
  /// the weight w. var holds what distances() has left in log_var.
  void (*mix)(const AutoRows& rows, const double* own_mean, double own, double w, double* mean, double* var);
  /// Channels first.. as in sum(): mean over images of mean and var [N, C], of those marked or, where marks is null, of
  /// all; with_between adds the variance of the means. None is a scratch row.
  void (*average)(const double* mean, const double* var, std::int64_t channels, const char* marks, std::int64_t images,
                  bool with_between, std::int64_t first, std::int64_t end, double* mean_out, double* var_out);
  /// Features of an image (auto_neighbours.h), of rows [C] with anything behind: 2 scratch rows, `stride` apart, with
  /// zeros behind. Whether any second moment is above 0 is the answer.
  bool (*features)(const AutoRows& rows, const double* own_mean, const double* own_second, std::int64_t stride,
                   double* out);
  /// For rows that lie one behind the other, the sum of the squared differences from one more, each of `count` numbers,
  /// a multiple of kAutoLanes.
  void (*squared_distances)(const double* from, const double* rows, std::int64_t count, std::int64_t number,
                            double* out);
  /// Channels first.. as in sum(): for each image the sums, with its weights [images, kept], of mean and second moment
  /// of those that are kept, [kept, channels] without anything behind. Results are scratch rows, `stride` apart.
  void (*neighbours)(const double* kept_mean, const double* kept_second, std::int64_t channels, std::int64_t kept,
                     const double* weights, std::int64_t images, std::int64_t first, std::int64_t end, double* mean_out,
                     double* second_out, std::int64_t stride);
  /// `around` gets what stands for the stream of `rows` at one image: its mean and second moment are those of the
  /// neighbours and get that share; variance and deviation are set. Answers as history() does.
  double (*blend)(const AutoRows& rows, double share, const AutoRows& around);
  /// The stream's moments in natural units, [C].
  void (*store)(const AutoRows& rows, double* mean, double* var);
};

/// The loops of an instruction set among available_isas().
const AutoKernels& auto_kernels(Isa isa);

extern const AutoKernels kBaselineAutoKernels;
#ifdef TTSCALE_X86_KERNELS
extern const AutoKernels kAvx2AutoKernels;
extern const AutoKernels kAvx512AutoKernels;
#endif

}  // namespace ttscale::stats
