// SPDX-License-Identifier: MIT
// Streams under rules that measure a part of the images: in the optimised form, which runs a batch in two parts, as in
// the plain one.
#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include <torch/script.h>

#include "adapt/message.h"
#include "adapt/with_rule.h"
#include "archives.h"
#include "base/log.h"
#include "folder_test.h"
#include "ttscale/adapter.h"
#include "ttscale/bake.h"
#include "ttscale/error.h"

namespace ttscale {
namespace {

using ::testing::ElementsAre;
using testing::exactly;
using testing::golden;
using ::testing::HasSubstr;
using testing::load_archive;
using testing::message;
using testing::with;

void expect_close(const at::Tensor& found, const at::Tensor& expected, const std::string& where) {
  ASSERT_EQ(found.sizes(), expected.sizes()) << where;
  EXPECT_LE((found - expected).abs().max().item<double>(), 1e-3 * expected.abs().max().item<double>()) << where;
}

/// Two blocks of a ResNet, one with a convolution in its shortcut.
torch::jit::Module residual_model() {
  at::manual_seed(11);
  torch::jit::Module module("m");
  for (const auto& [name, in, size] : std::vector<std::tuple<std::string, std::int64_t, std::int64_t>>{
           {"w0", 3, 3}, {"w1", 16, 1}, {"w2", 16, 3}, {"w3", 16, 1}, {"w4", 16, 3}, {"w5", 16, 1}}) {
    module.register_buffer(name, at::randn({16, in, size, size}) / std::sqrt(static_cast<double>(in * size * size)));
  }
  module.register_buffer("mean", at::randn({16}) * 0.1);
  module.register_buffer("var", at::rand({16}) + 0.5);
  module.register_buffer("scale", at::randn({16}));
  module.define(R"(
def norm(self, x):
  return torch.batch_norm(x, self.scale, None, self.mean, self.var, False, 0.1, 1e-5, False)
def forward(self, x):
  x = torch.max_pool2d(torch.relu(self.norm(torch.conv2d(x, self.w0, None, [1, 1], [1, 1]))), [2, 2])
  y = torch.relu(self.norm(torch.conv2d(x, self.w1, None)))
  y = self.norm(torch.conv2d(y, self.w2, None, [1, 1], [1, 1]))
  x = torch.relu(y + self.norm(torch.conv2d(x, self.w3, None)))
  y = torch.relu(self.norm(torch.conv2d(x, self.w4, None, [1, 1], [1, 1])))
  x = torch.relu(self.norm(torch.conv2d(y, self.w5, None)) + x)
  return x.mean([2, 3])
)");
  return module;
}

class Sampled : public ::testing::TestWithParam<const char*> {};

TEST_P(Sampled, BothFormsAgreeForBatchesOfAnySize) {
  at::manual_seed(12);
  const torch::jit::Module module = residual_model();
  Stream fast = adapt(module, with(GetParam())).stream();
  Stream plain = adapt(module, exactly(GetParam())).stream();
  for (const std::int64_t size : {16, 16, 1, 1, 1, 1, 1, 7, 16, 3, 3, 16, 2, 64}) {
    const at::Tensor images = at::randn({size, 3, 12, 12}) * 1.5 + at::randn({size, 3, 1, 1});
    const at::Tensor before = images.clone();
    expect_close(fast.forward(images), plain.forward(images), std::to_string(size));
    EXPECT_TRUE(images.equal(before));
  }
  const StreamReport found = fast.report();
  const StreamReport expected = plain.report();
  EXPECT_TRUE(found.optimized) << found.unoptimized;
  EXPECT_EQ(found.images, expected.images);
  ASSERT_EQ(found.sites.size(), 6U);
  for (std::size_t i = 0; i < found.sites.size(); ++i) {
    expect_close(found.sites[i].batch_mean, expected.sites[i].batch_mean, found.sites[i].name);
    expect_close(found.sites[i].batch_var, expected.sites[i].batch_var, found.sites[i].name);
    expect_close(found.sites[i].used_var, expected.sites[i].used_var, found.sites[i].name);
  }
}

TEST_P(Sampled, StreamsGoOnFromAStateFile) {
  const testing::TempFolder folder;
  const auto file = folder.path() / "camera.state";
  const at::Tensor x = golden("net.scripted", "input");
  const AdaptedModel model = adapt(load_archive("net.scripted"), with(GetParam()));
  Stream stream = model.stream();
  for (int batch = 0; batch < 3; ++batch) {
    stream.forward(x + batch);
  }
  stream.save(file);
  Stream other = model.stream();
  other.load(file);
  for (int batch = 0; batch < 3; ++batch) {
    EXPECT_TRUE(other.forward(x * batch).equal(stream.forward(x * batch))) << batch;
  }
}

TEST_P(Sampled, ArchivesGoOnWhereTheStreamIs) {
  const at::Tensor x = golden("net.scripted", "input");
  Stream stream = adapt(load_archive("net.scripted"), exactly(GetParam())).stream();
  stream.forward(x);
  torch::jit::Module module = online(stream);
  const at::NoGradGuard no_grad;
  for (int batch = 0; batch < 4; ++batch) {
    EXPECT_TRUE(module.forward({x + batch}).toTensor().equal(stream.forward(x + batch))) << batch;
  }
}

TEST_P(Sampled, AGuardLooksOnWithoutASample) {
  const at::Tensor x = golden("net.scripted", "input");
  AdaptOptions guarded = with(GetParam());
  guarded.guard = parse_guard("1/2");
  Stream watched = adapt(load_archive("net.scripted"), guarded).stream();
  Stream alone = adapt(load_archive("net.scripted"), with(GetParam())).stream();
  for (int batch = 0; batch < 4; ++batch) {
    EXPECT_TRUE(watched.forward(x + batch).equal(alone.forward(x + batch))) << batch;
  }
  EXPECT_TRUE(watched.report().sites[1].used_mean.equal(alone.report().sites[1].used_mean));
}

INSTANTIATE_TEST_SUITE_P(Rules, Sampled,
                         ::testing::Values("ema:sample=1/4", "ema:sample=1/4,lag=1", "batch:sample=1/4",
                                           "prior:sample=1/2,lag=1", "alpha:sample=1/3",
                                           "cumulative:sample=1/4,part=mean", "dua:sample=1/8,eps=0.01"),
                         [](const auto& test) { return "Rule" + std::to_string(test.index); });

TEST(Sampled, BakedHasWhatImagesThatAreNotMeasuredGet) {
  at::manual_seed(13);
  const at::Tensor images = at::randn({1, 3, 12, 12});
  for (const char* rule : {"batch:sample=1/4", "ema:sample=1/4"}) {
    Stream stream = adapt(residual_model(), with(rule)).stream();
    stream.forward(images);
    torch::jit::Module baked = bake(stream);
    const at::NoGradGuard no_grad;
    expect_close(stream.forward(images + 1), baked.forward({images + 1}).toTensor(), rule);
  }
}

TEST(Sampled, APartThatFailsLeavesNoTrace) {
  torch::jit::Module module = residual_model();
  module.define(R"(
def fragile(self, x):
  assert float(x.max()) < 100.0, "too bright"
  return x
)");
  torch::jit::Module failing("f");
  failing.register_module("inner", module);
  failing.define("def forward(self, x):\n  return self.inner.forward(self.inner.fragile(x))\n");
  at::manual_seed(14);
  const at::Tensor images = at::randn({16, 3, 12, 12});
  const AdaptedModel model = adapt(failing, with("ema:sample=1/4"));
  Stream failed = model.stream();
  Stream clean = model.stream();
  failed.forward(images);
  clean.forward(images);
  for (const std::int64_t bright : {0, 5, 15}) {  // in the sample or not
    at::Tensor bad = images.clone();
    bad[bright].fill_(200);
    EXPECT_THAT(message<ModelError>([&] { failed.forward(bad); }), HasSubstr("too bright"));
  }
  for (int batch = 0; batch < 3; ++batch) {
    EXPECT_TRUE(failed.forward(images + batch).equal(clean.forward(images + batch))) << batch;
  }
}

/// The outputs of the residual model go through `line`.
torch::jit::Module model_that_ends(const std::string& line) {
  torch::jit::Module module("ends");
  module.register_module("inner", residual_model());
  module.define("def forward(self, x):\n  y = self.inner.forward(x)\n  return " + line + "\n");
  return module;
}

TEST(Sampled, ModelsThatMixImagesRunWhole) {
  for (const char* line : {"y.mean(0)", "y - y.mean(0, keepdim=True)"}) {
    SCOPED_TRACE(line);
    std::vector<std::string> lines;
    set_log_sink([&](LogLevel, const std::string& text) { lines.push_back(text); });
    at::manual_seed(15);
    Stream stream = adapt(model_that_ends(line), with("ema:sample=1/4")).stream();
    Stream plain = adapt(model_that_ends(line), exactly("ema:sample=1/4")).stream();
    for (const std::int64_t size : {1, 16, 16, 8}) {  // nothing to see at the first
      const at::Tensor images = at::randn({size, 3, 12, 12}) + 1;
      const at::Tensor want = plain.forward(images);
      EXPECT_LE((stream.forward(images) - want).abs().max().item<double>(), 1e-3) << size;
    }
    set_log_sink({});
    EXPECT_TRUE(stream.report().optimized) << stream.report().unoptimized;
    EXPECT_THAT(lines, ElementsAre(HasSubstr("images that are not measured run no faster than the others: ")));
    EXPECT_TRUE(stream.report().sites[3].used_mean.allclose(plain.report().sites[3].used_mean, 1e-4, 1e-4));
  }
}

TEST(Sampled, ANanIsNotHiddenByAReluThatIsFolded) {
  at::manual_seed(16);
  const at::Tensor images = at::randn({16, 3, 12, 12});
  for (const std::int64_t odd : {2, 14}) {  // in the first sample or not
    Stream stream = adapt(residual_model(), with("ema:sample=1/4")).stream();
    Stream clean = adapt(residual_model(), with("ema:sample=1/4")).stream();
    for (int batch = 0; batch < 3; ++batch) {  // also the first one, which tells nothing of the optimised form
      at::Tensor bad = images.clone();
      bad[odd].fill_(std::numeric_limits<double>::quiet_NaN());
      const at::Tensor output = stream.forward(bad);
      EXPECT_TRUE(output[odd].isnan().all().item<bool>());
      EXPECT_EQ(output.isfinite().all(1).sum().item<std::int64_t>(), 15);
      EXPECT_TRUE(at::allclose(stream.forward(images), clean.forward(images), 1e-5, 1e-5)) << batch;
    }
    EXPECT_EQ(stream.report().rejected, 3);
    EXPECT_TRUE(stream.report().optimized);
  }
}

TEST(Sampled, StreamsThatShareWeightsDoNotMeet) {
  at::manual_seed(17);
  const at::Tensor images = at::randn({16, 3, 12, 12});
  const AdaptedModel model = adapt(residual_model(), with("ema:momentum=0.5,sample=1/4"));
  constexpr int kStreams = 3;
  constexpr int kBatches = 12;
  const auto last_of = [&](int stream) {
    Stream alone = model.stream();
    at::Tensor output;
    for (int batch = 0; batch < kBatches; ++batch) {
      output = alone.forward(images * (1 + stream) + batch);
    }
    return output;
  };
  std::vector<at::Tensor> together(kStreams);
  std::vector<std::thread> threads;
  for (int stream = 0; stream < kStreams; ++stream) {
    threads.emplace_back([&, stream] { together[static_cast<std::size_t>(stream)] = last_of(stream); });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  for (int stream = 0; stream < kStreams; ++stream) {
    EXPECT_TRUE(together[static_cast<std::size_t>(stream)].equal(last_of(stream))) << stream;
  }
}

}  // namespace
}  // namespace ttscale
