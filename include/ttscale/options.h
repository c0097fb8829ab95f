// SPDX-License-Identifier: MIT
// Options of adapt().
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ttscale/export.h"
#include "ttscale/guard.h"
#include "ttscale/input.h"
#include "ttscale/reference.h"
#include "ttscale/rule.h"

namespace ttscale {

/// How a model is called.
struct CallOptions {
  std::int64_t input_index = 0;  ///< which argument of forward takes the images; the others must have defaults
  std::string output;  ///< which tensor counts where forward returns several: position or key, joined by dots where
                       ///< nested; empty: the first [N, K], or else the only [N, K, H, W], or that called "out"
};

/// What is done for speed beside adapting. The statistics are the same either way.
enum class Optimize {
  kNone,  ///< the model's own operators around the sites
  kAuto,  ///< on the CPU: weights fixed as constants, the addition and the activation that follow a site done in its
          ///< pass over the activations, convolutions in channels_last with weights in the order that oneDNN wants; for
          ///< images that a rule does not measure (rule.h, `sample`), sites are folded into convolutions.
          ///< Outputs then differ in roundings. At the first images the outcome is compared with that of kNone, and if
          ///< it differs by more, or LibTorch cannot do it, the stream goes on without, and a warning says why. Never
          ///< under the rule `source`.
};

/// Reads "none" or "auto". Throws UsageError for anything else.
TTSCALE_API Optimize parse_optimize(const std::string& text);
TTSCALE_API std::string to_string(Optimize optimize);

/// What to adapt and how.
struct AdaptOptions {
  Rule rule = rule::Auto{};    ///< how statistics follow the stream; each stream may have its own
  std::optional<Guard> guard;  ///< what watches a stream; empty: 1/16 of the images under auto, off under other rules
  std::optional<Reference>
      reference;       ///< of calibrate(): its sites are brought back to these moments, feature sites included; other
                       ///< BatchNorm layers, or without it all, use their running statistics
  InputScaling input;  ///< scaling of the images ahead of the model
  CallOptions call;    ///< arguments and outputs of the model
  std::vector<std::string>
      layers;  ///< name patterns (* ? and [...]) of the sites to adapt; "bn" also means "bn#2"; empty: all
  std::vector<std::string> skip_layers;  ///< name patterns of sites to leave as in training; wins over `layers`
  Optimize optimize = Optimize::kAuto;   ///< what is done for speed
  bool allow_no_sites = false;           ///< a model that offers nothing to adapt is then no error, and runs as it is
};

}  // namespace ttscale
