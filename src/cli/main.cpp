// SPDX-License-Identifier: MIT
// The ttscale program: runs one subcommand, and turns what it throws into one line on stderr and an exit code.
#include <c10/util/Exception.h>

#include <algorithm>
#include <array>
#include <exception>
#include <new>
#include <string>
#include <variant>

#include "base/log.h"
#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/logging.h"
#include "cli/memory.h"
#include "cli/run_files.h"
#include "cli/streams.h"
#include "ttscale/error.h"

namespace ttscale::cli {
namespace {

void run(std::monostate) {}
RunFiles files_of(std::monostate) { return {}; }

void run_program(int argc, const char* const* argv) {
  prepare_memory();
  prepare_streams();
  install_log(Verbosity::kNormal);
  const Invocation invocation = parse_command_line(argc, argv);
  install_log(invocation.verbosity);
  std::visit(
      [](const auto& flags) {
        check_files(files_of(flags));
        run(flags);
      },
      invocation.command);
}

// Options structs name their fields; a user knows the flags of the same name: "batch_size: ..." -> "--batch-size: ...".
std::string with_flag_name(const std::string& message) {
  constexpr std::array kFields{
      "batch_size",   "class_order", "crop_mode", "crop_pct", "device",      "export_order",  "format",
      "ignore_index", "img_size",    "in_chans",  "input",    "input_index", "interpolation", "labels",
      "mean",         "num_samples", "on_error",  "optimize", "order",       "output",        "parameters",
      "protocol",     "quality",     "rounds",    "seed",     "shard",       "shift",         "shift_parameters",
      "state_in",     "state_out",   "std",       "task",     "warm_up",     "window",        "workers"};
  for (const std::string field : kFields) {
    if (message.rfind(field + ':', 0) == 0) {
      std::string flag = "--" + field;
      std::replace(flag.begin(), flag.end(), '_', '-');
      return flag + message.substr(field.size());
    }
  }
  return message;
}

int fail(const std::string& message, int code) {
  log(LogLevel::kError, one_line(message));
  return code;
}

int guarded(int argc, const char* const* argv) {
  try {
    run_program(argc, argv);
    return 0;
  } catch (const UsageError& error) {
    return fail(with_flag_name(error.what()), error.exit_code());
  } catch (const Error& error) {
    return fail(error.what(), error.exit_code());
  } catch (const c10::Error& error) {
    const std::string message = error.what_without_backtrace();
    return fail(message.substr(0, message.find('\n')), 1);
  } catch (const std::bad_alloc&) {
    return fail("out of memory; try a smaller --batch-size or fewer --workers", 1);
  } catch (const std::exception& error) {
    return fail(error.what(), 1);
  }
}

}  // namespace
}  // namespace ttscale::cli

int main(int argc, char** argv) { return ttscale::cli::guarded(argc, argv); }
