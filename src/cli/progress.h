// SPDX-License-Identifier: MIT
// Shows how far a long run is: a bar on a terminal, log lines elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "cli/logging.h"

namespace ttscale::cli {

/// How progress is shown.
enum class ProgressStyle { kNone, kLines, kBar };

/// A bar if stderr is a terminal, else lines; nothing if the log is quiet.
ProgressStyle progress_style(Verbosity verbosity);

/// The text of a bar: "[=====>....]  41 %  text".
std::string progress_bar(std::int64_t done, std::int64_t total, const std::string& text);

/// One run of `total` images.
class ProgressDisplay {
 public:
  /// Lines appear every `log_freq` batches.
  ProgressDisplay(ProgressStyle style, std::int64_t total, std::int64_t log_freq);
  /// Wipes the bar.
  ~ProgressDisplay();
  ProgressDisplay(const ProgressDisplay&) = delete;
  ProgressDisplay& operator=(const ProgressDisplay&) = delete;

  /// `batch` batches of a domain are done and `images` images of all; `text` says what there is to see.
  void update(std::int64_t batch, std::int64_t images, const std::string& text);

 private:
  ProgressStyle style_;
  std::int64_t total_;
  std::int64_t log_freq_;
  std::chrono::steady_clock::time_point drawn_{};
};

}  // namespace ttscale::cli
