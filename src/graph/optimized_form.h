// SPDX-License-Identifier: MIT
// Whether a faster form of a program may stand in for another. That is found out once, on the first images.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include <ATen/core/Tensor.h>

namespace torch::jit {
struct Module;
}

namespace ttscale::graph {

/// Shared by all instances of a program; may be used from several threads.
class OptimizedForm {
 public:
  using Run = std::function<at::Tensor(const at::Tensor& images)>;

  /// `writes_into_images`: whether the module may do so; it then gets copies. `consequence` is what warnings say of a
  /// refusal.
  OptimizedForm(std::shared_ptr<const torch::jit::Module> module, bool writes_into_images,
                std::string consequence = "the optimised form of the model is not used")
      : module_(std::move(module)), writes_into_images_(writes_into_images), consequence_(std::move(consequence)) {}

  /// What runs; instances make copies of it.
  [[nodiscard]] const torch::jit::Module& module() const { return *module_; }

  /// Runs the images through `fast`, or through `plain` where the two have been found to differ. At the first finite
  /// images whose output has a finite value both run, and their outputs are compared (graph/plain_forms.h). If `fast`
  /// throws, `plain` runs instead, and if that does not throw, it does so for good. `restart` takes back what a run has
  /// done to the state. Refusals are logged.
  at::Tensor run(const at::Tensor& images, const Run& fast, const Run& plain, const std::function<void()>& restart);

  /// Whether it has been tried and found good.
  [[nodiscard]] bool in_use() const;

  /// Why it is not used, in words; empty if it is, or has not been tried.
  [[nodiscard]] std::string refusal() const;

 private:
  enum class Verdict { kUnknown, kGood, kRefused };

  at::Tensor try_both(const at::Tensor& images, const Run& fast, const Run& plain,
                      const std::function<void()>& restart);
  [[nodiscard]] Verdict verdict() const;
  void refuse(const std::string& why);

  std::shared_ptr<const torch::jit::Module> module_;
  bool writes_into_images_;
  std::string consequence_;
  mutable std::mutex mutex_;  ///< of what follows
  std::mutex trial_;          ///< held while both forms run
  Verdict verdict_ = Verdict::kUnknown;
  std::string refusal_;
};

}  // namespace ttscale::graph
