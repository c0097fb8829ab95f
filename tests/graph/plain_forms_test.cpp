// SPDX-License-Identifier: MIT
// Forms of LibTorch's: which can be made, and that they give what the original gives.
#include "graph/plain_forms.h"

#include <gmock/gmock.h>

#include <limits>
#include <stdexcept>

#include "archives.h"
#include "ttscale/error.h"

namespace ttscale::graph {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ttscale::testing::golden;
using ttscale::testing::load_archive;
using ttscale::testing::source_dir;

std::vector<std::string> names(const std::vector<PlainForm>& forms) {
  std::vector<std::string> out;
  for (const PlainForm& form : forms) {
    out.push_back(form.name);
  }
  return out;
}

TEST(PlainForms, GiveWhatTheArchivesGive) {
  for (const char* name : {"net.scripted", "net.traced", "net.frozen", "net.plain", "shared", "branches", "mixed"}) {
    SCOPED_TRACE(name);
    const at::Tensor images = golden(name, "input");
    const at::Tensor expected = golden(name, "source");
    const auto forms = plain_forms(load_archive(name), {});
    EXPECT_THAT(names(forms), ElementsAre("original", "frozen", "optimized", "channels_last"));
    for (const PlainForm& form : forms) {
      SCOPED_TRACE(form.name);
      ASSERT_TRUE(form.forward) << form.why_not;
      for (int call = 0; call < 3; ++call) {  // the executor optimises at the second
        const at::Tensor found = form.forward(images.contiguous(form.images));
        EXPECT_EQ(difference(expected, found), std::nullopt);
        EXPECT_TRUE(at::allclose(expected, found, 1e-3, 1e-4));
        EXPECT_FALSE(found.requires_grad());
      }
    }
  }
}

TEST(PlainForms, LeaveTheCallersModuleAlone) {
  torch::jit::Module module = load_archive("net.scripted");
  module.train();
  std::vector<at::Tensor> before;
  for (const at::Tensor& parameter : module.parameters()) {
    before.push_back(parameter.clone());
  }
  for (PlainForm& form : plain_forms(module, {})) {
    ASSERT_TRUE(form.forward) << form.why_not;
    form.forward(golden("net.scripted", "input"));
  }
  EXPECT_TRUE(module.is_training());
  std::size_t i = 0;
  for (const at::Tensor& parameter : module.parameters()) {
    EXPECT_TRUE(parameter.is_contiguous());
    EXPECT_TRUE(at::equal(parameter, before.at(i++)));
  }
}

/// One convolution, whose output has the order in memory of its weight where the images have none.
torch::jit::Module convolution() {
  torch::jit::Module module("Convolution");
  module.register_parameter("weight", at::randn({4, 3, 3, 3}), /*is_buffer=*/false);
  module.define("def forward(self, x):\n  return torch.conv2d(x, self.weight)\n");
  module.eval();
  return module;
}

TEST(PlainForms, ChannelsLastReachesParametersAndFrozenConstants) {
  const at::Tensor images = at::rand({2, 3, 8, 8});
  const torch::jit::Module module = convolution();
  for (const torch::jit::Module& one : {module, torch::jit::freeze(module)}) {
    const auto forms = plain_forms(one, {});
    EXPECT_EQ(forms.at(3).images, at::MemoryFormat::ChannelsLast);
    EXPECT_EQ(forms.at(0).images, at::MemoryFormat::Contiguous);
    const at::Tensor last = forms.at(3).forward(images);
    EXPECT_TRUE(last.is_contiguous(at::MemoryFormat::ChannelsLast));
    const at::Tensor first = forms.at(0).forward(images);
    EXPECT_TRUE(first.is_contiguous()) << "the weights of the module itself were reordered";
    EXPECT_TRUE(at::allclose(first, last, 1e-4, 1e-5));
  }
}

TEST(PlainForms, AFormThatCannotBeMadeSaysWhy) {
  const PlainForm form = plain_form(
      "impossible", []() -> torch::jit::Module { throw std::runtime_error("no such pass\nand a backtrace"); }, {});
  EXPECT_FALSE(form.forward);
  EXPECT_EQ(form.name, "impossible");
  EXPECT_EQ(form.why_not, "LibTorch cannot make it: no such pass");
}

TEST(PlainForms, ModelsThatCannotBeCalledAreRefused) {
  EXPECT_THROW((void)plain_forms(load_archive("two-inputs"), {}), ModelError);
}

TEST(Difference, IsOfShapesAndOfMoreThanRounding) {
  const at::Tensor a = at::tensor({1.0, -10.0, 3.0});
  EXPECT_EQ(difference(a, a), std::nullopt);
  EXPECT_EQ(difference(a, a + 0.009), std::nullopt) << "a thousandth of the largest";
  EXPECT_THAT(difference(a, a + 0.011).value_or(""), HasSubstr("differs"));
  EXPECT_THAT(difference(a, at::tensor({1.0, -10.0})).value_or(""), HasSubstr("[2]"));
  EXPECT_EQ(difference(a.to(at::kBFloat16), a.to(at::kBFloat16) * 1.01), std::nullopt) << "two digits";
}

TEST(Difference, NanEqualsNanAndNothingElse) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  const at::Tensor a = at::tensor({1.0, nan, inf});
  EXPECT_EQ(difference(a, a.clone()), std::nullopt);
  EXPECT_NE(difference(a, at::tensor({1.0, 2.0, inf})), std::nullopt);
  EXPECT_NE(difference(a, at::tensor({1.0, nan, 2.0})), std::nullopt);
  EXPECT_NE(difference(at::tensor({1.0, 2.0}), at::tensor({1.0, nan})), std::nullopt);
}

TEST(ParameterBytes, CountsParametersBuffersAndConstants) {
  const torch::jit::Module module = load_archive("net.scripted");
  std::int64_t expected = 0;
  for (const at::Tensor& tensor : module.parameters()) {
    expected += tensor.numel() * 4;
  }
  for (const at::Tensor& tensor : module.buffers()) {
    expected += tensor.numel() * tensor.element_size();
  }
  EXPECT_EQ(parameter_bytes(module), expected);
  // Frozen: the same numbers as constants. BatchNorm keeps its layers there, but not its count of batches.
  const std::int64_t frozen = parameter_bytes(load_archive("net.frozen"));
  EXPECT_GT(frozen, expected / 2);
  EXPECT_LE(frozen, expected);
}

}  // namespace
}  // namespace ttscale::graph
