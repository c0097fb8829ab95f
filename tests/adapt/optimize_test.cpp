// SPDX-License-Identifier: MIT
// The optimised form of a stream: it computes what the plain one does, and where it does not it is not used.
#include <gmock/gmock.h>

#include <cmath>
#include <string>
#include <thread>
#include <vector>

#include <torch/script.h>

#include "adapt/message.h"
#include "adapt/with_rule.h"
#include "archives.h"
#include "base/log.h"
#include "ttscale/adapter.h"
#include "ttscale/error.h"

namespace ttscale {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using testing::exactly;
using testing::golden;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::load_archive;
using testing::message;
using testing::with;

/// Collects what is logged while it lives.
class Lines {
 public:
  Lines() {
    set_log_sink([this](LogLevel, const std::string& line) { lines_.push_back(line); });
  }
  ~Lines() { set_log_sink({}); }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;
  const std::vector<std::string>& all() const { return lines_; }

 private:
  std::vector<std::string> lines_;
};

void expect_close(const at::Tensor& found, const at::Tensor& expected) {
  EXPECT_EQ(found.sizes(), expected.sizes());
  EXPECT_LE((found - expected).abs().max().item<double>(), 1e-3 * expected.abs().max().item<double>());
}

class OnEveryArchive : public ::testing::TestWithParam<const char*> {};

TEST_P(OnEveryArchive, ComputesWhatThePlainFormDoes) {
  const at::Tensor x = golden(GetParam(), "input");
  for (const char* rule : {"batch", "ema", "auto", "prior:count=4", "medbn", "rotta", "ema:sample=1/4"}) {
    SCOPED_TRACE(rule);
    const Lines lines;
    Stream fast = adapt(load_archive(GetParam()), with(rule)).stream();
    Stream plain = adapt(load_archive(GetParam()), exactly(rule)).stream();
    for (int batch = 0; batch < 4; ++batch) {
      const at::Tensor images = batch == 2 ? x.narrow(0, 0, 1) * 1.5 : x + 0.1 * batch;
      expect_close(fast.forward(images), plain.forward(images));
    }
    const StreamReport report = fast.report();
    EXPECT_TRUE(report.optimized);
    EXPECT_EQ(report.unoptimized, "");
    EXPECT_FALSE(plain.report().optimized);
    EXPECT_EQ(plain.report().unoptimized, "not asked for");
    EXPECT_EQ(report.images, plain.report().images);
    for (std::size_t i = 0; i < report.sites.size(); ++i) {
      expect_close(report.sites[i].used_mean, plain.report().sites[i].used_mean);
      expect_close(report.sites[i].used_var, plain.report().sites[i].used_var);
    }
    EXPECT_THAT(lines.all(), IsEmpty());
  }
}

INSTANTIATE_TEST_SUITE_P(Archives, OnEveryArchive,
                         ::testing::Values("net.scripted", "net.traced", "net.frozen", "net.pooled", "net.plain",
                                           "net1d", "net3d", "features", "branches", "shared", "split"));

TEST(Optimized, SourceIsTheModelBitByBit) {
  const at::Tensor x = golden("net.scripted", "input");
  Stream stream = adapt(load_archive("net.scripted"), with("source")).stream();
  torch::jit::Module module = load_archive("net.scripted");
  const at::NoGradGuard no_grad;
  EXPECT_TRUE(stream.forward(x).equal(module.forward({x}).toTensor()));
  EXPECT_FALSE(stream.report().optimized);
  EXPECT_EQ(stream.report().unoptimized, "the rule is source");
}

TEST(Optimized, TheSameImagesGiveTheSameBits) {
  const at::Tensor x = golden("net.scripted", "input");
  const AdaptedModel model = adapt(load_archive("net.scripted"), with("ema"));
  Stream stream = model.stream();
  const at::Tensor first = stream.forward(x);  // while both forms are tried
  stream.forward(x.narrow(0, 0, 3));
  stream.reset();
  EXPECT_TRUE(stream.forward(x).equal(first));
  Stream other = model.stream();
  EXPECT_TRUE(other.forward(x).equal(first));
}

TEST(Optimized, TheTrialLeavesNoTrace) {
  const at::Tensor x = golden("net.scripted", "input");
  const AdaptedModel model = adapt(load_archive("net.scripted"), with("ema"));
  Stream tried = model.stream();
  const at::Tensor before = x.clone();
  tried.forward(x);
  EXPECT_TRUE(x.equal(before));
  Stream later = model.stream();
  later.forward(x);
  EXPECT_EQ(tried.report().images, x.size(0));
  EXPECT_EQ(tried.report().batches, 1);
  EXPECT_TRUE(tried.report().sites[0].used_mean.equal(later.report().sites[0].used_mean));
}

/// conv -> batch_norm -> `body`, which makes the scores from y.
torch::jit::Module model_with(const std::string& body) {
  at::manual_seed(9);
  torch::jit::Module module("m");
  module.register_buffer("w", at::randn({8, 3, 3, 3}));
  module.register_buffer("mean", at::randn({8}));
  module.register_buffer("var", at::rand({8}) + 0.5);
  module.define(
      "def forward(self, x):\n"
      "  y = torch.conv2d(x, self.w, None, [1, 1], [1, 1])\n"
      "  y = torch.batch_norm(y, None, None, self.mean, self.var, False, 0.1, 1e-5, False)\n" +
      body);
  return module;
}

at::Tensor some_images(std::int64_t count = 5) {
  at::manual_seed(10);
  return at::randn({count, 3, 6, 6});
}

void expect_plain(const torch::jit::Module& module, const char* reason) {
  const Lines lines;
  Stream stream = adapt(module, with("ema")).stream();
  Stream plain = adapt(module, exactly("ema")).stream();
  for (int batch = 0; batch < 3; ++batch) {
    const at::Tensor images = some_images() + batch;
    EXPECT_TRUE(stream.forward(images).equal(plain.forward(images))) << batch;
  }
  EXPECT_THAT(stream.report().unoptimized, HasSubstr(reason));
  EXPECT_THAT(lines.all(), ElementsAre(HasSubstr(reason)));
  EXPECT_TRUE(stream.report().sites[0].used_mean.equal(plain.report().sites[0].used_mean));
}

TEST(Optimized, IsRefusedWhereItFails) {
  // A view across channels and rows, which channels_last does not have.
  expect_plain(model_with("  return y.view([x.size(0), -1])[:, :10]\n"),
               "it fails where the model does not: view size");
}

TEST(Optimized, IsRefusedWhereItDiffers) {
  // A model that asks how its data lie.
  expect_plain(model_with("  s = y.mean([2, 3])\n  if y.stride(1) == 1:\n    s = s * 2\n  return s\n"),
               "its output differs from the original's by");
}

TEST(Optimized, IsGivenUpWhereItFailsLater) {
  const auto module =
      model_with("  if x.size(0) > 4:\n    return y.view([x.size(0), -1])[:, :8]\n  return y.mean([2, 3])\n");
  const Lines lines;
  Stream stream = adapt(module, with("ema")).stream();
  Stream plain = adapt(module, exactly("ema")).stream();
  expect_close(stream.forward(some_images(3)), plain.forward(some_images(3)));
  EXPECT_EQ(stream.report().unoptimized, "");
  expect_close(stream.forward(some_images(5)), plain.forward(some_images(5)));
  EXPECT_THAT(stream.report().unoptimized, HasSubstr("it fails where the model does not"));
  EXPECT_EQ(lines.all().size(), 1U);
  EXPECT_EQ(stream.report().images, 8);
  expect_close(stream.report().sites[0].used_mean, plain.report().sites[0].used_mean);
}

TEST(Optimized, ImagesThatNoFormTakesDoNotCount) {
  const auto module = model_with("  return y.mean([2, 3])\n");
  const Lines lines;
  Stream stream = adapt(module, with("ema")).stream();
  const at::Tensor wrong = at::randn({2, 4, 6, 6});
  EXPECT_THAT(message<ModelError>([&] { stream.forward(wrong); }), HasSubstr("the model fails on images"));
  stream.forward(some_images());
  EXPECT_THAT(message<ModelError>([&] { stream.forward(wrong); }), HasSubstr("the model fails on images"));
  EXPECT_EQ(stream.report().unoptimized, "");
  EXPECT_EQ(stream.report().batches, 1);
  EXPECT_THAT(lines.all(), IsEmpty());
}

TEST(Optimized, ImagesThatAreNotFiniteTellNothing) {
  const auto module = model_with("  return y.view([x.size(0), -1])[:, :10]\n");
  const Lines lines;
  Stream stream = adapt(module, with("ema")).stream();
  stream.forward(some_images() * std::nan(""));
  EXPECT_EQ(stream.report().unoptimized, "");
  stream.forward(some_images());
  EXPECT_THAT(stream.report().unoptimized, HasSubstr("it fails"));
  EXPECT_EQ(stream.report().rejected, 1);
}

TEST(Optimized, ScoresOfMinusInfinityAreCompared) {
  const auto module = model_with("  s = y.mean([2, 3])\n  s[:, 0] = float('-inf')\n  return s\n");
  Stream stream = adapt(module, with("ema")).stream();
  stream.forward(some_images());
  EXPECT_TRUE(stream.report().optimized);
}

TEST(Optimized, ABiasThatOnlySomeBatchesHaveStaysAChoice) {
  at::manual_seed(12);
  torch::jit::Module module("m");
  module.register_buffer("w", at::randn({8, 3, 3, 3}));
  module.register_buffer("b", at::randn({8}) * 10);
  module.register_buffer("mean", at::zeros({8}));
  module.register_buffer("var", at::ones({8}));
  module.define(R"(
def forward(self, x):
  b: Optional[Tensor] = self.b
  if x.size(0) < 4:
    b = None
  y = torch.batch_norm(torch.conv2d(x, self.w, b), None, None, self.mean, self.var, False, 0.1, 1e-5, False)
  return y.mean([2, 3])
)");
  Stream stream = adapt(module, with("ema:momentum=0.01")).stream();
  Stream plain = adapt(module, exactly("ema:momentum=0.01")).stream();
  for (const std::int64_t count : {5, 2, 5}) {
    expect_close(stream.forward(some_images(count)), plain.forward(some_images(count)));
  }
  EXPECT_TRUE(stream.report().optimized);
}

/// The blocks of mobile networks: 1x1, depthwise, 1x1, each with BatchNorm, with a residual if `adds`.
torch::jit::Module inverted_residuals(bool adds) {
  at::manual_seed(13);
  torch::jit::Module module("m");
  std::string body = "def forward(self, x):\n";
  const auto layer = [&](const std::string& name, std::int64_t in, std::int64_t out, std::int64_t side,
                         std::int64_t groups, const std::string& activation) {
    module.register_buffer("w" + name, at::randn({out, in / groups, side, side}));
    module.register_buffer("g" + name, at::rand({out}) + 0.5);
    module.register_buffer("b" + name, at::randn({out}));
    module.register_buffer("m" + name, at::randn({out}));
    module.register_buffer("v" + name, 10 * at::rand({out}) + 5);
    body += c10::str("  x = torch.conv2d(x, self.w", name, ", None, [1, 1], [", side / 2, ", ", side / 2, "], [1, 1], ",
                     groups, ")\n  x = torch.batch_norm(x, self.g", name, ", self.b", name, ", self.m", name,
                     ", self.v", name, ", False, 0.1, 1e-5, False)\n", activation);
  };
  const char* relu6 = "  x = torch.hardtanh(x, 0.0, 6.0)\n";
  layer("0", 3, 16, 3, 1, relu6);
  for (const std::string block : {"a", "b"}) {
    body += "  r = x\n";
    layer(block + "1", 16, 48, 1, 1, relu6);
    layer(block + "2", 48, 48, 3, 48, relu6);
    layer(block + "3", 48, 16, 1, 1, adds ? "  x = x + r\n" : "");
  }
  module.define(body + "  return x.mean([2, 3])\n");
  return module;
}

TEST(Optimized, BlocksOfMobileNetworksComputeWhatThePlainFormDoes) {
  for (const bool adds : {false, true}) {
    for (const char* rule : {"batch", "ema", "auto", "prior:count=4", "ema:sample=1/4", "ema:sample=1/2,lag=1"}) {
      SCOPED_TRACE(c10::str(rule, adds ? " with residuals" : ""));
      Stream fast = adapt(inverted_residuals(adds), with(rule)).stream();
      Stream plain = adapt(inverted_residuals(adds), exactly(rule)).stream();
      for (const std::int64_t count : {8, 8, 1, 1, 3}) {
        const at::Tensor images = at::randn({count, 3, 20, 19}) + at::randn({count, 3, 1, 1});
        expect_close(fast.forward(images), plain.forward(images));
      }
      EXPECT_TRUE(fast.report().optimized) << fast.report().unoptimized;
      ASSERT_EQ(fast.report().sites.size(), 7U);
      for (std::size_t i = 0; i < 7; ++i) {
        expect_close(fast.report().sites[i].used_mean, plain.report().sites[i].used_mean);
        expect_close(fast.report().sites[i].used_var, plain.report().sites[i].used_var);
      }
    }
  }
}

TEST(Optimized, AModelThatWritesIntoAPartOfItselfRunsAsItIs) {
  torch::jit::Module module("m");
  module.register_buffer("seen", at::zeros({2}));
  module.register_buffer("mean", at::zeros({3}));
  module.register_buffer("var", at::ones({3}));
  module.define(
      "def forward(self, x):\n"
      "  self.seen[0] += 1\n"
      "  y = torch.batch_norm(x, None, None, self.mean, self.var, False, 0.1, 1e-5, False)\n"
      "  return y.mean([2, 3]) + self.seen[0]\n");
  const Lines lines;
  Stream stream = adapt(module, with("ema")).stream();
  Stream plain = adapt(module, exactly("ema")).stream();
  for (int batch = 0; batch < 2; ++batch) {
    EXPECT_TRUE(stream.forward(some_images()).equal(plain.forward(some_images())));
  }
  EXPECT_FALSE(stream.report().optimized);
  EXPECT_THAT(stream.report().unoptimized, HasSubstr("writes into"));
}

TEST(Optimized, AModelMayWriteIntoItsImages) {
  torch::jit::Module writes("w");
  writes.register_module("inner", model_with("  return y.mean([2, 3])\n"));
  writes.define("def forward(self, x):\n  x.mul_(2)\n  return self.inner.forward(x)\n");
  Stream stream = adapt(writes, with("ema")).stream();
  Stream plain = adapt(writes, exactly("ema")).stream();
  for (const std::int64_t count : {3, 5}) {
    const at::Tensor images = some_images(count).contiguous(at::MemoryFormat::ChannelsLast);
    const at::Tensor given = images.clone();
    expect_close(stream.forward(given), plain.forward(images.clone()));
    EXPECT_TRUE(given.equal(images)) << "the optimised form has copies";
  }
  EXPECT_TRUE(stream.report().optimized);
}

TEST(Optimized, MapsComeBackInTheUsualOrder) {
  const auto module = model_with("  return torch.relu(y)\n");
  Stream stream = adapt(module, with("ema")).stream();
  const at::Tensor y = stream.forward(some_images());
  EXPECT_EQ(stream.report().unoptimized, "");
  EXPECT_TRUE(y.is_contiguous());
  EXPECT_GE(y.min().item<double>(), 0);
}

TEST(Optimized, AModelThatWritesIntoItselfRunsAsItIs) {
  torch::jit::Module own("m");
  own.register_buffer("seen", at::zeros({1}));
  own.register_buffer("mean", at::zeros({3}));
  own.register_buffer("var", at::ones({3}));
  own.define(
      "def forward(self, x):\n"
      "  self.seen.add_(1)\n"
      "  y = torch.batch_norm(x, None, None, self.mean, self.var, False, 0.1, 1e-5, False)\n"
      "  return y.mean([2, 3]) + self.seen\n");
  Stream stream = adapt(own, with("ema")).stream();
  stream.forward(some_images());
  EXPECT_EQ(stream.report().unoptimized, "the model writes into itself");
}

TEST(Optimized, StreamsThatBeginTogetherAgree) {
  const at::Tensor x = golden("net.scripted", "input");
  const AdaptedModel model = adapt(load_archive("net.scripted"), with("ema"));
  Stream alone = adapt(load_archive("net.scripted"), with("ema")).stream();
  const at::Tensor expected = alone.forward(x);
  std::vector<int> same(4, 0);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < same.size(); ++i) {
    threads.emplace_back([&, i] {
      Stream stream = model.stream();
      same[i] = stream.forward(x).equal(expected) ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_THAT(same, Each(1));
  EXPECT_TRUE(model.stream().report().optimized);
}

TEST(Optimize, ReadsAndWritesItsText) {
  EXPECT_EQ(to_string(parse_optimize("none")), "none");
  EXPECT_EQ(to_string(parse_optimize("auto")), "auto");
  EXPECT_EQ(message<UsageError>([] { parse_optimize("fast"); }), "optimize: expected none or auto, found fast");
}

}  // namespace
}  // namespace ttscale
