// SPDX-License-Identifier: MIT
// Ranks examples.
#include "eval/examples.h"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace ttscale::eval {
namespace {

/// Greatest losses first; the rest of the key only makes the order total.
auto key(const Example& e) {
  return std::tie(e.gain, e.domain, e.path, e.setting.protocol, e.setting.batch_size, e.setting.seed);
}

}  // namespace

void add_examples(std::vector<Example>& examples, const std::vector<metrics::Prediction>& source,
                  const std::vector<metrics::Prediction>& adapted, const std::vector<data::Sample>& samples) {
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const bool right_before = source[i].index == samples[i].label;
    const bool right_after = adapted[i].index == samples[i].label;
    const double gain = source[i].nll - adapted[i].nll;
    if (right_before == right_after || !std::isfinite(gain)) {
      continue;
    }
    Example example;
    example.path = samples[i].path.string();
    example.label = samples[i].label;
    example.source = {source[i].index, source[i].confidence};
    example.adapted = {adapted[i].index, adapted[i].confidence};
    example.gain = gain;
    examples.push_back(std::move(example));
  }
}

void keep_examples(std::vector<Example>& examples, std::int64_t losses) {
  std::vector<Example> lost;
  std::vector<Example> won;
  for (Example& example : examples) {
    (example.gain < 0 ? lost : won).push_back(std::move(example));
  }
  std::sort(lost.begin(), lost.end(), [](const Example& a, const Example& b) { return key(a) < key(b); });
  std::sort(won.begin(), won.end(),
            [](const Example& a, const Example& b) { return a.gain != b.gain ? a.gain > b.gain : key(a) < key(b); });
  const auto keep = [](std::vector<Example>& list, std::int64_t count) {
    list.resize(std::min(list.size(), static_cast<std::size_t>(count)));
  };
  keep(lost, losses);
  keep(won, (losses + 1) / 2);
  examples = std::move(lost);
  std::move(won.begin(), won.end(), std::back_inserter(examples));
}

void add_ranked(std::vector<Example>& examples, const std::vector<Example>& more, std::int64_t losses) {
  std::vector<std::vector<Example>> by_rule;
  const auto sort_in = [&](const std::vector<Example>& list) {
    for (const Example& example : list) {
      const auto found = std::find_if(by_rule.begin(), by_rule.end(), [&](const std::vector<Example>& own) {
        return own.front().rule == example.rule;
      });
      if (found == by_rule.end()) {
        by_rule.push_back({example});
      } else {
        found->push_back(example);
      }
    }
  };
  sort_in(examples);
  sort_in(more);
  examples.clear();
  for (std::vector<Example>& own : by_rule) {
    keep_examples(own, losses);
    std::move(own.begin(), own.end(), std::back_inserter(examples));
  }
}

}  // namespace ttscale::eval
