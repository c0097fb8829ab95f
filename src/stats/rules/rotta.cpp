// SPDX-License-Identifier: MIT
// rotta: rbn fed from a memory of images (Yuan et al. 2023, "Robust test-time adaptation in dynamic scenarios"). The
// memory holds `slots` images, alike many of each predicted class, sooner the new and the sure (rotta_stream.cpp). With
// M the pooled mean and biased variance of its images, r <- (1 - m)^k r + (1 - (1 - m)^k) M after images that are worth
// k updates; a batch is normalised with r as the images before it have left it, from the source on.
//
// What a memory is without gradients and in one forward: the paper keeps images and sends all of them through the model
// at every update. Here each site keeps the moments that the images had when they came, `slots` of them, and as many of
// the last forward until its predictions are known: 4 slots + 2 rows a channel. Of a batch only the last `slots` images
// can come into memory. Without class scores [N, K] there is one class, and all are equally sure. A model whose output
// is no tensor of scores stays at the source.
//
// Published: an update is made at every full `interval` of images. Here each image counts for its share of an interval
// at once (k is no whole number), so that speed does not depend on how images are batched. The authors' code overwrites
// the source statistics, which makes a reset impossible; here they stay in either variant.
#include <ATen/ATen.h>

#include <algorithm>

#include "stats/rules.h"
#include "stats/rules/rotta_state.h"

namespace ttscale::stats {
namespace {

using namespace rotta_state;

std::int64_t slots_of(const rule::Rotta& rule) { return static_cast<std::int64_t>(rule.slots); }

/// The memory of one site.
struct Memory {
  Moments images;     ///< [slots, C]
  at::Tensor filled;  ///< [slots, 1]: 1 or 0
};

at::Tensor block(const RuleInput& in, std::int64_t slots, Block which) {
  return in.rows.narrow(0, which * slots, slots);
}

/// The memory with the pending images moved to the slots that they have been given. `fresh` []: whether that is still
/// to be done.
Memory moved(const RuleInput& in, std::int64_t slots, const at::Tensor& fresh) {
  const at::Tensor from = in.stream.narrow(0, kSlots + kFrom * slots, slots);
  // A site in a branch, or one that sees other images than the output has, cannot tell which of its rows are meant: the
  // slot is empty there.
  const at::Tensor known = (in.numbers[kPendingForward] == in.stream[kAssigned])
                               .logical_and(in.numbers[kPendingImages] == in.stream[kImages]);
  const at::Tensor given = fresh.logical_and(from > 0);
  const at::Tensor take = given.logical_and(known).unsqueeze(1);
  const at::Tensor rows = (from - 1).clamp_min(0).to(at::kLong);
  const auto pick = [&](Block memory, Block pending) {
    return at::where(take, block(in, slots, pending).index_select(0, rows), block(in, slots, memory));
  };
  const at::Tensor filled = in.numbers.narrow(0, kFilled, slots);
  return {{pick(kMemoryMean, kPendingMean), pick(kMemoryVar, kPendingVar)},
          at::where(given, known.to(at::kDouble), filled).unsqueeze(1)};
}

/// Pooled moments of the memory; of an empty one, those of the source.
Moments pooled(const Memory& memory, const Moments& source) {
  const at::Tensor count = memory.filled.sum().clamp_min(1);
  const at::Tensor mean = (memory.images.mean * memory.filled).sum(0) / count;
  const at::Tensor between = ((memory.images.mean - mean).square() * memory.filled).sum(0) / count;
  const at::Tensor var = (memory.images.var * memory.filled).sum(0) / count + between;
  const at::Tensor alive = at::where(var < kDeadShare * source.var, source.var, var);
  return where(memory.filled.sum() > 0, {mean, alive}, source);
}

/// The last `slots` of the rows, and zeros behind them where they are fewer.
at::Tensor last_rows(const at::Tensor& rows, std::int64_t slots) {
  const std::int64_t count = std::min(rows.size(0), slots);
  return at::cat(
      {rows.narrow(0, rows.size(0) - count, count), at::zeros({slots - count, rows.size(1)}, rows.options())});
}

}  // namespace

StateSize state_size(const rule::Rotta& rule) {
  const std::int64_t slots = slots_of(rule);
  StateSize size;
  size.rows += kBlocks * slots;
  size.counters += kFilled + slots;
  size.stream = kSlots + kSlotBlocks * slots;
  return size;
}

RuleOutput evaluate(const rule::Rotta& rule, const RuleInput& in) {
  const std::int64_t slots = slots_of(rule);
  const at::Tensor fresh = in.stream[kAssigned] != in.numbers[kDone];
  const Memory memory = moved(in, slots, fresh);
  const at::Tensor steps = in.stream[kSteps] * fresh * (memory.filled.sum() > 0);
  const at::Tensor momentum = 1 - at::pow(1 - rule.momentum, steps);
  const Moments next = mix(in.running, pooled(memory, in.source), momentum, Mixing::kConvex);

  // As they are: an image of one pixel has no spread of its own, and the pool has the spread between images. One that
  // is not finite never comes here, since its batch is refused.
  const Moments& images = in.images;
  RuleOutput out{next, next};
  out.rows =
      at::cat({memory.images.mean, memory.images.var, last_rows(images.mean, slots), last_rows(images.var, slots)});
  const at::Tensor count = at::full_like(in.stream[kForward], static_cast<double>(images.mean.size(0)));
  out.numbers = at::cat({at::stack({in.stream[kForward], count, in.stream[kAssigned]}), memory.filled.squeeze(1)});
  return out;
}

}  // namespace ttscale::stats
