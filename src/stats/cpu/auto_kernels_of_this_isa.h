// SPDX-License-Identifier: MIT
// The loops of auto as the including translation unit's compiler options make them: auto_kernels_baseline.cpp,
// auto_kernels_avx2.cpp and auto_kernels_avx512.cpp differ in nothing else (cmake/TtscaleLoops.cmake).
#pragma once

#include "base/exponential.h"
#include "base/lanes.h"
#include "stats/cpu/auto_kernels.h"
#include "stats/hellinger.h"
#include "stats/rules/auto_constants.h"
#include "stats/rules/auto_state.h"

namespace ttscale::stats {
namespace {

using namespace simd;
using namespace auto_constants;
using namespace auto_state;

using L = Lanes<double, static_cast<int>(kAutoLanes)>;

TTSCALE_INLINE L of(double x) { return L::all(x); }
TTSCALE_INLINE L square(const L& x) { return x * x; }

TTSCALE_INLINE L exponential_of(const L& x) {
  L y;
  for (int i = 0; i < L::kParts; ++i) {
    y.part[i] = exponential<double>(x.part[i]);
  }
  return y;
}

TTSCALE_INLINE L logarithm_of(const L& x) {
  L y;
  for (int i = 0; i < L::kParts; ++i) {
    y.part[i] = logarithm(x.part[i]);
  }
  return y;
}

/// A whole vector of channels.
struct FullVector {
  [[nodiscard]] TTSCALE_INLINE L load(const double* p) const { return L::read(p); }
  TTSCALE_INLINE void store(double* p, const L& x) const { x.write(p); }
  [[nodiscard]] TTSCALE_INLINE L only(const L& x) const { return x; }
};

/// The first few of one, for the last channels of tensors, behind which is nothing. Scratch rows go on.
struct PartialVector {
  int64_t count;
  [[nodiscard]] TTSCALE_INLINE L load(const double* p) const {
    double numbers[kAutoLanes] = {};  // NOLINT: std::array is a function shared with other translation units
    for (int64_t i = 0; i < count; ++i) {
      numbers[i] = p[i];
    }
    return L::read(numbers);
  }
  TTSCALE_INLINE void store(double* p, const L& x) const {
    double numbers[kAutoLanes];  // NOLINT
    x.write(numbers);
    for (int64_t i = 0; i < count; ++i) {
      p[i] = numbers[i];
    }
  }
  [[nodiscard]] TTSCALE_INLINE L only(const L& x) const { return x.only(0, count); }
};

/// Calls with(c, FullVector or PartialVector) for each vector of channels.
template <typename With>
TTSCALE_INLINE void for_vectors(int64_t first, int64_t end, const With& with) {
  int64_t c = first;
  for (; c + kAutoLanes <= end; c += kAutoLanes) {
    with(c, FullVector{});
  }
  if (c < end) {
    with(c, PartialVector{end - c});
  }
}

/// The sum over channels of a distance.
template <typename Distance>
TTSCALE_INLINE double sum_of(int64_t channels, const Distance& distance) {
  L sum = of(0);
  for_vectors(0, channels, [&](int64_t c, auto vector) TTSCALE_INLINE_LAMBDA { sum += vector.only(distance(c)); });
  return sum.total();
}

template <typename Vector>
TTSCALE_INLINE L eps_of(const AutoRows& rows, int64_t c, const Vector& vector) {
  return rows.eps_step == 0 ? of(rows.eps[0]) : vector.load(rows.eps + c);
}

/// Mean and second moment of mean and variance, in source units.
struct InUnits {
  L mean, second;
};

template <typename Vector>
TTSCALE_INLINE InUnits in_units(const AutoRows& rows, int64_t c, const Vector& vector, const L& inverse, const L& mean,
                                const L& var) {
  const L m = (mean - vector.load(rows.source_mean + c)) * inverse;
  const L ratio = (var + eps_of(rows, c, vector)) * square(inverse);
  L q = ratio + square(m);
  for (int i = 0; i < L::kParts; ++i) {
    q.part[i] = inverse.part[i] == 0.0 ? L::R::Vector{} + 1.0 : q.part[i];  // dead: at the source
  }
  return {m, q};
}

void units(const AutoRows& rows, const double* mean, const double* var) {
  for_vectors(0, rows.channels, [&](int64_t c, auto vector) TTSCALE_INLINE_LAMBDA {
    const L scale = vector.load(rows.source_var + c) + eps_of(rows, c, vector);
    const L unit = scale.root();
    L inverse = of(1) / unit;
    for (int i = 0; i < L::kParts; ++i) {
      inverse.part[i] = scale.part[i] < kSmallestUnit ? typename L::R::Vector{} : inverse.part[i];
    }
    unit.write(rows.unit + c);
    inverse.write(rows.inverse + c);
    const InUnits old = in_units(rows, c, vector, inverse, vector.load(mean + c), vector.load(var + c));
    old.mean.write(rows.old_mean + c);
    old.second.write(rows.old_second + c);
  });
}

AutoImage image(const AutoRows& rows, const double* mean, const double* var, double* own_mean, double* own_second) {
  // Sums of zeros, or NaN.
  L given = of(0);
  L in_source_units = of(0);
  for_vectors(0, rows.channels, [&](int64_t c, auto vector) TTSCALE_INLINE_LAMBDA {
    const L m = vector.load(mean + c);
    const L v = vector.load(var + c);
    const InUnits own = in_units(rows, c, vector, L::read(rows.inverse + c), m, v);
    own.mean.write(own_mean + c);
    own.second.write(own_second + c);
    given += (m - m) + (v - v);
    in_source_units += vector.only((own.mean - own.mean) + (own.second - own.second));
  });
  const bool finite = given.total() == 0;
  const bool usable = finite && in_source_units.total() == 0;
  if (!usable) {
    for (int64_t c = 0; c < rows.channels; c += kAutoLanes) {
      of(0).write(own_mean + c);
      of(1).write(own_second + c);
    }
  }
  return {finite, usable};
}

void sum(const double* own_mean, const double* own_second, int64_t stride, const char* usable, int64_t images,
         int64_t first, int64_t end, const AutoSums& batch, const AutoSums& block) {
  for (int64_t c = first; c < end; c += kAutoLanes) {
    L sums[kRows] = {of(0), of(0), of(0), of(0)};  // NOLINT
    for (int64_t i = 0; i < images; ++i) {
      if (usable[i] == 0) {
        continue;
      }
      const L m = L::read(own_mean + i * stride + c);
      const L q = L::read(own_second + i * stride + c);
      sums[kBlockMean] += m;
      sums[kBlockSecond] += q;
      sums[kBlockMeanSquare].add_squares(m);
      sums[kBlockSecondSquare].add_squares(q);
    }
    for (int64_t row = 0; row < kRows; ++row) {
      double* of_block = block.rows + row * block.stride + c;
      sums[row].write(batch.rows + row * batch.stride + c);
      (L::read(of_block) + sums[row]).write(of_block);
    }
  }
}

TTSCALE_INLINE L deviation(const L& var) { return (var + of(kHellingerFloor / 2)).root(); }

/// Squared Hellinger distance as stats::hellinger() has it, by the difference of the means, the variances and their
/// roots.
TTSCALE_INLINE L hellinger_distance(const L& difference, const L& v1, const L& deviation1, const L& v2,
                                    const L& deviation2) {
  const L inverse = of(1) / (v1 + v2 + of(kHellingerFloor));
  const L overlap =
      (of(2) * inverse * deviation1 * deviation2).root() * exponential_of(of(-0.25) * square(difference) * inverse);
  return (of(1) - overlap).clamped(of(0), of(1));
}

/// Half a variance's share in the distance to second order: 1 / (8 (var + kVarianceFloor)).
TTSCALE_INLINE L spread_of(const L& var) { return of(0.125) / (var + of(kVarianceFloor)); }

double jump(const AutoRows& rows, const AutoSums& block, double images) {
  const L each = of(1 / images);
  return sum_of(rows.channels, [&](int64_t c) TTSCALE_INLINE_LAMBDA {
    const L m = L::read(block.rows + kBlockMean * block.stride + c) * each;
    const L v = (L::read(block.rows + kBlockSecond * block.stride + c) * each - square(m)).at_least(kSmallestVariance);
    const L old_m = L::read(rows.old_mean + c);
    const L old_v = (L::read(rows.old_second + c) - square(old_m)).at_least(kSmallestVariance);
    return hellinger_distance(m - old_m, v, deviation(v), old_v, deviation(old_v));
  });
}

double within(const AutoRows& rows, const AutoSums& block, double images) {
  const L each = of(1 / images);
  const auto mean_of = [&](Row row, int64_t c)
                           TTSCALE_INLINE_LAMBDA { return L::read(block.rows + row * block.stride + c) * each; };
  return sum_of(rows.channels, [&](int64_t c) TTSCALE_INLINE_LAMBDA {
    const L m = mean_of(kBlockMean, c);
    const L q = mean_of(kBlockSecond, c);
    const L a = spread_of((q - square(m)).at_least(0));
    return ((mean_of(kBlockMeanSquare, c) - square(m)) * a +
            (mean_of(kBlockSecondSquare, c) - square(q)) * of(4) * square(a))
        .clamped(of(0), of(1));
  });
}

double history(const AutoRows& rows, const AutoSums& batch, double images, double share) {
  const L each = of(1 / images);
  return sum_of(rows.channels, [&](int64_t c) TTSCALE_INLINE_LAMBDA {
    const L old_m = L::read(rows.old_mean + c);
    const L old_q = L::read(rows.old_second + c);
    const L m = old_m + of(share) * (L::read(batch.rows + kBlockMean * batch.stride + c) * each - old_m);
    const L q = old_q + of(share) * (L::read(batch.rows + kBlockSecond * batch.stride + c) * each - old_q);
    const L v = (q - square(m)).at_least(0);
    const L root = deviation(v);
    m.write(rows.mean + c);
    q.write(rows.second + c);
    v.write(rows.var + c);
    root.write(rows.deviation + c);
    const L scale = spread_of(v);
    scale.write(rows.spread_scale + c);
    scale.root().write(rows.spread_root + c);
    return hellinger_distance(m, v, root, of(1), of(1));
  });
}

double spread(const AutoRows& rows, const double* own_mean, const double* own_second) {
  return sum_of(rows.channels, [&](int64_t c) TTSCALE_INLINE_LAMBDA {
    const L a = L::read(rows.spread_scale + c);
    const L m = L::read(own_mean + c) - L::read(rows.mean + c);
    const L q = L::read(own_second + c) - L::read(rows.second + c);
    return (square(m) * a + square(q) * of(4) * square(a)).clamped(of(0), of(1));
  });
}

AutoDistances distances(const AutoRows& rows, const double* own_mean, const double* own_second, double own,
                        double* log_var) {
  L mixed_to_source = of(0);
  L own_to_source = of(0);
  L own_to_stream = of(0);
  for_vectors(0, rows.channels, [&](int64_t c, auto vector) TTSCALE_INLINE_LAMBDA {
    const L m = L::read(rows.mean + c);
    const L q = L::read(rows.second + c);
    const L own_m = L::read(own_mean + c);
    const L own_q = L::read(own_second + c);
    const L mixed_m = m + of(own) * (own_m - m);
    const L mixed_v = (q + of(own) * (own_q - q) - square(mixed_m)).at_least(0);
    const L own_v = (own_q - square(own_m)).at_least(kSmallestVariance);
    const L own_deviation = deviation(own_v);
    mixed_to_source += vector.only(hellinger_distance(mixed_m, mixed_v, deviation(mixed_v), of(1), of(1)));
    own_to_source += vector.only(hellinger_distance(own_m, own_v, own_deviation, of(1), of(1)));
    own_to_stream += vector.only(
        hellinger_distance(own_m - m, own_v, own_deviation, L::read(rows.var + c), L::read(rows.deviation + c)));
    vector.store(log_var + c, logarithm_of(mixed_v.at_least(kSmallestVariance)));
  });
  return {mixed_to_source.total(), own_to_source.total(), own_to_stream.total()};
}

void mix(const AutoRows& rows, const double* own_mean, double own, double w, double* mean, double* var) {
  for_vectors(0, rows.channels, [&](int64_t c, auto vector) TTSCALE_INLINE_LAMBDA {
    const L unit = L::read(rows.unit + c);
    const L m = L::read(rows.mean + c);
    const L mixed = m + of(own) * (L::read(own_mean + c) - m);
    vector.store(mean + c, vector.load(rows.source_mean + c) + of(w) * mixed * unit);
    const L v = exponential_of(of(w) * vector.load(var + c));
    vector.store(var + c, (square(unit) * v - eps_of(rows, c, vector)).at_least(0));
  });
}

void average(const double* mean, const double* var, int64_t channels, const char* marks, int64_t images,
             bool with_between, int64_t first, int64_t end, double* mean_out, double* var_out) {
  for_vectors(first, end, [&](int64_t c, auto vector) TTSCALE_INLINE_LAMBDA {
    L mean_sum = of(0);
    L var_sum = of(0);
    double count = 0;
    for (int64_t i = 0; i < images; ++i) {
      if (marks == nullptr || marks[i] != 0) {
        mean_sum += vector.load(mean + i * channels + c);
        var_sum += vector.load(var + i * channels + c);
        ++count;
      }
    }
    const L each = of(1 / count);
    const L average = mean_sum * each;
    if (with_between) {
      for (int64_t i = 0; i < images; ++i) {
        if (marks == nullptr || marks[i] != 0) {
          var_sum.add_squares(vector.load(mean + i * channels + c) - average);
        }
      }
    }
    vector.store(mean_out + c, average);
    vector.store(var_out + c, var_sum * each);
  });
}

bool features(const AutoRows& rows, const double* own_mean, const double* own_second, int64_t stride, double* out) {
  L seconds = of(0);
  for_vectors(0, rows.channels, [&](int64_t c, auto vector) TTSCALE_INLINE_LAMBDA {
    const L a = L::read(rows.spread_scale + c);
    const L m = vector.load(own_mean + c) * L::read(rows.spread_root + c);
    const L q = vector.load(own_second + c);
    seconds += vector.only(q);
    vector.only(m.clamped(of(-kMostDeviations), of(kMostDeviations))).write(out + c);
    vector.only((q * of(2) * a).clamped(of(-kMostDeviations), of(kMostDeviations))).write(out + stride + c);
  });
  return seconds.total() > 0;
}

/// Of kNumber rows at once: each number of `from` is read once for all of them.
template <int kNumber>
TTSCALE_INLINE void some_squared_distances(const double* from, const double* rows, int64_t count, double* out) {
  L sums[kNumber];  // NOLINT
  for (L& sum : sums) {
    sum = of(0);
  }
  for (int64_t c = 0; c < count; c += kAutoLanes) {
    const L x = L::read(from + c);
    for (int i = 0; i < kNumber; ++i) {
      sums[i].add_squares(x - L::read(rows + i * count + c));
    }
  }
  for (int i = 0; i < kNumber; ++i) {
    out[i] = sums[i].total();
  }
}

void squared_distances(const double* from, const double* rows, int64_t count, int64_t number, double* out) {
  constexpr int kAtOnce = 4;
  int64_t i = 0;
  for (; i + kAtOnce <= number; i += kAtOnce) {
    some_squared_distances<kAtOnce>(from, rows + i * count, count, out + i);
  }
  for (; i < number; ++i) {
    some_squared_distances<1>(from, rows + i * count, count, out + i);
  }
}

void neighbours(const double* kept_mean, const double* kept_second, int64_t channels, int64_t kept,
                const double* weights, int64_t images, int64_t first, int64_t end, double* mean_out, double* second_out,
                int64_t stride) {
  for_vectors(first, end, [&](int64_t c, auto vector) TTSCALE_INLINE_LAMBDA {
    for (int64_t i = 0; i < images; ++i) {
      L mean = of(0);
      L second = of(0);
      for (int64_t j = 0; j < kept; ++j) {
        const L weight = of(weights[i * kept + j]);
        mean += weight * vector.load(kept_mean + j * channels + c);
        second += weight * vector.load(kept_second + j * channels + c);
      }
      mean.write(mean_out + i * stride + c);
      second.write(second_out + i * stride + c);
    }
  });
}

double blend(const AutoRows& rows, double share, const AutoRows& around) {
  return sum_of(rows.channels, [&](int64_t c) TTSCALE_INLINE_LAMBDA {
    const L old_m = L::read(rows.mean + c);
    const L old_q = L::read(rows.second + c);
    const L m = old_m + of(share) * (L::read(around.mean + c) - old_m);
    const L q = old_q + of(share) * (L::read(around.second + c) - old_q);
    const L v = (q - square(m)).at_least(0);
    const L root = deviation(v);
    m.write(around.mean + c);
    q.write(around.second + c);
    v.write(around.var + c);
    root.write(around.deviation + c);
    return hellinger_distance(m, v, root, of(1), of(1));
  });
}

void store(const AutoRows& rows, double* mean, double* var) {
  for_vectors(0, rows.channels, [&](int64_t c, auto vector) TTSCALE_INLINE_LAMBDA {
    const L unit = L::read(rows.unit + c);
    vector.store(mean + c, vector.load(rows.source_mean + c) + L::read(rows.mean + c) * unit);
    vector.store(var + c, (square(unit) * L::read(rows.var + c) - eps_of(rows, c, vector)).at_least(0));
  });
}

constexpr AutoKernels auto_kernels_of_this_isa() {
  return {units,      image, sum,  jump, within, history, spread, distances, mix, average, features, squared_distances,
          neighbours, blend, store};
}

}  // namespace
}  // namespace ttscale::stats
