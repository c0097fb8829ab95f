// SPDX-License-Identifier: MIT
// State files: archives as they are, and pickles in a sound archive.
#include <ATen/ATen.h>

#include "adapt/state_file.h"
#include "pickled.h"
#include "refusal.h"
#include "small_state.h"
#include "targets.h"

bool ttscale::fuzz::state(std::string_view bytes) {
  static const StateFile expected = small_state();
  bool accepted = false;
  for (const std::string& file : {std::string(bytes), archive_of(bytes, {48})}) {
    accepted |= may_refuse([&] {
      const at::Tensor values = parse_state(file, "run.state", expected).state;
      require(values.sizes() == expected.state.sizes() && values.isfinite().all().item<bool>(),
              "a state of another form");
    });
  }
  return accepted;
}
