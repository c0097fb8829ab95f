// SPDX-License-Identifier: MIT
// Everything that evaluation tests need is made here.
#include "fixtures.h"

#include <torch/script.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <random>

#include "image/decode.h"
#include "image/preprocess.h"

namespace ttscale::eval {
namespace {

namespace fs = std::filesystem;

std::string forward_source(ModelKind kind) {
  std::string text = "def forward(self, x: Tensor) -> Tensor:\n";
  text += kind == ModelKind::kWritesInput ? "  x = x.mul_(2.0)\n" : "";
  text += "  y = torch.conv2d(x, self.filter, None, [1, 1], [1, 1], [1, 1], 1)\n";
  if (kind != ModelKind::kNoBatchNorm) {
    const std::string training = kind == ModelKind::kTraining ? "True" : "False";
    text += "  y = torch.batch_norm(y, self.weight, self.bias, self.running_mean, self.running_var, " + training +
            ", 0.0, 1e-5, True)\n";
  }
  if (kind == ModelKind::kFeatureMap) {
    return text + "  return y\n";
  }
  return text + "  return torch.linear(torch.mean(torch.relu(y), [2, 3]), self.readout)\n";
}

std::string ppm(std::mt19937& random, int light) {
  std::string bytes = "P6\n8 8\n255\n";
  for (int i = 0; i < 8 * 8 * 3; ++i) {
    bytes.push_back(static_cast<char>(random() % 128 + static_cast<unsigned>(light)));
  }
  return bytes;
}

}  // namespace

void Recorder::resolved(const EvalPlan& plan) { calls.push_back("resolved " + std::to_string(plan.work)); }

void Recorder::resumed(std::int64_t images, std::int64_t /*predictions_bytes*/) {
  calls.push_back("resumed " + std::to_string(images));
}

void Recorder::part_started(const Setting& /*setting*/, const std::string& name, std::int64_t images) {
  calls.push_back("part " + name + " " + std::to_string(images));
}

void Recorder::predictions(const PredictionBatch& batch) {
  calls.push_back("predictions " + batch.rule + " " + std::to_string(batch.predictions.size()));
  for (std::size_t i = 0; i < batch.predictions.size(); ++i) {
    const data::Sample& sample = batch.samples[i];
    all.push_back({batch.domains[static_cast<std::size_t>(sample.domain)].name, batch.rule, sample.path.string(),
                   batch.setting, sample.label, batch.predictions[i].index, batch.predictions[i].confidence});
  }
}

void Recorder::batch_done(const Progress& now) {
  calls.push_back("batch " + std::to_string(now.batch));
  progress.push_back(now);
  if (on_batch) {
    on_batch();
  }
}

void Recorder::cell_done(const Cell& cell) { calls.push_back("cell " + cell.rule); }

std::vector<Recorder::Prediction> Recorder::of(const std::string& domain, const std::string& rule) const {
  std::vector<Prediction> found;
  std::copy_if(all.begin(), all.end(), std::back_inserter(found),
               [&](const Prediction& prediction) { return prediction.domain == domain && prediction.rule == rule; });
  return found;
}

void EvalTest::SetUp() {
  write_images(folder / "data/dark", 4, 0);
  write_images(folder / "data/light", 4, 127);
}

fs::path EvalTest::save_model(ModelKind kind, std::int64_t outputs) const {
  torch::manual_seed(3);
  torch::jit::Module module("Net");
  module.register_parameter("filter", torch::randn({4, 3, 3, 3}), false);
  module.register_parameter("weight", torch::rand({4}) + 0.5, false);
  module.register_parameter("bias", torch::randn({4}), false);
  module.register_buffer("running_mean", torch::randn({4}));
  module.register_buffer("running_var", torch::rand({4}) + 0.5);
  at::Tensor readout = torch::randn({outputs, 4});
  if (kind == ModelKind::kNanScores) {
    readout[0][0] = std::numeric_limits<float>::quiet_NaN();
  }
  module.register_parameter("readout", readout, false);
  module.define(forward_source(kind));
  module.eval();
  const fs::path file = folder / ("model" + std::to_string(static_cast<int>(kind)) + ".pt");
  module.save(file.string());
  return file;
}

void EvalTest::write_images(const fs::path& root, int count, int light) {
  std::mt19937 random(5);
  for (const char* name : {"a", "b", "c"}) {
    fs::create_directories(root / name);
    for (int i = 0; i < count; ++i) {
      std::ofstream(root / name / (std::to_string(i) + ".ppm"), std::ios::binary) << ppm(random, light);
    }
  }
}

EvalOptions EvalTest::options(std::vector<std::string> rules) const {
  EvalOptions options;
  options.model = save_model(ModelKind::kPlain);
  options.data = folder / "data";
  options.rules = std::move(rules);
  options.batch_sizes = {5};
  return options;
}

const Cell* EvalTest::cell(const std::string& domain, const std::string& rule) const {
  return result.find(result.plan.settings.front(), domain, rule);
}

void EvalTest::run(const EvalOptions& options) {
  const auto on_batch = seen.on_batch;
  seen = {};
  seen.on_batch = on_batch;
  evaluate(options, seen, result);
}

at::Tensor replay(const fs::path& model, const std::vector<Recorder::Prediction>& order, std::int64_t batch_size,
                  const std::function<at::Tensor(const at::Tensor&)>& input_of) {
  const torch::NoGradGuard no_grad;
  torch::jit::Module module = torch::jit::load(model.string());
  std::vector<at::Tensor> pixels;
  for (const Recorder::Prediction& image : order) {
    pixels.push_back(image::decode(image.path).permute({2, 0, 1}).to(at::kFloat).div(255));
  }
  std::vector<at::Tensor> outputs;
  for (const at::Tensor& batch : at::stack(pixels).split(batch_size)) {
    outputs.push_back(module.forward({input_of(batch)}).toTensor());
  }
  return at::cat(outputs).to(at::kDouble).softmax(1);
}

void expect_predictions(const std::vector<Recorder::Prediction>& predictions, const at::Tensor& probabilities) {
  ASSERT_EQ(static_cast<std::int64_t>(predictions.size()), probabilities.size(0));
  for (std::size_t i = 0; i < predictions.size(); ++i) {
    const at::Tensor row = probabilities[static_cast<std::int64_t>(i)];
    EXPECT_EQ(predictions[i].index, row.argmax().item<std::int64_t>()) << predictions[i].path;
    EXPECT_NEAR(predictions[i].confidence, row.max().item<double>(), 1e-5) << predictions[i].path;
  }
}

}  // namespace ttscale::eval
