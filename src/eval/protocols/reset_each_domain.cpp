// SPDX-License-Identifier: MIT
// Each domain is a stream of its own, as in Tent (Wang et al. 2021) and RobustBench: the model meets every shift as if
// it were the first.
#include "eval/protocols/protocols.h"

namespace ttscale::eval {
namespace {

class ResetEachDomain : public Protocol {
 public:
  [[nodiscard]] std::vector<StreamPlan> streams(const Images& images) const override {
    return stream_each_domain(images);
  }
};

}  // namespace

std::unique_ptr<Protocol> make_reset_each_domain() { return std::make_unique<ResetEachDomain>(); }

}  // namespace ttscale::eval
