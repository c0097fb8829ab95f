// SPDX-License-Identifier: MIT
#include "graph/optimized_form.h"

#include <optional>

#include <ATen/ATen.h>

#include <torch/csrc/jit/api/module.h>

#include "base/log.h"
#include "graph/archive.h"
#include "graph/plain_forms.h"
#include "stats/finite.h"

namespace ttscale::graph {

OptimizedForm::Verdict OptimizedForm::verdict() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return verdict_;
}

bool OptimizedForm::in_use() const { return verdict() == Verdict::kGood; }

std::string OptimizedForm::refusal() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return refusal_;
}

void OptimizedForm::refuse(const std::string& why) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (verdict_ == Verdict::kRefused) {
      return;  // by another stream, meanwhile
    }
    verdict_ = Verdict::kRefused;
    refusal_ = why;
  }
  log(LogLevel::kWarning, consequence_ + ": " + why);
}

at::Tensor OptimizedForm::run(const at::Tensor& images, const Run& fast, const Run& plain,
                              const std::function<void()>& restart) {
  if (images.numel() == 0) {
    return plain(images);
  }
  if (verdict() == Verdict::kUnknown) {
    // Others wait: what a stream answers must not depend on when it asked.
    const std::lock_guard<std::mutex> lock(trial_);
    if (verdict() == Verdict::kUnknown) {
      return try_both(images, fast, plain, restart);
    }
  }
  if (verdict() == Verdict::kRefused) {
    return plain(images);
  }
  try {
    return fast(writes_into_images_ ? images.clone() : images);
  } catch (const std::exception& error) {
    const std::string why = reason(error);
    restart();
    at::Tensor output = plain(images);  // if this throws, too, the images are to blame
    refuse("it fails where the model does not: " + why);
    return output;
  }
}

at::Tensor OptimizedForm::try_both(const at::Tensor& images, const Run& fast, const Run& plain,
                                   const std::function<void()>& restart) {
  at::Tensor expected = plain(images.clone());  // a model may write into its input
  if (!stats::all_finite(images).item<bool>() || !expected.isfinite().any().item<bool>()) {
    return expected;  // tells nothing
  }
  restart();
  std::optional<std::string> why;
  try {
    at::Tensor found = fast(images.clone());
    why = difference(expected, found);
    if (!why) {
      const std::lock_guard<std::mutex> lock(mutex_);
      verdict_ = Verdict::kGood;
      return found;
    }
  } catch (const std::exception& error) {
    why = "it fails where the model does not: " + reason(error);
  }
  refuse(*why);
  restart();
  return plain(images);
}

}  // namespace ttscale::graph
