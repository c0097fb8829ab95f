// SPDX-License-Identifier: MIT
// The process-wide log sink.
#include "base/log.h"

#include <iostream>
#include <mutex>
#include <utility>

namespace ttscale {
namespace {

void write_to_stderr(LogLevel level, const std::string& line) {
  if (level >= LogLevel::kWarning) {
    std::cerr << (level == LogLevel::kError ? "error: " : "warning: ") << line << '\n';
  }
}

struct Log {
  std::mutex mutex;
  LogSink sink = write_to_stderr;
};

// A function-local static: loggers may run while other statics are being made.
Log& process_log() {
  static Log instance;
  return instance;
}

}  // namespace

void set_log_sink(LogSink sink) {
  const std::lock_guard<std::mutex> lock(process_log().mutex);
  process_log().sink = sink ? std::move(sink) : LogSink(write_to_stderr);
}

void log(LogLevel level, const std::string& line) {
  const std::lock_guard<std::mutex> lock(process_log().mutex);
  process_log().sink(level, line);
}

}  // namespace ttscale
