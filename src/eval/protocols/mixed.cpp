// SPDX-License-Identifier: MIT
// The images of all domains in one stream, shuffled together (mixed domains in Marsden et al. 2023): batches hold
// several shifts at once.
#include <random>

#include "data/random.h"
#include "eval/protocols/protocols.h"

namespace ttscale::eval {
namespace {

class Mixed : public Protocol {
 public:
  [[nodiscard]] std::vector<StreamPlan> streams(const Images& images) const override {
    std::vector<Item> items = images.all();
    std::mt19937_64 engine(images.seed());
    data::shuffle(items, engine);
    return {{{{"all domains", std::move(items)}}}};
  }
};

}  // namespace

std::unique_ptr<Protocol> make_mixed() { return std::make_unique<Mixed>(); }

}  // namespace ttscale::eval
