// SPDX-License-Identifier: MIT
// The errors that ttscale throws for what a user can cause; each message is one line: what was expected, what was
// found, what to do.
#pragma once

#include <stdexcept>
#include <string>

#include "ttscale/export.h"

namespace ttscale {

/// Base of all errors of ttscale. `exit_code()` is what the command line returns for it.
class TTSCALE_API Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message) : std::runtime_error(message) {}
  [[nodiscard]] virtual int exit_code() const noexcept { return 1; }
};

/// A wrong option: unknown rule, value out of range, contradicting flags.
class TTSCALE_API UsageError : public Error {
 public:
  using Error::Error;
  [[nodiscard]] int exit_code() const noexcept override { return 2; }
};

/// Input data that cannot be used: missing folder, unreadable image, labels that do not fit the model.
class TTSCALE_API DataError : public Error {
 public:
  using Error::Error;
  [[nodiscard]] int exit_code() const noexcept override { return 3; }
};

/// A model that cannot be used: not an archive, nothing to adapt, a forward that fails.
class TTSCALE_API ModelError : public Error {
 public:
  using Error::Error;
  [[nodiscard]] int exit_code() const noexcept override { return 4; }
};

}  // namespace ttscale
