// SPDX-License-Identifier: MIT
// ttn: source s and batch b mixed, channel by channel, by weights found before the stream begins (Lim et al. 2023,
// "TTN: a domain-shift aware batch normalization in test-time adaptation"):
//   mean = (1 - a) ms + a mb,  var = (1 - a) vs + a vb + a (1 - a) (mb - ms)^2.
// The paper trains a on labelled images of the source: it starts at how much the gradients of the affine parameters
// change under augmentation, and then follows the cross entropy. Here nothing is trained: calibration under shifts
// (Calibration::add_shifted) measures two numbers a channel,
//   T: mean over domains d of (md - ms)^2, how far a domain moves the channel,
//   S: variance of the means of single images within a domain,
// and for a batch of n images
//   a = T / (T + S / n).
// Why: a domain's mean is ms + t with E t^2 = T, and the batch's mean is that plus an error e, independent of t, with
// E e^2 = S / n. The estimate (1 - a) ms + a mb is off by a e - (1 - a) t, so that its expected squared error is
//   a^2 S / n + (1 - a)^2 T,
// which is least at a = T / (T + S / n): the empirical Bayes estimate of one mean among many (Efron & Morris 1973).
// Small batches and channels that images move more than domains do stay near the source; channels that domains move
// follow the batch. Images of one batch must be independent for it: in a stream sorted by class S / n is too small.
//
// A channel that no domain moves (T = 0) is the source's. There is no code of the authors to differ from: no
// `published`.
#include <ATen/ATen.h>

#include "stats/rules.h"

namespace ttscale::stats {
namespace {

/// The rule's own rows, which never change.
enum Row : std::int64_t { kShift, kSpread, kRows };

}  // namespace

StateSize state_size(const rule::Ttn&) {
  StateSize size;
  size.rows += kRows;
  return size;
}

at::Tensor weight_rows(const at::Tensor& domain_shift, const at::Tensor& image_spread) {
  return at::stack({domain_shift, image_spread});
}

RuleOutput evaluate(const rule::Ttn&, const RuleInput& in) {
  const at::Tensor shift = in.rows[kShift];
  const at::Tensor share = shift / (shift + in.rows[kSpread] / in.batch.images);
  const at::Tensor weight = at::where(shift > 0, share, at::zeros({}, share.options()));
  return {mix(in.source, in.batch.pooled, weight, Mixing::kTotal), in.running};
}

}  // namespace ttscale::stats
