// SPDX-License-Identifier: MIT
// Rules with a sample below 1: only a part of the images is measured, and the others take the moments that the rule has
// by then.
#pragma once

#include <cstdint>
#include <optional>

#include "stats/rules.h"

namespace ttscale::stats {

/// The share of images that the rule measures, if it is not all. Such a rule has counters and numbers of the stream
/// for it, and keeps for its next images what it used, also where it has no state otherwise.
std::optional<double> sample_share(const Rule& rule);
StateSize sampling_state_size();

/// Whether images that are not measured take the moments from before their batch.
bool lags(const Rule& rule);

/// Images of a batch that are measured: `count` from `first` on, for all `of` of it.
struct Sample {
  std::int64_t first = 0;
  std::int64_t count = 0;
  std::int64_t of = 0;
};

/// Which of the next `images` images of a site are measured: all, but for rules that sample. Those of large batches
/// form a block that moves on from batch to batch; where it would have fewer than two images, a whole batch is taken
/// once its share has gone by since the last. On devices other than the CPU, which must not be asked, always all.
Sample next_sample(const Rule& rule, std::int64_t images, const SiteState& state);

/// What is measured of the forwards that follow, for all sites of a stream: as is due, nothing, or all of what comes as
/// a sample of `count` of the `of` images of a batch. (A site may see several crops of an image.)
enum class Measure { kAsDue, kNothing, kAll };
void set_measure(at::Tensor& stream, Measure what, std::int64_t count = 1, std::int64_t of = 1);

/// Counts the images `images` that came to a site, of which `sample` is measured.
void count_offered(const Rule& rule, std::int64_t images, const Sample& sample, SiteState& state);

/// How many images came to a site so far. On the CPU alone.
double offered(const SiteState& state);

/// The moments [C] that a rule which samples has for images that are not measured: the source's before the first one.
Moments known_moments(const Rule& rule, const Moments& source, const SiteState& state);

}  // namespace ttscale::stats
