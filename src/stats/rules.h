// SPDX-License-Identifier: MIT
// What a rule is to the operator: a pure function of source moments, batch moments and the stream's state. One file a
// rule in rules/.
#pragma once

#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "stats/moments.h"
#include "ttscale/rule.h"

namespace ttscale::stats {

/// How many numbers a rule keeps: rows [.., C] and single numbers of each site, and numbers of the stream.
struct StateSize {
  std::int64_t rows = 2;      ///< running mean and variance; then the rule's own
  std::int64_t counters = 3;  ///< images, batches, batches rejected; then the rule's own
  std::int64_t stream = 0;    ///< shared by all sites
  /// Of them the last, which are written before they are read in every forward: not worth keeping.
  std::int64_t scratch = 0;
  /// Further rows at the first sites of a stream, behind the others: at so many, and not beyond the first half.
  std::int64_t early_rows = 0;
  std::int64_t early_sites = 0;

  /// Rows of the site of this index in a stream of so many.
  [[nodiscard]] std::int64_t rows_at(std::int64_t site, std::int64_t sites) const {
    return site < early_sites && site < sites / 2 ? rows + early_rows : rows;
  }
};
StateSize state_size(const Rule& rule);
StateSize state_size(const rule::Auto& rule);
StateSize state_size(const rule::UnMixTns& rule);
StateSize state_size(const rule::Tema& rule);
StateSize state_size(const rule::Rotta& rule);
StateSize state_size(const rule::Ttn& rule);

/// What a rule sees at one site for one batch.
struct RuleInput {
  Moments source;
  at::Tensor eps;  ///< [] or [C] of the layer
  Moments images;  ///< of each image, [N, C]
  BatchMoments batch;
  at::Tensor medians;  ///< as in ImageMoments
  Moments running;     ///< the state, [C]; the source before the first batch
  at::Tensor seen;     ///< [] images in the state
  at::Tensor batches;  ///< [] batches in the state
  at::Tensor rows;     ///< [.., C], the rule's own
  at::Tensor numbers;  ///< [..], the rule's own
  at::Tensor stream;   ///< [..], as the sites ahead and the last forward left it; its scratch may be written
};

/// What it answers. A rule without state returns `running` as it came. Own state that is undefined stays as it is.
struct RuleOutput {
  Moments used;     ///< to normalise this batch with, [C] or [N, C]
  Moments running;  ///< next state, [C]
  at::Tensor rows = {};
  at::Tensor numbers = {};
  at::Tensor stream = {};  ///< the first numbers of it
};

RuleOutput evaluate(const rule::Source& rule, const RuleInput& in);
RuleOutput evaluate(const rule::Batch& rule, const RuleInput& in);
RuleOutput evaluate(const rule::Prior& rule, const RuleInput& in);
RuleOutput evaluate(const rule::Alpha& rule, const RuleInput& in);
RuleOutput evaluate(const rule::Ema& rule, const RuleInput& in);
RuleOutput evaluate(const rule::Cumulative& rule, const RuleInput& in);
RuleOutput evaluate(const rule::Dua& rule, const RuleInput& in);
RuleOutput evaluate(const rule::Auto& rule, const RuleInput& in);
RuleOutput evaluate(const rule::Iabn& rule, const RuleInput& in);
RuleOutput evaluate(const rule::Rbn& rule, const RuleInput& in);
RuleOutput evaluate(const rule::Tbr& rule, const RuleInput& in);
RuleOutput evaluate(const rule::AdaMixBn& rule, const RuleInput& in);
RuleOutput evaluate(const rule::UnMixTns& rule, const RuleInput& in);
RuleOutput evaluate(const rule::MedBn& rule, const RuleInput& in);
RuleOutput evaluate(const rule::MixNorm& rule, const RuleInput& in);
RuleOutput evaluate(const rule::Tema& rule, const RuleInput& in);
RuleOutput evaluate(const rule::Rotta& rule, const RuleInput& in);
RuleOutput evaluate(const rule::Ttn& rule, const RuleInput& in);

/// The state of one site in tensors that are updated in place: float64, same device as the activations, of the sizes of
/// state_size(). All zero is "nothing seen yet", but for the rows of a rule with needs_weights().
struct SiteState {
  at::Tensor running;   ///< [2.., C] running mean and variance, rows of the rule; with or without StateSize::early_rows
  at::Tensor counters;  ///< [3..] images, batches, batches rejected, numbers of the rule
  at::Tensor
      last;  ///< [4, C] of the last batch: its mean and biased variance, the mean and variance it was normalised with
  at::Tensor stream;  ///< [..] of the stream: the same tensor at all sites
};

/// Whether a stream of the rule begins with rows of its own that the reference holds: not all zero.
bool needs_weights(const Rule& rule);

/// Those rows [.., C] of a site, from what calibration under shifts has measured [C] (ttscale/reference.h).
at::Tensor weight_rows(const at::Tensor& domain_shift, const at::Tensor& image_spread);

/// Evaluates a rule for a batch, protects degenerate cases and advances the state in place. Returns the moments to
/// normalise with. `eps` is the layer's, [] or [C].
///  - Images with NaN or Inf count for nothing; a batch that holds any leaves `running` untouched and counts as
///  rejected.
///  - Without a finite image: the stream's statistics so far, or the source's for a rule without state.
///  - With part=mean or part=variance the other one is the source's.
///  - A dead channel, whose variance in the batch is below `kDeadShare` of its source's, counts with the source
///  variance: its noise is never amplified. auto takes it as it is: it mixes logarithms of variances with a weight w of
///  at most its `weight`, so that a spread of s source deviations becomes s^(1 - w): amplified, but never beyond
///  the source's.
Moments step(const Rule& rule, const Moments& source, const at::Tensor& eps, const ImageMoments& images,
             SiteState& state);

/// step() by operators on tensors, which every device has. Over main memory step() takes loops for what is around the
/// rule, and for auto itself.
Moments step_in_tensors(const Rule& rule, const Moments& source, const at::Tensor& eps, const ImageMoments& images,
                        SiteState& state);

/// The moments [C] that a stream of this state normalises its next images with, apart from what these images add
/// themselves. For rules with has_state().
Moments settled(const rule::Auto& rule, const Moments& source, const at::Tensor& eps, const SiteState& state);
Moments settled(const rule::Tema& rule, const Moments& source, const at::Tensor& eps, const SiteState& state);
Moments settled(const Rule& rule, const Moments& source, const at::Tensor& eps, const SiteState& state);

/// Before the first site of a forward: what sites hand on to each other starts anew. `classes` says whether finish()
/// will see class scores.
void begin(const Rule& rule, at::Tensor& stream, bool classes);
void begin(const rule::Auto& rule, at::Tensor& stream, bool classes);
void begin(const rule::UnMixTns& rule, at::Tensor& stream, bool classes);
void begin(const rule::Tema& rule, at::Tensor& stream, bool classes);
void begin(const rule::Rotta& rule, at::Tensor& stream, bool classes);

/// After the last site: what the next forward takes from the scores [N, K] of this one. Scores of another shape tell
/// nothing; of several outputs the first counts.
void finish(const Rule& rule, const at::Tensor& scores, at::Tensor& stream);
/// Whether the rule takes anything from them.
bool takes_scores(const Rule& rule);
void finish(const rule::Auto& rule, const at::Tensor& scores, at::Tensor& stream);
void finish(const rule::Rotta& rule, const at::Tensor& scores, at::Tensor& stream);

/// Takes over what a first look at a batch told of its classes: `looked` is the stream's part after that forward,
/// `stream` the one to go on with. A first look is for rules with looks_first() and batches of more than
/// kFirstLookImages.
void take_first_look(const Rule& rule, const at::Tensor& looked, at::Tensor& stream);
void take_first_look(const rule::Auto& rule, const at::Tensor& looked, at::Tensor& stream);
bool looks_first(const Rule& rule);

/// What the rule has found out about its stream, in words.
std::vector<std::string> findings(const Rule& rule, const at::Tensor& stream);
std::vector<std::string> findings(const rule::Auto& rule, const at::Tensor& stream);
inline constexpr std::int64_t kFirstLookImages = 4;

/// A channel at 1e-5 of its source variance holds less than half a grey level of contrast for 8-bit images of ordinary
/// contrast (standard deviation 0.25): what is left is noise. Published shifts stay well above (contrast at severity 5
/// of ImageNet-C: 2.5e-3).
inline constexpr double kDeadShare = 1e-5;

/// `moments` where the rule follows the stream, else `source`.
Moments select_part(const Rule& rule, const Moments& source, const Moments& moments);

/// Whether the rule carries statistics from batch to batch; those that sample do.
bool has_state(const Rule& rule);

/// Whether the rule reads ImageMoments::medians, which cost a sort of the activations.
bool needs_medians(const Rule& rule);

/// The eps that replaces the layer's own, if the rule sets one.
std::optional<double> eps_override(const Rule& rule);

}  // namespace ttscale::stats
