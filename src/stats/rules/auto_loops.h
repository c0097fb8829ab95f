// SPDX-License-Identifier: MIT
// auto at one site in loops over main memory. auto.cpp says the same with tensors for any device; but it takes a
// hundred small operators, and at a batch of one image the dispatcher would cost more than the layers.
#pragma once

#include "base/isa.h"
#include "stats/rules.h"

namespace ttscale::stats {

/// Whether step_in_loops() can read and write these tensors: float64 in main memory, contiguous.
bool lie_in_memory(const Moments& source, const at::Tensor& eps, const ImageMoments& images, const SiteState& state);

/// step() for auto, the same to rounding. Results do not depend on the number of threads or, among available_isas(), on
/// the instruction set.
Moments step_in_loops(const rule::Auto& rule, const Moments& source, const at::Tensor& eps, const ImageMoments& images,
                      SiteState& state, Isa isa = available_isas().back());

}  // namespace ttscale::stats
