// SPDX-License-Identifier: MIT
// The guard of one stream: which images the second model sees, and what follows from what it says. Knows no model;
// src/adapt/stream.cpp runs them.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "stats/comparison.h"
#include "ttscale/guard.h"

namespace ttscale {

/// Who answers for the stream.
enum class Answer { kAdapted, kBlended, kSource };

class Watch {
 public:
  /// `blends` says whether the rule can be weakened.
  Watch(const Guard& guard, bool blends) : guard_(guard), blends_(blends) {}

  [[nodiscard]] bool asked_for() const { return guard_.fraction > 0; }
  [[nodiscard]] bool on() const { return guard_.fraction > 0 && unable_.empty(); }
  [[nodiscard]] Answer answer() const { return answer_; }
  /// Whether the statistics rest.
  [[nodiscard]] bool holds() const { return holds_; }

  /// Positions in a batch of `images` that both models are to see; none, some or all. The first images of a stream are
  /// all compared; later ones in groups, so that batches of one image are not forwarded one by one where there are
  /// more.
  std::vector<std::int64_t> due(std::int64_t images);

  /// What add() asks of the stream beside another answer.
  enum class Memory {
    kGoOn,    ///< nothing
    kMark,    ///< the statistics are good: come back to them if they go wrong
    kGoBack,  ///< back to the last mark, or to the beginning
  };

  /// Takes the scores of both models for the images that were due, and decides.
  Memory add(const at::Tensor& source, const at::Tensor& adapted);

  /// Watches no more, for a reason in words. Where the source model answers, since adapting did harm, it goes on to;
  /// else the stream is adapted as its rule says.
  void stop_watching(std::string reason);

  /// Forgets the stream, but not why it cannot watch.
  void reset();

  /// Knows what it knew then, but not less of why it cannot watch.
  void go_back(const Watch& then);

  /// All that it knows, but for the list of its decisions, as numbers, float64 [..], for a state file; and back.
  /// from_numbers() returns false, and changes nothing, for numbers that no guard can have.
  [[nodiscard]] at::Tensor numbers() const;
  bool from_numbers(const at::Tensor& numbers);

  [[nodiscard]] GuardReport report() const;

 private:
  void give_up(std::string reason);
  Memory decide();
  Memory watch_adapted();
  void watch_source();
  void change(Answer answer);
  void log();
  [[nodiscard]] std::int64_t patience() const;
  [[nodiscard]] GuardAction action() const;
  [[nodiscard]] GuardEvidence evidence() const;

  Guard guard_;
  bool blends_;
  Answer answer_ = Answer::kAdapted;
  bool holds_ = false;
  std::string unable_;
  double credit_ = 0;      ///< images due and not yet compared
  std::int64_t seen_ = 0;  ///< images of the stream
  std::int64_t compared_ = 0;
  std::int64_t since_ = 0;   ///< of them, since the answer last changed
  std::int64_t groups_ = 0;  ///< of images compared
  std::int64_t classes_ = 0;
  std::int64_t retreats_ = 0;
  stats::Comparison comparison_;
  std::vector<GuardDecision> decisions_;
};

}  // namespace ttscale
