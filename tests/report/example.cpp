// SPDX-License-Identifier: MIT
// Made-up results.
#include "example.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace ttscale::report {

namespace fs = std::filesystem;

eval::EvalResult make_result(const std::vector<std::string>& domains, const std::vector<std::string>& rules,
                             const std::vector<std::vector<double>>& top1) {
  eval::EvalResult result;
  result.plan.model = "model.pt";
  result.plan.data = "data";
  result.plan.device = "cpu";
  result.plan.settings = {{"reset-each-domain", 200, 7}};
  result.plan.on_error = "stop";
  result.plan.input = "none";
  result.plan.classes = {"cat", "dog"};
  for (const std::string& rule : rules) {
    result.plan.rules.push_back({rule, rule});
  }
  for (std::size_t d = 0; d < domains.size(); ++d) {
    result.plan.domains.push_back({domains[d], 2000});
    for (std::size_t r = 0; r < rules.size(); ++r) {
      const double rate = top1[d][r];
      eval::Cell cell;
      cell.setting = result.plan.settings.front();
      cell.domain = domains[d];
      cell.rule = rules[r];
      cell.scores.images = 2000;
      cell.scores.top1 = rate;
      cell.scores.top5 = 90;
      cell.scores.nll = 1.5;
      cell.scores.ece = 0.125;
      cell.scores.confidence = 0.75;
      cell.scores.top1_low = rate - 2;
      cell.scores.top1_high = rate + 2;
      result.cells.push_back(std::move(cell));
    }
  }
  result.partial = false;
  return result;
}

eval::EvalResult example() {
  return make_result({"gaussian_noise/5", "clean"}, {"source", "batch", "prior:count=16"},
                     {{24.8, 58.3, 54.1}, {91.7, 88.5, 91.7}});
}

}  // namespace ttscale::report
