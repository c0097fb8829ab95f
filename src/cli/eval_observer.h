// SPDX-License-Identifier: MIT
// Follows an evaluation for the user: log, progress, predictions file.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/options.h"
#include "cli/progress.h"
#include "eval/evaluate.h"
#include "image/model_config.h"
#include "report/predictions.h"

namespace ttscale::cli {

/// Logs what was resolved, shows progress, writes predictions as they come, and stops at Ctrl-C.
class EvalLog : public eval::EvalObserver {
 public:
  /// `flags` and `config`, the description beside the model, must outlive it.
  EvalLog(const EvalFlags& flags, const std::optional<image::ModelConfig>& config) : flags_(flags), config_(config) {}

  void resolved(const eval::EvalPlan& plan) override;
  void domain_started(const eval::DomainPlan& domain, std::int64_t index) override;
  void predictions(const eval::PredictionBatch& batch) override;
  void batch_done(const eval::Progress& progress) override;
  void cell_done(const eval::Cell& cell) override;

  /// Ends the display, and the predictions file if there is one. Throws Error if the file could not be kept.
  void close();

 private:
  const EvalFlags& flags_;
  const std::optional<image::ModelConfig>& config_;
  std::vector<std::string> rules_;
  eval::DomainPlan domain_;
  std::size_t cells_ = 0;  ///< finished in this domain
  std::string scores_;     ///< of the finished cells of this domain
  std::optional<ProgressDisplay> display_;
  std::optional<report::PredictionsWriter> writer_;
};

}  // namespace ttscale::cli
