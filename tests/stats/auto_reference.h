// SPDX-License-Identifier: MIT
// The rule auto in plain scalar loops, written from its formulas: slow, and obvious beside them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
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
  bool early = false;               ///< keeps the latest images
  std::vector<Row> kept_a, kept_q;  ///< the newest last

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
  // Of this forward: [image][kept], and for each image.
  std::vector<Row> distances, weights;
  Row apart, chance;
  double compared = 0;
  double ratios = 0, ratio_count = 0;
  std::vector<std::size_t> kept_class;
  Row kept_probability;
  // Drift
  double remembered = 0, since_jump = 0;
  double pairs = 0, x = 0, xx = 0, xy = 0;
};

inline void keep_last(std::vector<Row>& rows, const std::vector<Row>& more, std::size_t most) {
  rows.insert(rows.end(), more.begin(), more.end());
  if (rows.size() > most) {
    rows.erase(rows.begin(), rows.end() - static_cast<std::ptrdiff_t>(most));
  }
}

inline double share_of_neighbours(const rule::Auto& r, const AutoStream& stream) {
  const double ratio = std::exp((stream.ratios + 8 * std::log(2.5)) / (stream.ratio_count + 8));
  const double share = std::pow(ratio, 8) / (std::pow(ratio, 8) + std::pow(r.apart, 8));
  return share < 0.01 ? 0 : share;
}

/// Weights of the kept images by their distances; the image itself is the `self`th, if it is among them.
inline Row weights_by_distance(const rule::Auto& r, const Row& distances, std::ptrdiff_t self) {
  Row others = distances;
  if (self >= 0) {
    others.erase(others.begin() + self);
  }
  std::sort(others.begin(), others.end());
  const std::size_t k = std::min(others.size(), static_cast<std::size_t>(r.alike));
  const double reference = k > 0 ? std::max(others[k - 1], 1e-4) : 1e-4;
  Row weights;
  double sum = 0;
  for (std::size_t j = 0; j < distances.size(); ++j) {
    const bool is_self = static_cast<std::ptrdiff_t>(j) == self;
    weights.push_back(is_self ? 1 : std::exp(-4 * std::max(0.0, distances[j] / reference - 1)));
    sum += weights.back();
  }
  for (double& w : weights) {
    w /= sum;
  }
  return weights;
}

/// Mean and second moment of each image's neighbours, and 1 / images that they are worth.
struct Neighbours {
  std::vector<Row> m, q;
  Row one_of;
};

/// Images (a, q) of a batch at an early site whose stream has mean and second moment (m, second) and spread.
inline Neighbours auto_neighbours(const rule::Auto& r, AutoSite& s, AutoStream& stream, const std::vector<Row>& a,
                                  const std::vector<Row>& q, double spread) {
  const std::size_t images = a.size();
  const std::size_t channels = s.m.size();
  const auto most = static_cast<std::size_t>(r.neighbours);
  keep_last(s.kept_a, a, most);
  keep_last(s.kept_q, q, most);
  const std::size_t kept = s.kept_a.size();
  Row scale(channels);
  for (std::size_t c = 0; c < channels; ++c) {
    scale[c] = 1 / (8 * (std::max(s.q[c] - s.m[c] * s.m[c], 0.0) + 1e-6));
  }
  const auto limited = [](double x) { return std::clamp(x, -4.0, 4.0); };
  std::vector<Row> here(images, Row(kept, 0));
  double mean = 0;
  for (std::size_t i = 0; i < images; ++i) {
    for (std::size_t j = 0; j < kept; ++j) {
      for (std::size_t c = 0; c < channels; ++c) {
        const double da = limited(a[i][c] * std::sqrt(scale[c])) - limited(s.kept_a[j][c] * std::sqrt(scale[c]));
        const double dq = limited(2 * scale[c] * q[i][c]) - limited(2 * scale[c] * s.kept_q[j][c]);
        here[i][j] += (da * da + dq * dq) / static_cast<double>(channels);
      }
      mean += here[i][j] / static_cast<double>(images * kept);
    }
  }
  if (stream.compared == 0) {
    stream.distances.assign(images, Row(kept, 0));
    stream.apart.assign(images, 0);
    stream.chance.assign(images, 0);
  }
  stream.weights.clear();
  Neighbours out;
  for (std::size_t i = 0; i < images; ++i) {
    for (std::size_t j = 0; j < kept; ++j) {
      stream.distances[i][j] += here[i][j] / std::max(mean, 1e-9);
    }
    const std::ptrdiff_t self = static_cast<std::ptrdiff_t>(kept) - static_cast<std::ptrdiff_t>(images - i);
    stream.weights.push_back(weights_by_distance(r, stream.distances[i], self));
    const Row& w = stream.weights.back();
    double one_of = 0;
    Row m(channels, 0), second(channels, 0);
    for (std::size_t j = 0; j < kept; ++j) {
      one_of += w[j] * w[j];
      for (std::size_t c = 0; c < channels; ++c) {
        m[c] += w[j] * s.kept_a[j][c];
        second[c] += w[j] * s.kept_q[j][c];
      }
    }
    double apart = 0;
    for (std::size_t c = 0; c < channels; ++c) {
      const double dm = m[c] - s.m[c];
      const double dq = second[c] - s.q[c];
      apart += std::min(1.0, dm * dm * scale[c] + dq * dq * 4 * scale[c] * scale[c]) / static_cast<double>(channels);
    }
    stream.apart[i] += std::max(0.0, apart - spread * one_of) / spread;
    stream.chance[i] += one_of;
    out.m.push_back(m);
    out.q.push_back(second);
    out.one_of.push_back(one_of);
  }
  stream.compared += 1;
  return out;
}

/// Share of the pairs of two kept images that are of one class, by weights and probabilities.
inline double agreement(const AutoStream& s, const Row& weights) {
  double same = 0;
  double pairs = 0;
  double sum = 0;
  for (std::size_t j = 0; j < weights.size(); ++j) {
    sum += weights[j] * s.kept_probability[j];
    for (std::size_t k = 0; k < weights.size(); ++k) {
      if (j != k) {
        const double pair = weights[j] * s.kept_probability[j] * weights[k] * s.kept_probability[k];
        pairs += pair;
        same += s.kept_class[j] == s.kept_class[k] ? pair : 0;
      }
    }
  }
  return same / std::max(pairs, 0.05 * sum * sum);
}

/// After the forward, with the predictions kept: what the neighbours say of the stream.
inline void count_ratios(const rule::Auto& r, AutoStream& s) {
  const std::size_t kept = s.kept_class.size();
  if (s.compared == 0 || static_cast<double>(kept) < r.neighbours / 2) {
    return;
  }
  const double all = agreement(s, Row(kept, 1));
  for (std::size_t i = 0; i < s.weights.size(); ++i) {
    const double few = std::max(0.0, agreement(s, s.weights[i]) - all);
    const double ratio = s.apart[i] / (s.chance[i] + s.compared * (0.5 * few + s.concentration));
    const double step = std::pow(0.99, i == 0 ? static_cast<double>(s.weights.size()) : 0);
    s.ratios = step * s.ratios + std::log(std::clamp(ratio, 1.0, 100.0));
    s.ratio_count = step * s.ratio_count + 1;
  }
}

/// After the forward, with the predictions kept: how the distance of two images grows with what lies between them.
inline void count_pairs(const rule::Auto& r, AutoStream& s, const std::vector<std::size_t>& predicted) {
  const std::size_t kept = s.kept_class.size();
  const std::size_t images = predicted.size();
  if (s.compared == 0 || static_cast<double>(kept) < r.neighbours / 2) {
    return;
  }
  Row x, y;
  for (std::size_t i = 0; i < images; ++i) {
    const auto newer_than_self = static_cast<double>(images - 1 - i);
    for (std::size_t j = 0; j < kept; ++j) {
      const auto newer = static_cast<double>(kept - 1 - j);
      const double apart = std::abs(newer - newer_than_self);
      if (apart >= 16 && std::max(newer, newer_than_self) < s.since_jump && s.kept_class[j] != predicted[i]) {
        x.push_back((apart - 16) / r.neighbours);
        y.push_back(s.distances[i][j]);
      }
    }
  }
  const auto n = static_cast<double>(x.size());
  const double mean_x = std::accumulate(x.begin(), x.end(), 0.0) / n;
  const double mean_y = std::accumulate(y.begin(), y.end(), 0.0) / n;
  for (std::size_t k = 0; k < x.size(); ++k) {
    s.pairs += 1 / r.neighbours;
    s.x += x[k] / r.neighbours;
    s.xx += (x[k] - mean_x) * (x[k] - mean_x) / r.neighbours;
    s.xy += (x[k] - mean_x) * (y[k] / mean_y - 1) / r.neighbours;
  }
}

inline double remembered_images(const rule::Auto& r, const AutoStream& s) {
  if (s.pairs == 0) {
    return s.memory;
  }
  const double slope = s.xy / (s.xx + 1);
  const double growth = slope / std::max(1 - slope * s.x / s.pairs, 0.1) / r.neighbours;
  return growth > 0.003 ? std::min(s.memory, std::max(r.block, std::sqrt(0.5 / (growth - 0.003)))) : s.memory;
}

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
  const double far = 1 + (r.few_classes - 1) * few / (1 + few);
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
  s.n = std::min(total, stream.remembered > 0 ? stream.remembered : r.memory);
  // 3. effective size
  const double concentration = stream.looked ? stream.concentration : images > 4 ? r.concentration : 0;
  const double effective = 1 / (1 / total + r.correlation * concentration);
  // 4. spread
  double dev = 0;
  for (std::size_t c = 0; c < channels; ++c) {
    const double v = std::max(s.q[c] - s.m[c] * s.m[c], 0.0);
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
  // Neighbours
  std::vector<Row> around_m(images, s.m), around_q(images, s.q);
  Row worth(images, effective);
  if (s.early) {
    const Neighbours near_images = auto_neighbours(r, s, stream, a, q, spread);
    const double share = share_of_neighbours(r, stream);
    for (std::size_t i = 0; i < images; ++i) {
      for (std::size_t c = 0; c < channels; ++c) {
        around_m[i][c] = (1 - share) * s.m[c] + share * near_images.m[i][c];
        around_q[i][c] = (1 - share) * s.q[c] + share * near_images.q[i][c];
      }
      worth[i] = 1 / (share * (near_images.one_of[i] + r.correlation * concentration) + (1 - share) / effective);
    }
  }
  // 5. to 7. own share, shift, weight
  const double large = batch.positions / (batch.positions + r.positions);
  const double beta = r.spread > 0 ? spread / (spread + r.spread) * large : 0;
  Batch used{std::vector<Row>(images, Row(channels)), std::vector<Row>(images, Row(channels)), batch.positions};
  for (std::size_t i = 0; i < images; ++i) {
    Row mi(channels), vi(channels);
    double distance = 0;
    double nearer = 0;
    double of_stream = 0;
    for (std::size_t c = 0; c < channels; ++c) {
      const double m = around_m[i][c];
      const double second = around_q[i][c];
      const double v = std::max(second - m * m, 0.0);
      of_stream += hellinger(m, v, 0, 1) / static_cast<double>(channels);
      mi[c] = m + beta * (a[i][c] - m);
      vi[c] = std::max(second + beta * (q[i][c] - second) - mi[c] * mi[c], 0.0);
      distance += hellinger(mi[c], vi[c], 0, 1) / static_cast<double>(channels);
      const double own = std::max(q[i][c] - a[i][c] * a[i][c], 1e-8);
      nearer += (hellinger(a[i][c], own, 0, 1) - hellinger(a[i][c], own, m, v)) / static_cast<double>(channels);
    }
    distance = std::max(0.0, distance - spread / worth[i]);
    distance *= std::clamp(1 + r.restraint * (nearer - of_stream) / (of_stream + 1e-6), 0.0, 1.0);
    const double ratio = distance / r.shift * (distance / r.shift);
    const double w = r.weight * ratio / (1 + ratio) * worth[i] / (worth[i] + r.count);
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

/// After the forward: `predicted` is the class of each image, all with that probability and the others even.
inline void auto_finish(const rule::Auto& r, AutoStream& s, const std::vector<std::size_t>& predicted,
                        std::size_t classes, double probability = 1) {
  const auto count = [&](Row& counts) {
    for (const std::size_t predicted_class : predicted) {
      for (std::size_t k = 0; k < classes; ++k) {
        counts[k] += k == predicted_class ? probability : (1 - probability) / static_cast<double>(classes - 1);
      }
    }
  };
  s.history.resize(classes, 0);
  s.recent.resize(classes, 0);
  s.latest.resize(classes, 0);
  const double kept_share = s.keep_sum / s.sites;
  for (double& x : s.history) {
    x *= kept_share;
  }
  const auto images = static_cast<double>(predicted.size());
  s.since_jump = kept_share < 0.1 ? 0 : s.since_jump + images;
  for (double* sum : {&s.pairs, &s.x, &s.xx, &s.xy}) {
    *sum *= std::pow(0.99, images) * kept_share;
  }
  count(s.history);
  count(s.recent);
  cut(s.history, s.remembered > 0 ? s.remembered : r.memory);
  cut(s.recent, r.memory_diverse);
  cut(s.latest, std::max(0.0, 16 - static_cast<double>(predicted.size())));
  count(s.latest);
  s.latest_concentration = excess(s.latest);
  s.concentration = excess(s.history);
  const double u = excess(s.recent);
  s.memory = r.memory_diverse + (r.memory - r.memory_diverse) * u / (u + 0.1);
  s.looked = true;
  s.jump_sum = s.within_sum = s.sites = s.keep_sum = 0;
  for (const std::size_t k : predicted) {
    s.kept_class.push_back(k);
    s.kept_probability.push_back(probability);
  }
  while (static_cast<double>(s.kept_class.size()) > r.neighbours) {
    s.kept_class.erase(s.kept_class.begin());
    s.kept_probability.erase(s.kept_probability.begin());
  }
  count_ratios(r, s);
  count_pairs(r, s, predicted);
  s.remembered = remembered_images(r, s);
  s.compared = 0;
}

}  // namespace ttscale::stats::reference
