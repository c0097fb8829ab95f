// SPDX-License-Identifier: MIT
// Small image trees and models, an observer that remembers, and an independent replay of what evaluate() does.
#pragma once

#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "eval/evaluate.h"
#include "temp_folder.h"

namespace ttscale::eval {

/// Remembers every call.
class Recorder : public EvalObserver {
 public:
  struct Prediction {
    std::string domain, rule, path;
    Setting setting;
    std::int64_t label = 0, index = 0;
    double confidence = 0;
  };

  void resolved(const EvalPlan& plan) override;
  void resumed(std::int64_t images, std::int64_t predictions_bytes) override;
  void part_started(const Setting& setting, const std::string& name, std::int64_t images) override;
  void predictions(const PredictionBatch& batch) override;
  void batch_done(const Progress& progress) override;
  void cell_done(const Cell& cell) override;

  /// Of one rule in one domain, in stream order.
  [[nodiscard]] std::vector<Prediction> of(const std::string& domain, const std::string& rule) const;

  std::vector<std::string> calls;
  std::vector<Prediction> all;
  std::vector<Progress> progress;
  std::function<void()> on_batch;  ///< called after every batch; may throw
};

/// Kinds of models that save_model() makes: a convolution, BatchNorm, ReLU, mean over the map and a linear layer.
enum class ModelKind {
  kPlain,
  kTraining,     ///< its BatchNorm takes the batch's own statistics: a reference for the rule `batch`
  kWritesInput,  ///< doubles its input in place
  kNoBatchNorm,  ///< nothing to adapt
  kFeatureMap,   ///< returns [N, C, H, W]
  kNanScores,    ///< its linear layer holds NaN
};

/// A test with a folder that holds `data` (domains `dark` and `light`, classes a, b, c, 4 images each) and models.
class EvalTest : public ::testing::Test {
 protected:
  void SetUp() override;

  /// Writes a model with that many outputs and returns its path.
  [[nodiscard]] std::filesystem::path save_model(ModelKind kind, std::int64_t outputs = 3) const;

  /// Writes `count` images of 8x8 into each class folder below `root`, brighter by `light`.
  static void write_images(const std::filesystem::path& root, int count, int light);

  /// Options for the plain model and the data, batches of 5, under these rules.
  [[nodiscard]] EvalOptions options(std::vector<std::string> rules) const;

  /// Runs an evaluation into `result` and `seen`.
  void run(const EvalOptions& options);

  testing::TempFolder folder;
  /// The cell in the first setting.
  [[nodiscard]] const Cell* cell(const std::string& domain, const std::string& rule) const;

  EvalResult result;
  Recorder seen;
};

/// Class probabilities [N, K] by plain LibTorch: the images of these predictions in their order, through the module in
/// batches. `input_of` turns a batch of pixels [n, 3, H, W] into what the module gets.
at::Tensor replay(const std::filesystem::path& model, const std::vector<Recorder::Prediction>& order,
                  std::int64_t batch_size, const std::function<at::Tensor(const at::Tensor&)>& input_of);

/// Expects these predictions to be those of the replayed probabilities.
void expect_predictions(const std::vector<Recorder::Prediction>& predictions, const at::Tensor& probabilities);

}  // namespace ttscale::eval
