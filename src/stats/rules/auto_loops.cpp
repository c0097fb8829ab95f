// SPDX-License-Identifier: MIT
// auto in loops: what is a number a site or an image is here, what is a number a channel in cpu/auto_kernels.h.
#include "stats/rules/auto_loops.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include <ATen/ATen.h>

#include "stats/cpu/auto_kernels.h"
#include "stats/main_memory.h"
#include "stats/rules/auto_batch.h"
#include "stats/rules/auto_constants.h"
#include "stats/rules/auto_neighbour_loops.h"
#include "stats/rules/auto_state.h"

namespace ttscale::stats {
namespace {

using namespace auto_constants;
using namespace auto_state;
using std::int64_t;

double* data(const at::Tensor& t) { return t.data_ptr<double>(); }

/// One batch at one site. Means and second moments are about the source mean and in units of its deviation, as in
/// auto.cpp; [C] a row, [N, C] where each image has its own.
class Loops {
 public:
  Loops(const rule::Auto& rule, const AutoKernels& kernels, const Moments& source, const at::Tensor& eps,
        const ImageMoments& images, SiteState& state)
      : rule_(rule),
        kernels_(kernels),
        images_(images.each.mean.size(0)),
        channels_(images.each.mean.size(1)),
        stride_(AutoBatch::stride_of(channels_)),
        positions_(static_cast<double>(images.pixels)),
        source_mean_(data(source.mean)),
        source_var_(data(source.var)),
        image_mean_(data(images.each.mean)),
        image_var_(data(images.each.var)),
        running_(data(state.running)),
        counters_(data(state.counters)),
        last_(data(state.last)),
        stream_(data(state.stream)),
        neighbours_(rule, kernels, state.running.size(0) > StateSize{}.rows + kRows ? NeighbourLayout(rule).slots() : 0,
                    images_, running_ + (StateSize{}.rows + kRows) * channels_, stream_),
        scratch_(at::empty({kScratchRows + 2 * images_ + neighbours_.scratch_rows(), stride_}, at::kDouble)),
        scratch_rows_(data(scratch_)),
        rows_{channels_,    source_mean_,   source_var_,     data(eps),         eps.dim() == 0 ? 0 : 1,
              row(kUnit),   row(kInverse),  row(kOldMean),   row(kOldSecond),   row(kMean),
              row(kSecond), row(kVariance), row(kDeviation), row(kSpreadScale), row(kSpreadRoot)},
        batch_{rows_, images_, stride_, row(kScratchRows), row(kScratchRows + images_)},
        batch_sums_{row(kBatch), stride_},
        block_{row(kBlock), stride_},
        used_{at::empty({images_, channels_}, at::kDouble), at::empty({images_, channels_}, at::kDouble)} {
    std::copy_n(counters_ + StateSize{}.counters, kNumbers, numbers_.begin());
  }

  Moments run() {
    to_source_units();
    sum_images();
    const double keep = detect_change();
    add_to_history(keep);
    measure_spread();
    if (count_ > 0) {
      if (count_ == static_cast<double>(images_)) {
        neighbours_.find(batch_, row(kScratchRows + 2 * images_), spread_, repetition(), effective());
      }
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
    kUnit,
    kInverse,
    kOldMean,
    kOldSecond,
    kMean,
    kSecond,
    kVariance,
    kDeviation,
    kSpreadScale,
    kSpreadRoot,
    kBatch,                            // sums of the batch: four rows
    kBlock = kBatch + int64_t{kRows},  // and of the block with it
    kScratchRows = kBlock + int64_t{kRows}
  };

  [[nodiscard]] double* row(int64_t index) const { return scratch_rows_ + index * stride_; }
  [[nodiscard]] bool usable(int64_t image) const { return usable_[static_cast<std::size_t>(image)] != 0; }
  [[nodiscard]] double mean_over_channels(double sum) const { return batch_.mean_over_channels(sum); }

  void to_source_units() {
    const bool started = counters_[1] > 0;
    kernels_.units(rows_, started ? running_ : source_mean_, started ? running_ + channels_ : source_var_);
    finite_.resize(static_cast<std::size_t>(images_));
    usable_.resize(finite_.size());
    batch_.for_images([this](int64_t i) {
      const AutoImage image = kernels_.image(rows_, image_mean_ + i * channels_, image_var_ + i * channels_,
                                             batch_.mean(i), batch_.second(i));
      finite_[static_cast<std::size_t>(i)] = image.finite ? 1 : 0;
      usable_[static_cast<std::size_t>(i)] = image.usable ? 1 : 0;
    });
    count_ = static_cast<double>(std::count(finite_.begin(), finite_.end(), 1));
  }

  void sum_images() {
    // A batch that is a block by itself is not mixed with what a smaller one before it has left over.
    const bool goes_on = count_ < rule_.block;
    const double* before = running_ + StateSize{}.rows * channels_;
    for (int64_t r = 0; r < kRows; ++r) {
      double* end = goes_on ? std::copy_n(before + r * channels_, channels_, row(kBlock + r)) : row(kBlock + r);
      std::fill(end, row(kBlock + r + 1), 0.0);
    }
    batch_.for_channels([this](int64_t first, int64_t end) {
      kernels_.sum(batch_.mean(0), batch_.second(0), stride_, usable_.data(), images_, first, end, batch_sums_, block_);
    });
  }

  /// Site::detect_change() of auto.cpp.
  double detect_change() {
    const double size = (count_ < rule_.block ? numbers_[kBlockImages] : 0) + count_;
    const double divisor = std::max(size, 1.0);
    jump_sum_ = stream_[kJumpSum] + mean_over_channels(kernels_.jump(rows_, block_, divisor));
    sites_ = stream_[kSites] + 1;
    const double usual = (numbers_[kJumps] + kPhantomJumps * rule_.jump) / (numbers_[kJumpCount] + kPhantomJumps);
    const double jump = (jump_sum_ + kPhantomSites * usual) / (sites_ + kPhantomSites);
    const double here = mean_over_channels(kernels_.within(rows_, block_, divisor)) * size / std::max(size - 1, 1.0);
    within_sum_ = stream_[kWithinSum] + here;
    const double within = std::max((within_sum_ + kPhantomSites * here) / (sites_ + kPhantomSites), kPhantomSpread);
    const double fewer = std::max(stream_[kLatest] - stream_[kConcentration], 0.0) / kFewClasses;
    const double few = fewer * fewer;
    const double far = 1 + (rule_.few_classes - 1) * few / (1 + few);
    const double near = std::min(rule_.surprise * usual, rule_.distinct * within);
    const double threshold = far * near;

    const bool full = size >= rule_.block;
    const bool judged = full && numbers_[kHistory] > 0;
    if (judged) {
      numbers_[kJumps] = kJumpDecay * numbers_[kJumps] + std::min(jump, near);
      numbers_[kJumpCount] = kJumpDecay * numbers_[kJumpCount] + 1;
    }
    numbers_[kBlockImages] = full ? 0 : size;
    if (full) {
      std::fill_n(row(kBlock), kRows * stride_, 0.0);
    }
    const double keep = judged ? 1 / (1 + std::pow(jump / threshold, kJumpSteepness)) : 1;
    keep_sum_ = stream_[kKeepSum] + keep;
    return keep;
  }

  void add_to_history(double keep) {
    total_ = keep * numbers_[kHistory] + count_;
    const double share = count_ / std::max(total_, 1.0);
    of_stream_ = mean_over_channels(kernels_.history(rows_, batch_sums_, std::max(count_, 1.0), share));
    numbers_[kHistory] = std::min(total_, stream_[kRemembered] > 0 ? stream_[kRemembered] : rule_.memory);
  }

  void measure_spread() {
    std::vector<double> each(static_cast<std::size_t>(images_), 0.0);
    batch_.for_images([&](int64_t i) {
      if (usable(i)) {
        each[static_cast<std::size_t>(i)] =
            mean_over_channels(kernels_.spread(rows_, batch_.mean(i), batch_.second(i)));
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

  [[nodiscard]] double repetition() const {
    const double unknown = images_ > kFirstLookImages ? rule_.concentration : 0;
    return rule_.correlation * (stream_[kLooked] > 0 ? stream_[kConcentration] : unknown);
  }

  [[nodiscard]] double effective() const { return 1 / (1 / std::max(total_, 1.0) + repetition()); }

  [[nodiscard]] double own_share() const {
    return rule_.spread == 0 ? 0 : spread_ / (spread_ + rule_.spread) * (positions_ / (positions_ + rule_.positions));
  }

  void use() {
    const double own = own_share();
    const double images = effective();
    batch_.for_images([&](int64_t i) {
      double* mean = data(used_.mean) + i * channels_;
      double* var = data(used_.var) + i * channels_;
      const auto with = [&](const AutoRows& rows, double of_source, double worth) {
        const AutoDistances distances = kernels_.distances(rows, batch_.mean(i), batch_.second(i), own, var);
        kernels_.mix(rows, batch_.mean(i), own, weight(distances, of_source, worth), mean, var);
      };
      if (neighbours_.share() > 0) {
        with(neighbours_.rows_around(i), neighbours_.from_source(i), neighbours_.worth(i));
      } else {
        with(rows_, of_stream_, images);
      }
    });
  }

  /// `of_stream`: distance of the stream, or what stands for it, from the source; `images` that this is worth.
  [[nodiscard]] double weight(const AutoDistances& distances, double of_stream, double images) const {
    const double mixed = mean_over_channels(distances.mixed_to_source);
    const double nearer =
        mean_over_channels(distances.own_to_source) - mean_over_channels(distances.own_to_stream) - of_stream;
    const double shift = std::max(mixed - spread_ / images, 0.0) *
                         std::clamp(1 + rule_.restraint * nearer / (of_stream + kDistanceFloor), 0.0, 1.0);
    const double ratio = shift / rule_.shift;
    const double h = ratio * ratio;
    return rule_.weight * h / (1 + h) * images / (images + rule_.count);
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
    batch_.for_channels([this](int64_t first, int64_t end) {
      kernels_.average(image_mean_, image_var_, channels_, finite_.data(), images_, /*with_between=*/true, first, end,
                       last_, last_ + channels_);
      kernels_.average(data(used_.mean), data(used_.var), channels_, nullptr, images_, /*with_between=*/false, first,
                       end, last_ + 2 * channels_, last_ + 3 * channels_);
    });
  }

  /// The next state; a batch with an image that is not finite counts as rejected and moves nothing.
  void advance() {
    if (count_ != static_cast<double>(images_)) {
      counters_[2] += 1;
      return;
    }
    kernels_.store(rows_, running_, running_ + channels_);
    for (int64_t r = 0; r < kRows; ++r) {
      std::copy_n(row(kBlock + r), channels_, running_ + (StateSize{}.rows + r) * channels_);
    }
    counters_[0] += count_;
    counters_[1] += 1;
    std::copy_n(numbers_.begin(), kNumbers, counters_ + StateSize{}.counters);
    stream_[kJumpSum] = jump_sum_;
    stream_[kWithinSum] = within_sum_;
    stream_[kSites] = sites_;
    stream_[kKeepSum] = keep_sum_;
    stream_[kCompared] += neighbours_.compared() ? 1 : 0;
    if (neighbours_.keeps()) {
      stream_[kImages] = static_cast<double>(images_);
    }
  }

  const rule::Auto& rule_;
  const AutoKernels& kernels_;
  int64_t images_, channels_;
  int64_t stride_;  ///< from a row of scratch to the next
  double positions_;
  const double* source_mean_;
  const double* source_var_;
  const double* image_mean_;
  const double* image_var_;
  double* running_;
  double* counters_;
  double* last_;
  double* stream_;
  NeighbourLoops neighbours_;
  at::Tensor scratch_;
  double* scratch_rows_;
  AutoRows rows_;
  AutoBatch batch_;
  AutoSums batch_sums_, block_;
  Moments used_;
  std::vector<char> finite_;
  std::vector<char> usable_;  ///< finite in source units, too; others are at the source and weigh nothing
  std::array<double, kNumbers> numbers_{};
  double count_ = 0;  ///< finite images
  double jump_sum_ = 0, within_sum_ = 0, sites_ = 0, keep_sum_ = 0;
  double total_ = 0;      ///< images of the history with this batch
  double of_stream_ = 0;  ///< distance of the stream from the source
  double spread_ = 0;     ///< of the images about their stream
};

}  // namespace

bool lie_in_memory(const Moments& source, const at::Tensor& eps, const ImageMoments& images, const SiteState& state) {
  return lies_in_memory(source.mean) && lies_in_memory(source.var) && lies_in_memory(eps) &&
         lies_in_memory(images.each.mean) && lies_in_memory(images.each.var) && lies_in_memory(state.running) &&
         lies_in_memory(state.counters) && lies_in_memory(state.last) && lies_in_memory(state.stream);
}

Moments step_in_loops(const rule::Auto& rule, const Moments& source, const at::Tensor& eps, const ImageMoments& images,
                      SiteState& state, Isa isa) {
  return Loops(rule, auto_kernels(isa), source, eps, images, state).run();
}

}  // namespace ttscale::stats
