// SPDX-License-Identifier: MIT
// One rule on its way through the work: its stream, and the window of images that it sees.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "eval/options.h"
#include "eval/result.h"
#include "ttscale/adapter.h"

namespace ttscale::eval {

/// A stream of statistics under a rule.
class RuleRun {
 public:
  /// `stream` starts, at every restart, from the statistics it has now. `window`: EvalOptions::window.
  RuleRun(std::string label, Stream stream, std::optional<std::int64_t> window);

  /// Back to the start, with an empty window.
  void restart();

  /// Empties the window: it does not reach beyond the images that follow each other, as batches do not.
  void start_part() { latest_ = at::Tensor(); }

  /// The output of the model for a batch, on the CPU. Throws ModelError if images and model do not fit.
  at::Tensor forward(const at::Tensor& images);

  /// Statistics at their sites now.
  [[nodiscard]] std::vector<SiteSummary> sites() const;
  /// Limits that the stream has met.
  [[nodiscard]] std::vector<std::string> warnings() const { return stream_.report().warnings; }
  /// What the rule has found out about the stream, in words. Of auto alone: others find nothing out.
  [[nodiscard]] std::vector<std::string> findings() const;
  /// What the guard did in the last forward, images of its decisions counted by the stream; none if nothing watches.
  [[nodiscard]] const std::optional<GuardSummary>& guard() const { return guard_; }
  /// Batches that the stream has kept out of its statistics since it exists, whatever it went back to meanwhile.
  [[nodiscard]] std::int64_t rejected() const { return rejected_ + stream_.rejected() - rejected_then_; }
  /// Wall time spent in forward() since it exists.
  [[nodiscard]] double seconds() const { return seconds_; }

  /// Writes and reads the statistics (Stream::save, Stream::load), with what a guard has seen; the window is not part
  /// of them.
  void save(const std::filesystem::path& file) const { stream_.save(file); }
  void load(const std::filesystem::path& file);

  [[nodiscard]] const std::string& label() const { return label_; }

 private:
  at::Tensor run(const at::Tensor& images);
  void note_guard();
  void forget_guard();

  std::string label_;
  Stream stream_;
  Snapshot start_;
  std::optional<std::int64_t> window_;
  at::Tensor latest_;  ///< images of the window, [n, C, H, W]; undefined at the start of a part
  double seconds_ = 0;
  std::int64_t rejected_ = 0;       ///< batches until the stream was last given other statistics
  std::int64_t rejected_then_ = 0;  ///< by the stream's own count, which came with these statistics
  bool watched_ = false;
  std::optional<GuardSummary> guard_;
  std::int64_t compared_ = 0;     ///< in the stream's own report, before the next forward
  std::ptrdiff_t decisions_ = 0;  ///< likewise
};

}  // namespace ttscale::eval
