// SPDX-License-Identifier: MIT
// Runs a model over the domains of an image tree under several rules in one pass over the images.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/image_tree.h"
#include "eval/options.h"
#include "eval/result.h"
#include "metrics/classification.h"

namespace ttscale::eval {

/// How far the work is after a batch went through all rules.
struct Progress {
  std::int64_t batch = 0;        ///< batches done in the part
  std::int64_t part_images = 0;  ///< images done in the part, skipped ones included
  std::int64_t images = 0;       ///< images done in all, of EvalPlan::work, skipped and resumed ones included
  /// Images, or pixels, that each rule has right in this part so far, %; NaN while all pixels are ignored ones.
  std::vector<double> accuracy;
};

/// What one rule made of one batch. The references live as long as the call.
struct PredictionBatch {
  const Setting& setting;
  const std::vector<DomainPlan>& domains;  ///< by data::Sample::domain
  const std::string& rule;
  const std::vector<data::Sample>& samples;
  const std::vector<metrics::Prediction>& predictions;
};

/// Follows an evaluation. All calls come from the thread of evaluate(); what a callback throws ends the evaluation and
/// arrives at its caller.
class EvalObserver {
 public:
  virtual ~EvalObserver() = default;
  /// Options, model and data fit together; what it throws comes before anything is written.
  virtual void resolved(const EvalPlan& /*plan*/) {}
  /// Comes after resolved() if a journal was found: so many images were met in earlier runs, and the predictions that
  /// belong to what is finished are the first `predictions_bytes` of their file; 0: none were kept. What it throws
  /// comes before anything of the earlier runs is in the result.
  virtual void resumed(std::int64_t /*images*/, std::int64_t /*predictions_bytes*/) {}
  /// Images that follow each other begin: a domain, or what the protocol makes of several.
  virtual void part_started(const Setting& /*setting*/, const std::string& /*name*/, std::int64_t /*images*/) {}
  /// Once a batch and rule, batches in stream order, rules in their order. Not for segmentation.
  virtual void predictions(const PredictionBatch& /*batch*/) {}
  virtual void batch_done(const Progress& /*progress*/) {}
  /// At the end of images that follow each other, once a rule: what it has found out about its stream, in words; empty
  /// if nothing.
  virtual void found(const std::string& /*rule*/, const std::vector<std::string>& /*findings*/) {}
  virtual void cell_done(const Cell& /*cell*/) {}
  /// Puts predictions on the disk and returns the length of their file; asked for before a checkpoint.
  virtual std::int64_t predictions_bytes() { return 0; }
};

/// Evaluates. Whatever happens, `result` holds all that was finished until then: when this throws, `result.partial` is
/// true, and plan, finished cells, skipped files and the unfinished cells of the domain in work are there to be
/// written. Same model, data and options: same result, whatever the number of workers. Throws UsageError for options,
/// DataError for images and labels that do not fit the model and for a domain none of whose images can be read,
/// ModelError for a model that cannot be adapted (under `source`, too), refuses the shape of the images, or returns no
/// logits [N, K] ([N, K, H, W] for segmentation).
void evaluate(const EvalOptions& options, EvalObserver& observer, EvalResult& result);

}  // namespace ttscale::eval
