// SPDX-License-Identifier: MIT
// Counts of pairs, McNemar's test and the paired bootstrap.
#include "metrics/paired.h"

#include <algorithm>
#include <limits>
#include <map>
#include <random>
#include <string>

#include "metrics/binomial.h"
#include "metrics/labels.h"
#include "ttscale/error.h"

namespace ttscale::metrics {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

std::int64_t& field_of(PairedCounts& counts, std::int64_t source, std::int64_t adapted, std::int64_t label) {
  if (source == label) {
    return adapted == label ? counts.both_right : counts.broken;
  }
  if (adapted == label) {
    return counts.repaired;
  }
  return source == adapted ? counts.both_wrong_same : counts.both_wrong_different;
}

void check(const BootstrapOptions& options) {
  if (options.resamples < 1) {
    throw UsageError("bootstrap: expected at least one resample, found " + std::to_string(options.resamples));
  }
  if (!(options.level > 0 && options.level < 1)) {
    throw UsageError("bootstrap: expected a level between 0 and 1, found " + std::to_string(options.level));
  }
}

/// Uniform numbers in [0, 1) with 53 bits. The engine is fixed by the C++ standard; its distributions are not.
class Uniform {
 public:
  explicit Uniform(std::uint64_t seed) : engine_(seed) {}
  double operator()() { return static_cast<double>(engine_() >> 11U) * 0x1p-53; }

 private:
  std::mt19937_64 engine_;
};

/// Repaired less broken of each resample, in ascending order.
std::vector<std::int64_t> resample(const PairedCounts& counts, const BootstrapOptions& options) {
  const std::int64_t discordant = counts.repaired + counts.broken;
  const BinomialTable drawn_discordant(counts.images(), discordant, counts.images());
  std::map<std::int64_t, BinomialTable> drawn_repaired;  // by the number of discordant images
  Uniform uniform(options.seed);
  std::vector<std::int64_t> differences(static_cast<std::size_t>(options.resamples));
  for (std::int64_t& difference : differences) {
    const std::int64_t drawn = drawn_discordant.draw(uniform());
    const double second = uniform();
    if (drawn > 0) {
      const auto& table = drawn_repaired.try_emplace(drawn, drawn, counts.repaired, discordant).first->second;
      difference = 2 * table.draw(second) - drawn;
    }
  }
  std::sort(differences.begin(), differences.end());
  return differences;
}

}  // namespace

void PairedCounts::add(const std::vector<Prediction>& source, const std::vector<Prediction>& adapted,
                       const at::Tensor& labels) {
  if (source.size() != adapted.size()) {
    throw UsageError("paired comparison: expected predictions of both rules for the same images, found " +
                     std::to_string(source.size()) + " and " + std::to_string(adapted.size()));
  }
  const std::int64_t* label = labels_of(labels, source.size(), "paired comparison");
  for (std::size_t i = 0; i < source.size(); ++i) {
    ++field_of(*this, source[i].index, adapted[i].index, label[i]);
  }
}

void PairedCounts::merge(const PairedCounts& other) {
  both_right += other.both_right;
  repaired += other.repaired;
  broken += other.broken;
  both_wrong_same += other.both_wrong_same;
  both_wrong_different += other.both_wrong_different;
}

std::int64_t PairedCounts::images() const {
  return both_right + repaired + broken + both_wrong_same + both_wrong_different;
}

double PairedCounts::difference() const {
  return images() > 0 ? static_cast<double>(repaired - broken) / static_cast<double>(images()) : kNone;
}

double mcnemar_p(const PairedCounts& counts) {
  const std::int64_t fewer = std::min(counts.repaired, counts.broken);
  return std::min(1.0, 2 * fair_binomial_tail(fewer, counts.repaired + counts.broken));
}

Interval bootstrap_interval(const PairedCounts& counts, const BootstrapOptions& options) {
  check(options);
  if (counts.images() == 0) {
    return {};
  }
  const std::vector<std::int64_t> sorted = resample(counts, options);
  const auto cut = static_cast<std::size_t>((1 - options.level) / 2 * static_cast<double>(sorted.size()));
  const auto images = static_cast<double>(counts.images());
  return {static_cast<double>(sorted[cut]) / images, static_cast<double>(sorted[sorted.size() - 1 - cut]) / images};
}

}  // namespace ttscale::metrics
