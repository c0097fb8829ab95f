// SPDX-License-Identifier: MIT
// Follows an evaluation for the user: log, progress, predictions file.
#pragma once

#include <map>
#include <optional>
#include <set>
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

  /// Throws UsageError where the results file could not hold what is about to be computed.
  void resolved(const eval::EvalPlan& plan) override;
  /// Throws DataError where predictions are asked for and those of the finished work were not kept.
  void resumed(std::int64_t images, std::int64_t predictions_bytes) override;
  void part_started(const eval::Setting& setting, const std::string& name, std::int64_t images) override;
  void predictions(const eval::PredictionBatch& batch) override;
  void batch_done(const eval::Progress& progress) override;
  void found(const std::string& rule, const std::vector<std::string>& findings) override;
  void cell_done(const eval::Cell& cell) override;
  std::int64_t predictions_bytes() override;

  /// Logs how many images this run met in that time.
  void log_rate(double seconds) const;

  /// Ends the display, and the predictions file if there is one. Throws Error if the file could not be kept.
  void close();

 private:
  const EvalFlags& flags_;
  const std::optional<image::ModelConfig>& config_;
  std::vector<std::string> rules_;
  eval::Task task_ = eval::Task::kClassification;
  bool several_ = false;  ///< settings
  std::string part_;      ///< the part in work
  std::int64_t part_images_ = 0;
  std::int64_t resumed_images_ = 0;                     ///< met in earlier runs
  std::int64_t images_ = 0;                             ///< met so far, those included
  std::size_t cells_ = 0;                               ///< finished in this domain
  std::string scores_;                                  ///< of the finished cells of this domain
  std::string setting_;                                 ///< of the part in work
  std::map<std::string, std::set<std::string>> found_;  ///< kinds of findings in the part before, by setting and rule
  std::set<std::string> warned_;                        ///< warnings given
  std::set<std::string> unwatched_;                     ///< rules whose guard cannot watch, and that were warned of
  std::optional<ProgressDisplay> display_;
  void open_predictions();
  void log_guard(const eval::Cell& cell);
  void log_limits(const eval::Cell& cell);

  std::optional<report::PredictionsWriter> writer_;
  std::optional<std::int64_t> kept_predictions_;  ///< bytes of an earlier run
};

}  // namespace ttscale::cli
