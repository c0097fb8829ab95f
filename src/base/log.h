// SPDX-License-Identifier: MIT
// Log facade: libraries say things here, the program decides where they go. Without a sink, lines of level warning and
// above go to stderr.
#pragma once

#include <functional>
#include <string>

namespace ttscale {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

/// Receives every log line (without a newline at its end). Called from any thread, one call at a time; it must not log
/// itself.
using LogSink = std::function<void(LogLevel, const std::string&)>;

/// Replaces the sink of the process; an empty function restores the default.
void set_log_sink(LogSink sink);

/// Writes one line to the sink. Thread-safe.
void log(LogLevel level, const std::string& line);

}  // namespace ttscale
