// SPDX-License-Identifier: MIT
// The texts of options: rules, input scalings, shifts, protocols, shards.
#include "eval/options.h"
#include "eval/protocol.h"
#include "refusal.h"
#include "shift/shift.h"
#include "targets.h"
#include "ttscale/input.h"
#include "ttscale/rule.h"

bool ttscale::fuzz::option_text(std::string_view bytes) {
  const std::string text(bytes);
  bool accepted = false;
  accepted |= may_refuse([&] {
    const std::string written = to_string(parse_rule(text));
    require(to_string(parse_rule(written)) == written, "a rule that changes when written: " + written);
  });
  accepted |= may_refuse([&] {
    const std::string written = to_string(parse_input_scaling(text));
    require(to_string(parse_input_scaling(written)) == written, "a scaling that changes when written: " + written);
  });
  accepted |= may_refuse([&] { require(!shift::parse_shifts(text).empty(), "no shifts"); });
  accepted |= may_refuse([&] {
    const eval::Shard shard = eval::parse_shard(text);
    require(shard.index >= 1 && shard.index <= shard.count, "a shard that is none");
  });
  if (text.rfind("replay", 0) != 0) {  // which opens a file
    accepted |= may_refuse([&] { require(eval::parse_protocol(text) != nullptr, "no protocol"); });
  }
  return accepted;
}
