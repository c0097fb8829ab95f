// SPDX-License-Identifier: MIT
// A signal handler may do little more than set a flag.
#include "cli/interrupt.h"

#include <csignal>

#include "ttscale/error.h"

namespace ttscale::cli {
namespace {

volatile std::sig_atomic_t received = 0;

class Interrupted : public Error {
 public:
  explicit Interrupted(int signal) : Error("interrupted"), signal_(signal) {}
  [[nodiscard]] int exit_code() const noexcept override { return 128 + signal_; }

 private:
  int signal_;
};

}  // namespace

void remember_interrupts() {
  struct sigaction action {};
  action.sa_handler = [](int signal) { received = signal; };
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
  for (const int signal : {SIGINT, SIGTERM}) {
    (void)sigaction(signal, &action, nullptr);
  }
}

void throw_if_interrupted() {
  if (received != 0) {
    throw Interrupted(received);
  }
}

}  // namespace ttscale::cli
