// SPDX-License-Identifier: MIT
// An evaluation of two rules on two domains, for the targets that read what one wrote.
#pragma once

#include "eval/journal.h"
#include "eval/result.h"

namespace ttscale::fuzz {

inline eval::EvalPlan small_plan() {
  eval::EvalPlan plan;
  plan.model = "model.pt";
  plan.data = "data";
  plan.device = "cpu";
  plan.domains = {{"dark", 4}, {"light", 4}};
  plan.rules = {{"source", "source"}, {"ema", "ema:momentum=0.1"}};
  plan.classes = {"cat", "dog"};
  plan.input = "none";
  plan.preprocessing.mean = {0.5};
  plan.preprocessing.std = {0.25};
  plan.settings = {{"continual", 2, 0}, {"correlated:delta=0.1", 2, 18446744073709551615ULL}};
  plan.window = 8;
  plan.on_error = "skip";
  plan.sites = {Site{}};
  plan.sites.front().name = "layer1.bn";
  plan.fingerprint = "0123456789abcdef";
  plan.site_report = true;
  plan.examples = 1;
  return plan;
}

inline eval::Cell small_cell() {
  eval::Cell cell;
  cell.setting = {"continual", 2, 0};
  cell.domain = "dark";
  cell.rule = "ema";
  cell.scores.images = 4;
  cell.scores.top1 = 75;
  cell.scores.nll = 0.5;
  cell.change = eval::Change{1, 2, 3, -10.5, 20, 0.25};
  cell.bins = {{3, 2, 0.625}, {1, 1, 0.9}};
  cell.curve = {{2, 1}, {2, 2}};
  cell.skipped = 1;
  cell.sites = {{"layer1.bn", 1.5, 0.5}};
  cell.seconds = 0.125;
  cell.guard = eval::GuardSummary{"", 4, GuardAction::kHold, {{3, GuardAction::kHold, {}}}, 1};
  return cell;
}

inline eval::Example small_example() {
  eval::Example example;
  example.setting = {"continual", 2, 0};
  example.domain = "dark";
  example.rule = "ema";
  example.path = "data/dark/cat/1.png";
  example.source = {0, 0.75};
  example.adapted = {1, 0.5};
  example.gain = -0.5;
  return example;
}

/// A stream with one part done.
inline eval::Checkpoint small_checkpoint() {
  eval::Checkpoint checkpoint;
  checkpoint.parts = 1;
  checkpoint.cells = {small_cell()};
  checkpoint.classes = {{"ema", {{2, 1}, {2, 2}}}};
  checkpoint.examples = {small_example()};
  checkpoint.skipped = {{"dark", "data/dark/cat/2.png", "image: expected a file"}};
  checkpoint.work = 4;
  checkpoint.predictions_bytes = 100;
  return checkpoint;
}

}  // namespace ttscale::fuzz
