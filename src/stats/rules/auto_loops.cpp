// SPDX-License-Identifier: MIT
// auto in loops. Exponentials and logarithms are left to ATen, whose vectorised ones suit the processor at hand: four
// calls a site.
#include "stats/rules/auto_loops.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "stats/main_memory.h"
#include "stats/rules/auto_constants.h"
#include "stats/rules/auto_state.h"

namespace ttscale::stats {
namespace {

using namespace auto_constants;
using namespace auto_state;
using std::int64_t;

/// Values worth a thread: at some 10 ns each.
constexpr int64_t kGrain = 4096;

double* data(const at::Tensor& t) { return t.data_ptr<double>(); }

double square(double x) { return x * x; }

/// Squared Hellinger distances as in stats::hellinger(): 1 - root exp(exponent). Both are collected for many channels,
/// so that the exponentials are taken at once.
class Distances {
 public:
  explicit Distances(int64_t values)
      : memory_(at::empty({2, values}, at::kDouble)), exponents_(data(memory_)), roots_(exponents_ + values) {}

  /// Distances first.. of two Gaussians a channel: of(c) fills in means and variances.
  template <typename Of>
  void set(int64_t first, int64_t channels, const Of& of) {
    for (int64_t c = 0; c < channels; ++c) {
      const auto [m1, v1, m2, v2] = of(c);
      const double sum = v1 + v2 + kTiny;
      exponents_[first + c] = -square(m1 - m2) / (4 * sum);
      roots_[first + c] = std::sqrt(std::sqrt((v1 + kTiny / 2) * (v2 + kTiny / 2)) * 2 / sum);
    }
  }

  void evaluate() { memory_.select(0, 0).exp_(); }

  /// Mean over channels of the distances from `first` on.
  [[nodiscard]] double mean(int64_t first, int64_t channels) const {
    double sum = 0;
    for (int64_t c = 0; c < channels; ++c) {
      sum += std::clamp(1 - roots_[first + c] * exponents_[first + c], 0.0, 1.0);
    }
    return sum / static_cast<double>(channels);
  }

 private:
  static constexpr double kTiny = 1e-30;
  at::Tensor memory_;
  double* exponents_;
  double* roots_;
};

/// Two Gaussians.
struct Two {
  double m1, v1, m2, v2;
};

/// One batch at one site. Means and second moments are about the source mean and in units of its deviation, as in
/// auto.cpp; [C] a row, [N, C] where each image has its own.
class Loops {
 public:
  Loops(const rule::Auto& rule, const Moments& source, const at::Tensor& eps, const ImageMoments& images,
        SiteState& state)
      : rule_(rule),
        images_(images.each.mean.size(0)),
        channels_(images.each.mean.size(1)),
        positions_(static_cast<double>(images.pixels)),
        source_mean_(data(source.mean)),
        source_var_(data(source.var)),
        eps_(data(eps)),
        eps_step_(eps.dim() == 0 ? 0 : 1),
        image_mean_(data(images.each.mean)),
        image_var_(data(images.each.var)),
        running_(data(state.running)),
        counters_(data(state.counters)),
        last_(data(state.last)),
        stream_(data(state.stream)),
        scratch_(at::empty({kScratchRows + 2 * images_, channels_}, at::kDouble)),
        used_{at::empty({images_, channels_}, at::kDouble), at::empty({images_, channels_}, at::kDouble)} {
    std::copy_n(counters_ + StateSize{}.counters, kNumbers, numbers_.begin());
  }

  Moments run() {
    screen();
    to_source_units();
    const double keep = detect_change();
    add_to_history(keep);
    measure_spread();
    if (count_ > 0) {
      use();
    } else {
      use_what_is_known();
    }
    write_last();
    advance();
    return used_;
  }

 private:
  enum ScratchRow : int64_t {
    kUnit,     // sqrt(source variance + eps)
    kOldMean,  // the stream before this batch
    kOldSecond,
    kMean,  // and with it
    kSecond,
    kVariance,
    kBatchMean,  // the batch
    kBatchSecond,
    kBlock,  // sums of the block with this batch: four rows
    kScratchRows = kBlock + kRows
  };

  [[nodiscard]] double* row(int64_t index) const { return data(scratch_) + index * channels_; }
  [[nodiscard]] double* each_mean(int64_t image) const { return row(kScratchRows + image); }
  [[nodiscard]] double* each_second(int64_t image) const { return row(kScratchRows + images_ + image); }
  [[nodiscard]] double eps(int64_t channel) const { return eps_[channel * eps_step_]; }

  [[nodiscard]] bool all_finite(const double* values) const {
    double sum = 0;  // of zeros, or NaN
    for (int64_t c = 0; c < channels_; ++c) {
      sum += values[c] - values[c];
    }
    return sum == 0;
  }

  /// Which images are finite.
  void screen() {
    finite_.resize(static_cast<std::size_t>(images_));
    usable_.resize(finite_.size());
    for (int64_t i = 0; i < images_; ++i) {
      const bool finite = all_finite(image_mean_ + i * channels_) && all_finite(image_var_ + i * channels_);
      finite_[static_cast<std::size_t>(i)] = finite ? 1 : 0;
      count_ += finite ? 1 : 0;
    }
  }

  void to_source_units() {
    const bool started = counters_[1] > 0;
    double* unit = row(kUnit);
    double* old_m = row(kOldMean);
    double* old_q = row(kOldSecond);
    for (int64_t c = 0; c < channels_; ++c) {
      const double scale = source_var_[c] + eps(c);
      unit[c] = std::sqrt(scale);
      const double mean = started ? running_[c] : source_mean_[c];
      const double var = started ? running_[channels_ + c] : source_var_[c];
      const bool dead = scale < kSmallestUnit;
      old_m[c] = dead ? 0 : (mean - source_mean_[c]) / unit[c];
      old_q[c] = (dead ? 1 : (var + eps(c)) / scale) + square(old_m[c]);
    }
    at::parallel_for(0, images_, grain(), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        image_to_source_units(i);
      }
    });
    sum_images();
  }

  void image_to_source_units(int64_t i) {
    const double* unit = row(kUnit);
    const double* mean = image_mean_ + i * channels_;
    const double* var = image_var_ + i * channels_;
    double* m = each_mean(i);
    double* q = each_second(i);
    for (int64_t c = 0; c < channels_; ++c) {
      const bool dead = source_var_[c] + eps(c) < kSmallestUnit;
      m[c] = dead ? 0 : (mean[c] - source_mean_[c]) / unit[c];
      q[c] = (dead ? 1 : (var[c] + eps(c)) / square(unit[c])) + square(m[c]);
    }
    const bool usable = finite_[static_cast<std::size_t>(i)] != 0 && all_finite(m) && all_finite(q);
    usable_[static_cast<std::size_t>(i)] = usable ? 1 : 0;
    if (!usable) {
      std::fill_n(m, channels_, 0.0);
      std::fill_n(q, channels_, 1.0);
    }
  }

  void sum_images() {
    if (count_ < rule_.block) {
      std::copy_n(running_ + StateSize{}.rows * channels_, kRows * channels_, row(kBlock));
    } else {
      std::fill_n(row(kBlock), kRows * channels_, 0.0);
    }
    std::fill_n(row(kBatchMean), 2 * channels_, 0.0);
    double* mean = row(kBatchMean);
    double* second = row(kBatchSecond);
    double* mean_square = row(kBlock + kBlockMeanSquare);
    double* second_square = row(kBlock + kBlockSecondSquare);
    for (int64_t i = 0; i < images_; ++i) {
      if (usable_[static_cast<std::size_t>(i)] == 0) {
        continue;
      }
      const double* m = each_mean(i);
      const double* q = each_second(i);
      for (int64_t c = 0; c < channels_; ++c) {
        mean[c] += m[c];
        second[c] += q[c];
        mean_square[c] += square(m[c]);
        second_square[c] += square(q[c]);
      }
    }
    double* block_mean = row(kBlock + kBlockMean);
    double* block_second = row(kBlock + kBlockSecond);
    const double divisor = std::max(count_, 1.0);
    for (int64_t c = 0; c < channels_; ++c) {
      block_mean[c] += mean[c];
      block_second[c] += second[c];
      mean[c] /= divisor;
      second[c] /= divisor;
    }
  }

  /// Site::detect_change() of auto.cpp.
  double detect_change() {
    const double size = (count_ < rule_.block ? numbers_[kBlockImages] : 0) + count_;
    const double divisor = std::max(size, 1.0);
    const double* sums = row(kBlock);
    const double* old_m = row(kOldMean);
    const double* old_q = row(kOldSecond);
    Distances distances(channels_);
    distances.set(0, channels_, [&](int64_t c) {
      const double m = sums[c] / divisor;
      const double v = std::max(sums[channels_ + c] / divisor - square(m), kSmallestVariance);
      return Two{m, v, old_m[c], std::max(old_q[c] - square(old_m[c]), kSmallestVariance)};
    });
    distances.evaluate();
    jump_sum_ = stream_[kJumpSum] + distances.mean(0, channels_);
    sites_ = stream_[kSites] + 1;
    const double usual = (numbers_[kJumps] + kPhantomJumps * rule_.jump) / (numbers_[kJumpCount] + kPhantomJumps);
    const double jump = (jump_sum_ + kPhantomSites * usual) / (sites_ + kPhantomSites);
    const double here = distance_within(divisor) * size / std::max(size - 1, 1.0);
    within_sum_ = stream_[kWithinSum] + here;
    const double within = std::max((within_sum_ + kPhantomSites * here) / (sites_ + kPhantomSites), kPhantomSpread);
    const double threshold = std::min(rule_.surprise * usual, rule_.distinct * within);

    const bool full = size >= rule_.block;
    const bool judged = full && numbers_[kHistory] > 0;
    if (judged) {
      numbers_[kJumps] = kJumpDecay * numbers_[kJumps] + std::min(jump, threshold);
      numbers_[kJumpCount] = kJumpDecay * numbers_[kJumpCount] + 1;
    }
    numbers_[kBlockImages] = full ? 0 : size;
    if (full) {
      std::fill_n(row(kBlock), kRows * channels_, 0.0);
    }
    const double keep = judged ? 1 / (1 + std::pow(jump / threshold, kJumpSteepness)) : 1;
    keep_sum_ = stream_[kKeepSum] + keep;
    return keep;
  }

  [[nodiscard]] double distance_within(double images) const {
    const double* mean = row(kBlock + kBlockMean);
    const double* second = row(kBlock + kBlockSecond);
    const double* mean_square = row(kBlock + kBlockMeanSquare);
    const double* second_square = row(kBlock + kBlockSecondSquare);
    double sum = 0;
    for (int64_t c = 0; c < channels_; ++c) {
      const double m = mean[c] / images;
      const double q = second[c] / images;
      const double v = std::max(q - square(m), 0.0) + kVarianceFloor;
      sum += std::clamp(
          (mean_square[c] / images - square(m)) / (8 * v) + (second_square[c] / images - square(q)) / (16 * square(v)),
          0.0, 1.0);
    }
    return sum / static_cast<double>(channels_);
  }

  void add_to_history(double keep) {
    total_ = keep * numbers_[kHistory] + count_;
    const double share = count_ / std::max(total_, 1.0);
    const double* old_m = row(kOldMean);
    const double* old_q = row(kOldSecond);
    const double* batch_m = row(kBatchMean);
    const double* batch_q = row(kBatchSecond);
    double* m = row(kMean);
    double* q = row(kSecond);
    double* v = row(kVariance);
    for (int64_t c = 0; c < channels_; ++c) {
      m[c] = old_m[c] + share * (batch_m[c] - old_m[c]);
      q[c] = old_q[c] + share * (batch_q[c] - old_q[c]);
      v[c] = std::max(q[c] - square(m[c]), 0.0);
    }
    numbers_[kHistory] = std::min(total_, stream_[kMemory] > 0 ? stream_[kMemory] : rule_.memory);
  }

  void measure_spread() {
    const double* m = row(kMean);
    const double* q = row(kSecond);
    const double* v = row(kVariance);
    std::vector<double> each(static_cast<std::size_t>(images_), 0.0);
    at::parallel_for(0, images_, grain(), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        if (usable_[static_cast<std::size_t>(i)] == 0) {
          continue;
        }
        const double* own_m = each_mean(i);
        const double* own_q = each_second(i);
        double sum = 0;
        for (int64_t c = 0; c < channels_; ++c) {
          const double divisor = v[c] + kVarianceFloor;
          sum +=
              std::min(square(own_m[c] - m[c]) / (8 * divisor) + square(own_q[c] - q[c]) / (16 * square(divisor)), 1.0);
        }
        each[static_cast<std::size_t>(i)] = sum / static_cast<double>(channels_);
      }
    });
    double sum = 0;
    for (const double spread : each) {
      sum += spread;
    }
    numbers_[kSpread] = kSpreadDecay * numbers_[kSpread] + sum * count_ / std::max(count_ - 1, 1.0);
    numbers_[kSpreadCount] = kSpreadDecay * numbers_[kSpreadCount] + count_;
    spread_ = (numbers_[kSpread] + kPhantomImages * kPhantomSpread) / (numbers_[kSpreadCount] + kPhantomImages);
  }

  [[nodiscard]] double effective() const {
    const double unknown = images_ > kFirstLookImages ? rule_.concentration : 0;
    const double concentration = stream_[kLooked] > 0 ? stream_[kConcentration] : unknown;
    return 1 / (1 / std::max(total_, 1.0) + rule_.correlation * concentration);
  }

  [[nodiscard]] double own_share() const {
    return rule_.spread == 0 ? 0 : spread_ / (spread_ + rule_.spread) * (positions_ / (positions_ + rule_.positions));
  }

  void use() {
    const double own = own_share();
    const double* m = row(kMean);
    const double* q = row(kSecond);
    const double* v = row(kVariance);
    // Distances of the stream from the source; then of each image, mixed with the stream from the source, its own from
    // the source, its own from the stream. used_.var holds the mixed variances in between.
    Distances distances((1 + 3 * images_) * channels_);
    distances.set(0, channels_, [&](int64_t c) { return Two{m[c], v[c], 0, 1}; });
    at::parallel_for(0, images_, grain(), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const double* own_m = each_mean(i);
        const double* own_q = each_second(i);
        double* mixed_v = data(used_.var) + i * channels_;
        for (int64_t c = 0; c < channels_; ++c) {
          const double mixed = m[c] + own * (own_m[c] - m[c]);
          mixed_v[c] = std::max(q[c] + own * (own_q[c] - q[c]) - square(mixed), 0.0);
        }
        const int64_t first = (1 + 3 * i) * channels_;
        distances.set(first, channels_, [&](int64_t c) {
          return Two{m[c] + own * (own_m[c] - m[c]), mixed_v[c], 0, 1};
        });
        const auto own_v = [&](int64_t c) { return std::max(own_q[c] - square(own_m[c]), kSmallestVariance); };
        distances.set(first + channels_, channels_, [&](int64_t c) { return Two{own_m[c], own_v(c), 0, 1}; });
        distances.set(first + 2 * channels_, channels_, [&](int64_t c) { return Two{own_m[c], own_v(c), m[c], v[c]}; });
        for (int64_t c = 0; c < channels_; ++c) {
          mixed_v[c] = std::max(mixed_v[c], kSmallestVariance);
        }
      }
    });
    distances.evaluate();
    used_.var.log_();
    const double of_stream = distances.mean(0, channels_);
    const double images = effective();
    at::parallel_for(0, images_, grain(), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        weigh(i, own, weight(distances, i, of_stream, images));
      }
    });
    used_.var.exp_();
    at::parallel_for(0, images_, grain(), [&](int64_t begin, int64_t end) {
      const double* unit = row(kUnit);
      for (int64_t i = begin; i < end; ++i) {
        double* var = data(used_.var) + i * channels_;
        for (int64_t c = 0; c < channels_; ++c) {
          var[c] = std::max(square(unit[c]) * var[c] - eps(c), 0.0);
        }
      }
    });
  }

  [[nodiscard]] double weight(const Distances& distances, int64_t i, double of_stream, double images) const {
    const int64_t first = (1 + 3 * i) * channels_;
    const double mixed = distances.mean(first, channels_);
    const double nearer =
        distances.mean(first + channels_, channels_) - distances.mean(first + 2 * channels_, channels_) - of_stream;
    const double shift = std::max(mixed - spread_ / images, 0.0) *
                         std::clamp(1 + rule_.restraint * nearer / (of_stream + kDistanceFloor), 0.0, 1.0);
    const double h = square(shift / rule_.shift);
    return rule_.weight * h / (1 + h) * images / (images + rule_.count);
  }

  /// Mean, and logarithm of the variance in source units, between source and the image's with weight w.
  void weigh(int64_t i, double own, double w) {
    const double* m = row(kMean);
    const double* unit = row(kUnit);
    const double* own_m = each_mean(i);
    double* mean = data(used_.mean) + i * channels_;
    double* log_var = data(used_.var) + i * channels_;
    for (int64_t c = 0; c < channels_; ++c) {
      mean[c] = source_mean_[c] + w * (m[c] + own * (own_m[c] - m[c])) * unit[c];
      log_var[c] *= w;
    }
  }

  /// Without any finite image: what the stream knows, or else the source.
  void use_what_is_known() {
    const bool started = counters_[1] > 0;
    for (int64_t i = 0; i < images_; ++i) {
      std::copy_n(started ? running_ : source_mean_, channels_, data(used_.mean) + i * channels_);
      std::copy_n(started ? running_ + channels_ : source_var_, channels_, data(used_.var) + i * channels_);
    }
  }

  /// Mean and variance of the batch over its finite images, and what it is normalised with.
  void write_last() {
    double* mean = last_;
    double* var = last_ + channels_;
    const auto average = [this](const double* values, double* out, bool finite_only, double count) {
      std::fill_n(out, channels_, 0.0);
      for (int64_t i = 0; i < images_; ++i) {
        if (finite_only && finite_[static_cast<std::size_t>(i)] == 0) {
          continue;
        }
        for (int64_t c = 0; c < channels_; ++c) {
          out[c] += values[i * channels_ + c];
        }
      }
      for (int64_t c = 0; c < channels_; ++c) {
        out[c] /= count;
      }
    };
    average(image_mean_, mean, true, count_);
    average(image_var_, var, true, count_);
    double* between = row(kBatchMean);  // no longer needed
    std::fill_n(between, channels_, 0.0);
    for (int64_t i = 0; i < images_; ++i) {
      if (finite_[static_cast<std::size_t>(i)] != 0) {
        for (int64_t c = 0; c < channels_; ++c) {
          between[c] += square(image_mean_[i * channels_ + c] - mean[c]);
        }
      }
    }
    for (int64_t c = 0; c < channels_; ++c) {
      var[c] += between[c] / count_;
    }
    const auto images = static_cast<double>(images_);
    average(data(used_.mean), last_ + 2 * channels_, false, images);
    average(data(used_.var), last_ + 3 * channels_, false, images);
  }

  /// The next state; a batch with an image that is not finite counts as rejected and moves nothing.
  void advance() {
    if (count_ != static_cast<double>(images_)) {
      counters_[2] += 1;
      return;
    }
    const double* m = row(kMean);
    const double* v = row(kVariance);
    const double* unit = row(kUnit);
    for (int64_t c = 0; c < channels_; ++c) {
      running_[c] = source_mean_[c] + m[c] * unit[c];
      running_[channels_ + c] = std::max(square(unit[c]) * v[c] - eps(c), 0.0);
    }
    std::copy_n(row(kBlock), kRows * channels_, running_ + StateSize{}.rows * channels_);
    counters_[0] += count_;
    counters_[1] += 1;
    std::copy_n(numbers_.begin(), kNumbers, counters_ + StateSize{}.counters);
    stream_[kJumpSum] = jump_sum_;
    stream_[kWithinSum] = within_sum_;
    stream_[kSites] = sites_;
    stream_[kKeepSum] = keep_sum_;
  }

  [[nodiscard]] int64_t grain() const { return std::max<int64_t>(1, kGrain / std::max<int64_t>(channels_, 1)); }

  const rule::Auto& rule_;
  int64_t images_, channels_;
  double positions_;
  const double* source_mean_;
  const double* source_var_;
  const double* eps_;
  int64_t eps_step_;
  const double* image_mean_;
  const double* image_var_;
  double* running_;
  double* counters_;
  double* last_;
  double* stream_;
  at::Tensor scratch_;
  Moments used_;
  std::vector<char> finite_;
  std::vector<char> usable_;  ///< finite in source units, too; others are at the source and weigh nothing
  std::array<double, kNumbers> numbers_{};
  double count_ = 0;  ///< finite images
  double jump_sum_ = 0, within_sum_ = 0, sites_ = 0, keep_sum_ = 0;
  double total_ = 0;   ///< images of the history with this batch
  double spread_ = 0;  ///< of the images about their stream
};

}  // namespace

bool lie_in_memory(const Moments& source, const at::Tensor& eps, const ImageMoments& images, const SiteState& state) {
  return lies_in_memory(source.mean) && lies_in_memory(source.var) && lies_in_memory(eps) &&
         lies_in_memory(images.each.mean) && lies_in_memory(images.each.var) && lies_in_memory(state.running) &&
         lies_in_memory(state.counters) && lies_in_memory(state.last) && lies_in_memory(state.stream);
}

Moments step_in_loops(const rule::Auto& rule, const Moments& source, const at::Tensor& eps, const ImageMoments& images,
                      SiteState& state) {
  return Loops(rule, source, eps, images, state).run();
}

}  // namespace ttscale::stats
