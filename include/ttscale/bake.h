// SPDX-License-Identifier: MIT
// From a stream back to a TorchScript module: its statistics fixed for good, or still moving.
#pragma once

#include <torch/csrc/jit/api/module.h>

#include "ttscale/adapter.h"
#include "ttscale/export.h"

namespace ttscale {

/// What goes into an archive besides the statistics.
struct BakeOptions {
  bool input = false;  ///< the stream's input scaling, as ordinary operators ahead of the model
};

/// Throws UsageError unless a stream under the rule has statistics that bake() can fix: `source`, the rules that
/// remember (auto, cumulative, ema, dua, rbn, tbr, unmixtns, mixnorm, tema, rotta), and any other with `sample` < 1.
TTSCALE_API void check_bakeable(const Rule& rule);

/// A module without any ttscale operator, in which the statistics of the stream are fixed as they are now: running
/// statistics of BatchNorm layers, and for sites with a reference the scale and shift that lead back to it, folded into
/// the weight and bias of the layer. It costs what the original costs and runs in unmodified PyTorch. Throws UsageError
/// if the rule keeps no statistics (see check_bakeable()), if the stream has seen no images, or if its guard has rolled
/// back to the source.
TTSCALE_API torch::jit::Module bake(const Stream& stream, const BakeOptions& options = {});

/// A module that goes on adapting: the rewritten graph with a copy of the stream's rule and statistics. It can be saved
/// like any other, and runs wherever libttscale.so is loaded, in Python after torch.ops.load_library. Unlike a Stream
/// it neither takes back what a failed forward left behind, nor scales its input, nor has a guard. Throws UsageError if
/// the stream's guard has rolled back to the source.
TTSCALE_API torch::jit::Module online(const Stream& stream, const BakeOptions& options = {});

}  // namespace ttscale
