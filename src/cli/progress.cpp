// SPDX-License-Identifier: MIT
// A bar of ASCII characters, redrawn in place.
#include "cli/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iomanip>
#include <sstream>

#include "base/log.h"

namespace ttscale::cli {
namespace {

constexpr std::int64_t kBarWidth = 24;
constexpr std::chrono::milliseconds kRedraw{100};

std::size_t terminal_width() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1U : 79U;
}

}  // namespace

ProgressStyle progress_style(Verbosity verbosity) {
  if (verbosity == Verbosity::kQuiet) {
    return ProgressStyle::kNone;
  }
  return isatty(STDERR_FILENO) == 1 ? ProgressStyle::kBar : ProgressStyle::kLines;
}

std::string progress_bar(std::int64_t done, std::int64_t total, const std::string& text) {
  const std::int64_t filled = total > 0 ? std::clamp<std::int64_t>(kBarWidth * done / total, 0, kBarWidth) : kBarWidth;
  std::ostringstream bar;
  bar << '[' << std::string(static_cast<std::size_t>(filled), '=')
      << std::string(static_cast<std::size_t>(kBarWidth - filled), '.') << "] " << std::setw(3)
      << (total > 0 ? 100 * done / total : 100) << " %  " << text;
  return bar.str();
}

ProgressDisplay::ProgressDisplay(ProgressStyle style, std::int64_t total, std::int64_t log_freq)
    : style_(style), total_(total), log_freq_(log_freq) {}

ProgressDisplay::~ProgressDisplay() {
  if (style_ == ProgressStyle::kBar) {
    (void)std::fputs("\r\033[K", stderr);
  }
}

void ProgressDisplay::update(std::int64_t batch, std::int64_t images, const std::string& text) {
  if (style_ == ProgressStyle::kLines && batch % log_freq_ == 0) {
    log(LogLevel::kInfo, text);
  }
  const auto now = std::chrono::steady_clock::now();
  if (style_ == ProgressStyle::kBar && now - drawn_ >= kRedraw) {
    drawn_ = now;
    (void)std::fprintf(stderr, "\r\033[K%s", progress_bar(images, total_, text).substr(0, terminal_width()).c_str());
  }
}

}  // namespace ttscale::cli
