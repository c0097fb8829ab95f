// SPDX-License-Identifier: MIT
// One tensor for the state of a stream.
#include "adapt/stream_state.h"

#include <ATen/ATen.h>

#include "graph/sites.h"
#include "ops/site_checks.h"
#include "stats/finite.h"
#include "ttscale/error.h"

namespace ttscale {
namespace {

/// In a loop images come to a site several times, and are not like themselves.
std::int64_t rows_of(const stats::StateSize& size, const std::vector<graph::RewrittenSite>& sites, std::int64_t index) {
  const bool in_loop = sites[static_cast<std::size_t>(index)].site.note.find(graph::kInLoop) != std::string::npos;
  return in_loop ? size.rows : size.rows_at(index, static_cast<std::int64_t>(sites.size()));
}

/// Images, batches, batches rejected.
constexpr std::int64_t kTotals = stats::StateSize{}.counters;

/// The rows that a stream of a rule with weights begins with.
at::Tensor weights_of(const Rule& rule, const graph::RewrittenSite& site) {
  if (!site.domain_shift.defined()) {
    throw UsageError("rule " + to_string(rule) +
                     ": expected a reference with weights measured under shifts, found none for " + site.site.name +
                     "; run `ttscale calibrate MODEL --data CLEAN --shift all:3 --out FILE` and give FILE as the "
                     "reference (--reference)");
  }
  return stats::weight_rows(site.domain_shift, site.image_spread);
}

}  // namespace

StreamState::StreamState(const Rule& rule, const std::vector<graph::RewrittenSite>& sites, const at::Device& device)
    : size_(stats::state_size(rule)), sites_(static_cast<std::int64_t>(sites.size())) {
  // Normal tensors also under InferenceMode: they are updated in place for as long as the stream lives, in any mode.
  const c10::InferenceMode normal(false);
  std::int64_t size = (1 + sites_) * size_.counters + size_.stream;
  for (std::int64_t i = 0; i < sites_; ++i) {
    size += (rows_of(size_, sites, i) + ops::kLastRows) * sites[static_cast<std::size_t>(i)].mean.numel();
  }
  const at::Tensor with_scratch = at::zeros({size}, at::TensorOptions().dtype(at::kDouble).device(device));
  all_ = with_scratch.narrow(0, 0, size - size_.scratch);
  std::int64_t offset = (1 + sites_) * size_.counters;
  const auto take = [&](std::int64_t rows, std::int64_t channels) {
    offset += rows * channels;
    return all_.narrow(0, offset - rows * channels, rows * channels).view({rows, channels});
  };
  for (std::int64_t i = 0; i < sites_; ++i) {
    const std::int64_t channels = sites[static_cast<std::size_t>(i)].mean.numel();
    const at::Tensor running = take(rows_of(size_, sites, i), channels);
    tensors_.sites.push_back({running, counters(all_).select(0, 1 + i), take(ops::kLastRows, channels)});
  }
  tensors_.stream = with_scratch.narrow(0, offset, size_.stream);
  if (stats::needs_weights(rule)) {
    for (std::size_t i = 0; i < sites.size(); ++i) {
      const at::Tensor weights = weights_of(rule, sites[i]);
      tensors_.sites[i].running.narrow(0, stats::StateSize{}.rows, weights.size(0)).copy_(weights);
    }
    beginning_ = all_.clone();
  }
}

void StreamState::clear() {
  if (beginning_.defined()) {
    all_.copy_(beginning_);
  } else {
    all_.zero_();
  }
}

at::Tensor StreamState::beginning() const { return beginning_.defined() ? beginning_.clone() : at::zeros_like(all_); }

void StreamState::go_back(const at::Tensor& snapshot) {
  const at::Tensor rejected = counters(all_).select(0, 0).select(0, 2).clone();
  restore(snapshot);
  counters(all_).select(0, 0).select(0, 2).copy_(rejected);
}

void StreamState::keep_all_or_nothing(const at::Tensor& images, const at::Tensor& before) {
  if (images.numel() == 0) {
    restore(before);
    return;
  }
  const auto sites = [&](const at::Tensor& state) { return counters(state).narrow(0, 1, sites_); };
  // A ReLU can hide an Inf of the images from every site behind it.
  const at::Tensor refused = stats::all_finite(images).logical_not().logical_or(
      (sites(all_).select(1, 2) != sites(before).select(1, 2)).any());
  if (!all_.is_cpu()) {
    all_.copy_(at::where(refused, before, all_));
  } else if (refused.item<bool>()) {
    all_.copy_(before);
  }
  const at::Tensor no = refused.to(at::kDouble);
  const at::Tensor yes = 1 - no;
  counters(all_)
      .select(0, 0)
      .narrow(0, 0, kTotals)
      .add_(at::stack({yes * static_cast<double>(images.size(0)), yes, no}));
}

at::Tensor StreamState::totals() const { return counters(all_).select(0, 0).narrow(0, 0, kTotals).cpu(); }

at::Tensor StreamState::counters(const at::Tensor& state) const {
  return state.narrow(0, 0, (1 + sites_) * size_.counters).view({1 + sites_, size_.counters});
}

}  // namespace ttscale
