// SPDX-License-Identifier: MIT
// Results files, and what `ttscale merge` does with one.
#include "eval/merge.h"
#include "eval/result_json.h"
#include "refusal.h"
#include "targets.h"
#include "versions.h"

bool ttscale::fuzz::results(std::string_view bytes) {
  return may_refuse([&] {
    const eval::EvalResult result = eval::parse_results(with_versions(bytes), "results.json");
    const std::string text = eval::to_json(result);
    require(eval::to_json(eval::parse_results(text, "again.json")) == text, "results that change when written");
    may_refuse([&] { eval::merge({result}, {"results.json"}); });
  });
}
