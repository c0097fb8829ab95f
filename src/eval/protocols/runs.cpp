// SPDX-License-Identifier: MIT
// Reads delta and reorders items.
#include "eval/protocols/runs.h"

#include <limits>

#include "data/dirichlet.h"

namespace ttscale::eval {

double read_delta(const OptionText& text) {
  double delta = 0.1;
  FieldReader reader(text);
  reader("delta", delta, {0, std::numeric_limits<double>::max()});
  reader.finish();
  return delta;
}

std::vector<Item> in_runs(const std::vector<Item>& items, const Images& images, double delta) {
  std::vector<Item> out;
  out.reserve(items.size());
  for (const std::int64_t place : data::dirichlet_order(images.labels(items), delta, images.seed())) {
    out.push_back(items[static_cast<std::size_t>(place)]);
  }
  return out;
}

}  // namespace ttscale::eval
