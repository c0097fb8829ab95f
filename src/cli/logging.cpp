// SPDX-License-Identifier: MIT
// The spdlog sink behind base/log.h. Alone in its library, without torch on the include path: torch wheels bring an fmt
// that the distribution's spdlog does not compile with.
#include "cli/logging.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "base/log.h"

namespace ttscale::cli {
namespace {

spdlog::level::level_enum threshold(Verbosity verbosity) {
  switch (verbosity) {
    case Verbosity::kQuiet:
      return spdlog::level::warn;
    case Verbosity::kVerbose:
      return spdlog::level::debug;
    case Verbosity::kNormal:
      break;
  }
  return spdlog::level::info;
}

void write(spdlog::logger& logger, LogLevel level, const std::string& line) {
  switch (level) {
    case LogLevel::kDebug:
      return logger.debug(line);
    case LogLevel::kInfo:
      return logger.info(line);
    case LogLevel::kWarning:
      return logger.warn("warning: {}", line);
    case LogLevel::kError:
      return logger.error("error: {}", line);
  }
}

}  // namespace

void install_log(Verbosity verbosity) {
  auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
  sink->set_color(spdlog::level::info, sink->reset);
  auto logger = std::make_shared<spdlog::logger>("ttscale", std::move(sink));
  logger->set_level(threshold(verbosity));
  // On a terminal a progress bar may stand in the line: it is wiped first.
  logger->set_pattern(isatty(STDERR_FILENO) == 1 ? "\r\033[K%^%v%$" : "%v");
  logger->flush_on(spdlog::level::trace);
  set_log_sink([logger](LogLevel level, const std::string& line) { write(*logger, level, line); });
}

}  // namespace ttscale::cli
