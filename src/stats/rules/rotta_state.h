// SPDX-License-Identifier: MIT
// What the rule rotta keeps beside running mean and variance. All zero is "nothing seen yet".
#pragma once

#include <cstdint>

namespace ttscale::stats::rotta_state {

/// Blocks of as many rows [C] as there are slots: images in memory, and those of the last forward, of which finish()
/// tells later which come into memory.
enum Block : std::int64_t { kMemoryMean, kMemoryVar, kPendingMean, kPendingVar, kBlocks };

/// Numbers of a site; as many as there are slots follow: 1 where the slot holds an image at this site.
enum Number : std::int64_t {
  kPendingForward,  ///< the forward that the pending images are of
  kPendingImages,   ///< how many images it had
  kDone,            ///< the forward whose images have been moved to their slots
  kFilled
};

/// Numbers of a stream; four blocks of numbers of the slots follow.
enum Stream : std::int64_t {
  kForward,   ///< forwards so far
  kAssigned,  ///< the forward whose images have been given slots
  kImages,    ///< how many images it had
  kSteps,     ///< updates of the moving average that it is worth
  kLeft,      ///< images that have not yet made an update
  kSlots
};

/// Blocks of numbers of the slots.
enum SlotBlock : std::int64_t {
  kClass,        ///< predicted class, from 1 on; 0: empty
  kAge,          ///< images since it came
  kUncertainty,  ///< entropy of its prediction, 0 to 1
  kFrom,         ///< from 1 on: which pending image of `kAssigned` comes here; 0: none
  kSlotBlocks
};

}  // namespace ttscale::stats::rotta_state
