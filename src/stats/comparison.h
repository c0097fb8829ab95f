// SPDX-License-Identifier: MIT
// Which of two models is right more often, told from their predictions alone.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

namespace ttscale::stats {

/// Class probabilities [n, K, P], float64 on the CPU, of scores [N, K] (P = 1) or [N, K, H, W] (P: a grid of at most
/// 1024 of the pixels). Scores that are probabilities already stay what they are, others go through softmax.
/// Undefined if these are no class scores of at least two classes.
at::Tensor class_probabilities(const at::Tensor& scores);

/// Compares a source model with its adapted self over the images of a stream.
///
/// For an image let c be the predicted class, p its probability, and b the mean prediction of that model for c over the
/// stream (with 32 images of a uniform one): l = log(p / b) is the information that the prediction carries, pointwise
/// mutual information. A model that breaks down loses it either way: by doubt (p falls) or by collapse onto few classes
/// (b rises). Where both models agree neither gains on the other; where they do not, tanh((l_adapted - l_source) / 2)
/// is the probability that the adapted one is right less that of the source, if the odds are as the information says.
/// The mean over images estimates the gain in accuracy. It rests on the last 64 or so; a batch counts for 32 at most,
/// however large, since its images are much alike.
class Comparison {
 public:
  struct Summary {
    double images = 0, batches = 0;  ///< decayed number of images; batches since the adapted model last changed
    double gain = 0, error = 0;      ///< mean and its standard error
    double agreement = 0;
    double source_confidence = 0, adapted_confidence = 0;
    double source_classes = 0, adapted_classes = 0;  ///< exp of the entropy of the mean prediction
  };

  /// Adds the probabilities [n, K, P] of both for the same images. Images for which the source gives NaN do
  /// not count; where the adapted model alone does, it has lost. Another number of
  /// classes than before starts anew.
  void add(const at::Tensor& source, const at::Tensor& adapted);

  /// The adapted model becomes another: what is known of it is forgotten, and its classes begin as those of the source.
  void change_adapted();

  [[nodiscard]] Summary summary() const;

  /// All that it knows as numbers, float64 [..], and back. from_numbers() returns false, and changes nothing, for
  /// numbers that no comparison can have.
  [[nodiscard]] at::Tensor numbers() const;
  bool from_numbers(const at::Tensor& numbers);

 private:
  struct Model {
    at::Tensor mass;  ///< [K] sum of probabilities over images
  };
  void remember(Model& model, const at::Tensor& probabilities) const;
  [[nodiscard]] std::vector<double*> scalars();

  Model source_, adapted_;
  double images_ = 0, batches_ = 0;
  double sum_ = 0, squares_ = 0, agreed_ = 0, source_confidence_ = 0, adapted_confidence_ = 0;
};

}  // namespace ttscale::stats
