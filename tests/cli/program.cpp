// SPDX-License-Identifier: MIT
// fork + exec with both outputs in files: no pipe can fill up, no shell is in between.
#include "cli/program.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace ttscale::testing {
namespace {

class TemporaryFile {
 public:
  TemporaryFile() : descriptor_(mkstemp(name_.data())) {
    if (descriptor_ < 0) {
      throw std::runtime_error("mkstemp failed");
    }
  }
  ~TemporaryFile() {
    close(descriptor_);
    std::filesystem::remove(name_);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] std::string content() const {
    std::ifstream in(name_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

 private:
  std::string name_ = (std::filesystem::temp_directory_path() / "ttscale_cli_XXXXXX").string();
  int descriptor_;
};

void redirect_stdout(Stdout target, int file) {
  int pipe_ends[2];
  switch (target) {
    case Stdout::kCapture:
      dup2(file, STDOUT_FILENO);
      return;
    case Stdout::kDevFull:
      dup2(open("/dev/full", O_WRONLY), STDOUT_FILENO);
      return;
    case Stdout::kClosed:
      close(STDOUT_FILENO);
      return;
    case Stdout::kBrokenPipe:
      if (pipe(pipe_ends) == 0) {
        close(pipe_ends[0]);
        dup2(pipe_ends[1], STDOUT_FILENO);
        close(pipe_ends[1]);
      }
      return;
  }
}

[[noreturn]] void become_program(const std::vector<std::string>& arguments, Stdout target, int out, int err) {
  dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
  dup2(err, STDERR_FILENO);
  redirect_stdout(target, out);
  std::vector<char*> argv{const_cast<char*>(TTSCALE_PROGRAM)};
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  execv(TTSCALE_PROGRAM, argv.data());
  _exit(127);
}

}  // namespace

std::vector<std::string> Outcome::errors() const {
  std::vector<std::string> result;
  std::istringstream lines(err);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("error:", 0) == 0) {
      result.push_back(line);
    }
  }
  return result;
}

Outcome run_program(const std::vector<std::string>& arguments, Stdout target) {
  const TemporaryFile out;
  const TemporaryFile err;
  const pid_t child = fork();
  if (child == 0) {
    become_program(arguments, target, out.descriptor(), err.descriptor());
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) {
    throw std::runtime_error("cannot run " TTSCALE_PROGRAM);
  }
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), out.content(), err.content()};
}

bool kill_program(const std::vector<std::string>& arguments, std::chrono::milliseconds after) {
  const TemporaryFile out;
  const TemporaryFile err;
  const pid_t child = fork();
  if (child == 0) {
    become_program(arguments, Stdout::kCapture, out.descriptor(), err.descriptor());
  }
  const auto end = std::chrono::steady_clock::now() + after;
  int status = 0;
  while (std::chrono::steady_clock::now() < end) {
    if (waitpid(child, &status, WNOHANG) == child) {
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  return WIFSIGNALED(status);
}

Outcome interrupt_program(const std::vector<std::string>& arguments, const std::string& text) {
  const TemporaryFile out;
  const TemporaryFile err;
  const pid_t child = fork();
  if (child == 0) {
    become_program(arguments, Stdout::kCapture, out.descriptor(), err.descriptor());
  }
  int status = 0;
  bool sent = false;
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (!sent && err.content().find(text) != std::string::npos) {
      kill(child, SIGINT);
      sent = true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), out.content(), err.content()};
}

}  // namespace ttscale::testing
