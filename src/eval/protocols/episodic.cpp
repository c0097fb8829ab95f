// SPDX-License-Identifier: MIT
// Each batch stands alone, as in MEMO (Zhang et al. 2022): nothing is carried from one to the next.
#include "eval/protocols/protocols.h"

namespace ttscale::eval {
namespace {

class Episodic : public Protocol {
 public:
  [[nodiscard]] std::vector<StreamPlan> streams(const Images& images) const override {
    return stream_each_domain(images);
  }

  [[nodiscard]] Reset reset() const override { return Reset::kBatch; }
};

}  // namespace

std::unique_ptr<Protocol> make_episodic() { return std::make_unique<Episodic>(); }

}  // namespace ttscale::eval
