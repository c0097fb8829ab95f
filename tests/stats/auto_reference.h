// SPDX-License-Identifier: MIT
// The rule auto in plain scalar loops, written from its formulas: slow, and obvious beside them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "ttscale/rule.h"

namespace ttscale::stats::reference {

using Row = std::vector<double>;

inline double hellinger(double m1, double v1, double m2, double v2) {
  if (v1 + v2 == 0) {
    return m1 == m2 ? 0 : 1;
  }
  return 1 - std::sqrt(2 * std::sqrt(v1 * v2) / (v1 + v2)) * std::exp(-(m1 - m2) * (m1 - m2) / (4 * (v1 + v2)));
}

/// Images of one batch at one site: mean and variance, [image][channel].
struct Batch {
  std::vector<Row> mean, var;
  double positions = 1;  ///< of the feature map
};

/// One site of a stream.
struct AutoSite {
  Row source_mean, source_var;
  double eps = 0;
  Row m, q, block_m, block_q, block_mm, block_qq;  ///< in source units
  double n = 0, block_n = 0, jumps = 0, jump_count = 0, spread = 0, spread_count = 0;

  AutoSite(Row mean, Row var, double layer_eps)
      : source_mean(std::move(mean)),
        source_var(std::move(var)),
        eps(layer_eps),
        m(source_mean.size(), 0),
        q(m.size(), 1),
        block_m(m.size(), 0),
        block_q(m.size(), 0),
        block_mm(m.size(), 0),
        block_qq(m.size(), 0) {}
};

/// The numbers of a stream.
struct AutoStream {
  double jump_sum = 0, within_sum = 0, sites = 0, keep_sum = 0;
  bool looked = false;
  double concentration = 0, memory = 0, latest_concentration = 0;
  Row history, recent, latest;
};

/// Mean and variance to normalise each image with, [image][channel].
inline Batch auto_site(const rule::Auto& r, AutoSite& s, AutoStream& stream, const Batch& batch) {
  const std::size_t images = batch.mean.size();
  const std::size_t channels = s.m.size();
  const auto n = static_cast<double>(images);
  std::vector<Row> a(images, Row(channels)), q(images, Row(channels));
  Row mean_a(channels, 0), mean_q(channels, 0);
  for (std::size_t c = 0; c < channels; ++c) {
    const double square = s.source_var[c] + s.eps;
    for (std::size_t i = 0; i < images; ++i) {
      a[i][c] = (batch.mean[i][c] - s.source_mean[c]) / std::sqrt(square);
      q[i][c] = (batch.var[i][c] + s.eps) / square + a[i][c] * a[i][c];
      mean_a[c] += a[i][c] / n;
      mean_q[c] += q[i][c] / n;
    }
  }
  // 1. change
  if (n >= r.block) {
    s.block_n = 0;
    for (Row* row : {&s.block_m, &s.block_q, &s.block_mm, &s.block_qq}) {
      std::fill(row->begin(), row->end(), 0);
    }
  }
  s.block_n += n;
  double jump = 0;
  double within = 0;
  for (std::size_t c = 0; c < channels; ++c) {
    s.block_m[c] += n * mean_a[c];
    s.block_q[c] += n * mean_q[c];
    for (std::size_t i = 0; i < images; ++i) {
      s.block_mm[c] += a[i][c] * a[i][c];
      s.block_qq[c] += q[i][c] * q[i][c];
    }
    const double bm = s.block_m[c] / s.block_n;
    const double bv = std::max(s.block_q[c] / s.block_n - bm * bm, 1e-8);
    const double bq = s.block_q[c] / s.block_n;
    const double floored = std::max(bq - bm * bm, 0.0) + 1e-6;
    within += std::clamp((s.block_mm[c] / s.block_n - bm * bm) / (8 * floored) +
                             (s.block_qq[c] / s.block_n - bq * bq) / (16 * floored * floored),
                         0.0, 1.0) /
              static_cast<double>(channels);
    jump += hellinger(bm, bv, s.m[c], std::max(s.q[c] - s.m[c] * s.m[c], 1e-8)) / static_cast<double>(channels);
  }
  stream.jump_sum += jump;
  const double usual = (s.jumps + 2 * r.jump) / (s.jump_count + 2);
  const double smoothed = (stream.jump_sum + 3 * usual) / (stream.sites + 4);
  within *= s.block_n / std::max(s.block_n - 1, 1.0);
  stream.within_sum += within;
  const double spread_inside = std::max(0.03, (stream.within_sum + 3 * within) / (stream.sites + 4));
  const double few = std::pow(std::max(stream.latest_concentration - stream.concentration, 0.0) / 0.1, 2);
  const double far = 1 + 2 * few / (1 + few);
  const double near = std::min(r.surprise * usual, r.distinct * spread_inside);
  const double threshold = far * near;
  double keep = 1;
  if (s.block_n >= r.block) {
    if (s.n > 0) {
      keep = 1 / (1 + std::pow(smoothed / threshold, 6));
      s.jumps = 0.95 * s.jumps + std::min(smoothed, near);
      s.jump_count = 0.95 * s.jump_count + 1;
    }
    s.block_n = 0;
    for (Row* row : {&s.block_m, &s.block_q, &s.block_mm, &s.block_qq}) {
      std::fill(row->begin(), row->end(), 0);
    }
  }
  stream.sites += 1;
  stream.keep_sum += keep;
  // 2. history
  const double before = keep * s.n;
  const double total = before + n;
  for (std::size_t c = 0; c < channels; ++c) {
    s.m[c] = (before * s.m[c] + n * mean_a[c]) / total;
    s.q[c] = (before * s.q[c] + n * mean_q[c]) / total;
  }
  s.n = std::min(total, stream.memory > 0 ? stream.memory : r.memory);
  // 3. effective size
  const double concentration = stream.looked ? stream.concentration : images > 4 ? r.concentration : 0;
  const double effective = 1 / (1 / total + r.correlation * concentration);
  // 4. spread
  double dev = 0;
  double of_stream = 0;
  for (std::size_t c = 0; c < channels; ++c) {
    const double v = std::max(s.q[c] - s.m[c] * s.m[c], 0.0);
    of_stream += hellinger(s.m[c], v, 0, 1) / static_cast<double>(channels);
    for (std::size_t i = 0; i < images; ++i) {
      const double da = a[i][c] - s.m[c];
      const double dq = q[i][c] - s.q[c];
      const double w = v + 1e-6;
      dev += std::min(1.0, da * da / (8 * w) + dq * dq / (16 * w * w)) / (n * static_cast<double>(channels));
    }
  }
  s.spread = 0.98 * s.spread + dev * n * n / std::max(n - 1, 1.0);
  s.spread_count = 0.98 * s.spread_count + n;
  const double spread = (s.spread + 0.24) / (s.spread_count + 8);
  // 5. to 7. own share, shift, weight
  const double large = batch.positions / (batch.positions + r.positions);
  const double beta = r.spread > 0 ? spread / (spread + r.spread) * large : 0;
  Batch used{std::vector<Row>(images, Row(channels)), std::vector<Row>(images, Row(channels)), batch.positions};
  for (std::size_t i = 0; i < images; ++i) {
    Row mi(channels), vi(channels);
    double distance = 0;
    double nearer = 0;
    for (std::size_t c = 0; c < channels; ++c) {
      mi[c] = s.m[c] + beta * (a[i][c] - s.m[c]);
      vi[c] = std::max(s.q[c] + beta * (q[i][c] - s.q[c]) - mi[c] * mi[c], 0.0);
      distance += hellinger(mi[c], vi[c], 0, 1) / static_cast<double>(channels);
      const double own = std::max(q[i][c] - a[i][c] * a[i][c], 1e-8);
      const double v = std::max(s.q[c] - s.m[c] * s.m[c], 0.0);
      nearer += (hellinger(a[i][c], own, 0, 1) - hellinger(a[i][c], own, s.m[c], v)) / static_cast<double>(channels);
    }
    distance = std::max(0.0, distance - spread / effective);
    distance *= std::clamp(1 + r.restraint * (nearer - of_stream) / (of_stream + 1e-6), 0.0, 1.0);
    const double ratio = distance / r.shift * (distance / r.shift);
    const double w = r.weight * ratio / (1 + ratio) * effective / (effective + r.count);
    for (std::size_t c = 0; c < channels; ++c) {
      const double square = s.source_var[c] + s.eps;
      used.mean[i][c] = s.source_mean[c] + w * mi[c] * std::sqrt(square);
      used.var[i][c] = std::max(square * std::pow(std::max(vi[c], 1e-8), w) - s.eps, 0.0);
    }
  }
  return used;
}

inline double total_of(const Row& row) {
  double sum = 0;
  for (const double x : row) {
    sum += x;
  }
  return sum;
}

inline double excess(const Row& counts) {
  const double even = 1 / static_cast<double>(counts.size());
  const double n = total_of(counts);
  double sum = 0;
  for (const double x : counts) {
    sum += (x / n - even) * (x / n - even);
  }
  return std::max(0.0, sum - (1 - even) / n);
}

inline void cut(Row& counts, double most) {
  const double factor = std::min(1.0, most / total_of(counts));
  for (double& x : counts) {
    x *= factor;
  }
}

/// After the forward: `predicted` is the class of each image.
inline void auto_finish(const rule::Auto& r, AutoStream& s, const std::vector<std::size_t>& predicted,
                        std::size_t classes) {
  s.history.resize(classes, 0);
  s.recent.resize(classes, 0);
  s.latest.resize(classes, 0);
  for (double& x : s.history) {
    x *= s.keep_sum / s.sites;
  }
  for (const std::size_t k : predicted) {
    s.history[k] += 1;
    s.recent[k] += 1;
  }
  cut(s.history, s.memory > 0 ? s.memory : r.memory);
  cut(s.recent, r.memory_diverse);
  cut(s.latest, std::max(0.0, 16 - static_cast<double>(predicted.size())));
  for (const std::size_t k : predicted) {
    s.latest[k] += 1;
  }
  s.latest_concentration = excess(s.latest);
  s.concentration = excess(s.history);
  const double u = excess(s.recent);
  s.memory = r.memory_diverse + (r.memory - r.memory_diverse) * u / (u + 0.1);
  s.looked = true;
  s.jump_sum = s.within_sum = s.sites = s.keep_sum = 0;
}

}  // namespace ttscale::stats::reference
