// SPDX-License-Identifier: MIT
// Runs the built ttscale program as a user does: arguments in; exit code, stdout and stderr out.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace ttscale::testing {

/// What one run left behind.
struct Outcome {
  int exit_code = -1;  ///< 128 + signal if one ended it, as in a shell
  std::string out;
  std::string err;

  /// The lines of stderr that start with "error:".
  [[nodiscard]] std::vector<std::string> errors() const;
};

/// Where stdout of the program goes.
enum class Stdout { kCapture, kDevFull, kClosed, kBrokenPipe };

/// Runs `ttscale` with these arguments, without stdin.
Outcome run_program(const std::vector<std::string>& arguments, Stdout target = Stdout::kCapture);

/// Runs it, and ends it by SIGKILL after that time. False if it came to its end before.
bool kill_program(const std::vector<std::string>& arguments, std::chrono::milliseconds after);

/// Runs it, and sends SIGINT as soon as stderr holds the text.
Outcome interrupt_program(const std::vector<std::string>& arguments, const std::string& text);

}  // namespace ttscale::testing
