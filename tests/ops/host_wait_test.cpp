// SPDX-License-Identifier: MIT
// Nothing between moments and affine asks for the value of a tensor: on a CUDA device the host would wait for the
// answer, and no CUDA graph could hold the forward. Seen on the CPU by the operators that are called, with what other
// devices use in place of loops over main memory.
#include <gmock/gmock.h>

#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/record_function.h>

#include "ops/coefficients.h"
#include "ops/forward.h"
#include "ops/medians.h"
#include "ops/support.h"
#include "stats/rules.h"
#include "stats/rules/auto_neighbours.h"

namespace ttscale::ops {
namespace {

using ::testing::Contains;
using ::testing::Not;

/// Names of the operators that this thread calls while it lives.
class Calls {
 public:
  Calls() {
    names().clear();
    const auto note = [](const at::RecordFunction& call) -> std::unique_ptr<at::ObserverContext> {
      names().emplace_back(call.name());
      return nullptr;
    };
    handle_ = at::addThreadLocalCallback(at::RecordFunctionCallback(note).scopes({at::RecordScope::FUNCTION}));
  }
  ~Calls() { at::removeCallback(handle_); }
  Calls(const Calls&) = delete;
  Calls& operator=(const Calls&) = delete;

  static std::vector<std::string>& names() {
    static thread_local std::vector<std::string> all;
    return all;
  }

 private:
  at::CallbackHandle handle_{};
};

void expect_no_question(const std::string& rule) {
  for (const char* question : {"aten::item", "aten::_local_scalar_dense", "aten::is_nonzero", "aten::nonzero",
                               "aten::equal", "aten::allclose", "aten::masked_select", "aten::unique"}) {
    EXPECT_THAT(Calls::names(), Not(Contains(question))) << rule;
  }
}

TEST(HostWaits, AreSeenByThisTest) {
  const Calls calls;
  EXPECT_EQ(at::ones({3}).sum().item<float>(), 3);
  EXPECT_THAT(Calls::names(), Contains("aten::_local_scalar_dense"));
}

class HostWait : public ::testing::TestWithParam<const char*> {};

void expect_no_question_at(const std::string& text, bool early) {
  at::manual_seed(3);
  constexpr std::int64_t kChannels = 6;
  const Rule rule = parse_rule(text);
  State state(kChannels, at::kCPU, text, early);
  stats::SiteState site{state.running, state.counters, state.last, state.stream};
  const stats::Moments source{at::randn({kChannels}, at::kDouble), at::rand({kChannels}, at::kDouble) + 0.5};
  const at::Tensor weight = at::rand({kChannels});
  for (int batch = 0; batch < 3; ++batch) {
    const at::Tensor x = at::randn({5, kChannels, 8, 8});
    const at::Tensor mean = x.to(at::kDouble).flatten(2).mean(2);
    const at::Tensor var = x.to(at::kDouble).flatten(2).var(2, false);
    const at::Tensor scores = at::randn({5, 4});

    const Calls calls;
    begin(state.stream, text, true);
    const at::Tensor middle = stats::needs_medians(rule) ? medians(x, mean, var) : at::Tensor();
    const stats::Moments used =
        stats::step_in_tensors(rule, source, at::full({}, 1e-5, at::kDouble), {{mean, var}, 64, middle}, site);
    norm_coefficients_in_tensors(used, weight, weight, 1e-5);
    reference_coefficients_in_tensors(used, source, at::full({kChannels}, 1e-5, at::kDouble));
    finish(scores, state.stream, text);
    if (const auto* automatic = std::get_if<rule::Auto>(&rule)) {  // in loops on the CPU
      stats::finish_neighbours_in_tensors(*automatic, scores.softmax(1).to(at::kDouble), scores.sum() < 1e9,
                                          state.stream);
    }
    EXPECT_GT(Calls::names().size(), 20U);
    expect_no_question(text);
  }
}

TEST_P(HostWait, NoRuleMakesTheHostWait) {
  expect_no_question_at(GetParam(), false);
  expect_no_question_at(GetParam(), true);
}

// Not unmixtns, which asks on the CPU, where that costs nothing, and nowhere else.
INSTANTIATE_TEST_SUITE_P(Rules, HostWait,
                         ::testing::Values("batch", "batch:variance=unbiased", "prior", "alpha", "ema",
                                           "ema:order=use-update,mixing=total", "ema:part=mean", "ema:sample=1/4",
                                           "cumulative", "dua", "auto", "iabn", "rbn", "tbr", "tbr:published",
                                           "adamixbn", "medbn", "mixnorm", "mixnorm:published", "tema",
                                           "tema:published", "rotta:slots=8", "ttn"));

}  // namespace
}  // namespace ttscale::ops
