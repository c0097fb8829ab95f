// SPDX-License-Identifier: MIT
// What adapting a model costs on this machine: times of whole forwards, unadapted and adapted, in one interleaved run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "eval/forward_times.h"
#include "image/preprocess.h"
#include "ttscale/adapter.h"

namespace ttscale::eval {

/// Options of forward_cost().
struct CostOptions {
  std::vector<std::string> rules{"source", "ema", "auto"};
  Optimize optimize = Optimize::kAuto;  ///< of the adapted forms
  std::vector<std::int64_t> batch_sizes{1, 16};
  image::Preprocessing preprocessing;  ///< size, channels, mean and std of the images; without a size 224 x 224
  std::optional<Reference> reference;  ///< of calibrate()
  CallOptions call;
  MeasureOptions measuring;
  std::string device = "cpu";  ///< where the model is

  [[nodiscard]] image::Size image_size() const;
  /// Throws UsageError that names the first field that cannot be used.
  void validate() const;
};

enum class FormKind {
  kUnadapted,  ///< the model in a form of LibTorch's
  kAdapted,    ///< a stream under a rule
  kBaked,      ///< a stream's statistics fixed in the model
};

/// One form at one batch size.
struct FormCost {
  std::string name;
  FormKind kind = FormKind::kUnadapted;
  std::string rule;                         ///< adapted and baked forms
  bool guarded = false;                     ///< times differ from call to call, so that their mean counts
  std::string not_timed;                    ///< why; empty where there are times
  std::string note;                         ///< what is special about the times
  std::vector<double> times;                ///< milliseconds of each call
  std::optional<std::int64_t> state_bytes;  ///< statistics and scratch of one stream

  [[nodiscard]] bool timed() const { return not_timed.empty(); }
  /// The median of the times; of a guarded form the mean. Milliseconds.
  [[nodiscard]] double milliseconds() const;
};

/// All forms at one batch size.
struct BatchCost {
  std::int64_t batch_size = 0;
  std::int64_t sites = 0;       ///< that follow a stream
  std::vector<FormCost> forms;  ///< the first is the original

  /// The unadapted form with the smallest median: position in `forms`.
  [[nodiscard]] std::size_t fastest() const;
  /// Quartiles over the rounds of a form's time over that of the fastest unadapted form in the same round. Of a guarded
  /// form all three are its mean over the mean of the other. The form must be timed.
  [[nodiscard]] Quartiles ratio(const FormCost& form) const;
  /// The same over the original in place of the fastest.
  [[nodiscard]] Quartiles ratio_to_original(const FormCost& form) const;
  /// Images a second at milliseconds().
  [[nodiscard]] double images_per_second(const FormCost& form) const;
};

/// Bytes of the statistics that a stream under `rule` keeps for these sites, and of its scratch.
std::int64_t stream_bytes(const Rule& rule, const std::vector<Site>& sites);

/// Makes all forms anew and times them with batches of that size. Images are random, of the range of normalised pixels,
/// the same at every call: times do not depend on them, but a guard does. Guards are off, but in a second form of rules
/// that have one by themselves (`auto`), which is timed in its steady state: after its first images, over a whole
/// number of its looks. Forms that cannot be made, that fail, or (unadapted ones) whose output is not the original's
/// are listed with the reason. `options` must be valid. Throws what adapt() throws, and ModelError if the original
/// fails on such images. The caller's module is not changed.
BatchCost forward_cost(const torch::jit::Module& module, const CostOptions& options, std::int64_t batch_size);

}  // namespace ttscale::eval
