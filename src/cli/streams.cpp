// SPDX-License-Identifier: MIT
// Standard streams by file descriptor: iostreams do not tell why a write failed.
#include "cli/streams.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>

#include "ttscale/error.h"

namespace ttscale::cli {

void prepare_streams() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(descriptor, F_GETFD) == -1) {
      // Read-only, so that writing to it still fails. open() takes the lowest free number: this one.
      (void)open("/dev/null", O_RDONLY);
    }
  }
  (void)std::signal(SIGPIPE, SIG_IGN);
}

void write_stdout(const std::string& text) {
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t written = write(STDOUT_FILENO, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EPIPE) {
      (void)std::signal(SIGPIPE, SIG_DFL);
      (void)std::raise(SIGPIPE);
    } else if (errno != EINTR) {
      throw Error(std::string("cannot write to standard output: ") + std::strerror(errno));
    }
  }
}

std::string one_line(std::string text) {
  for (char& character : text) {
    if (character == '\n' || character == '\r' || character == '\t') {
      character = ' ';
    } else if (static_cast<unsigned char>(character) < 0x20 || character == 0x7f) {
      character = '?';
    }
  }
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

}  // namespace ttscale::cli
