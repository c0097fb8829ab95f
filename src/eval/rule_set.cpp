// SPDX-License-Identifier: MIT
// One input, the output of every rule.
#include "eval/rule_set.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>
#include <sstream>
#include <utility>

#include "metrics/segmentation.h"
#include "ttscale/error.h"

namespace ttscale::eval {
namespace {

template <typename T>
std::string text_of(const T& value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

/// Whether a model gave one tensor of that many dimensions for each image.
bool is_output(const at::Tensor& output, const at::Tensor& images, std::int64_t dimensions) {
  return output.dim() == dimensions && output.size(0) == images.size(0) && output.is_floating_point();
}

[[noreturn]] void refuse(const std::string& expected, const at::Tensor& output, const at::Tensor& images,
                         const std::string& remedy) {
  throw ModelError("model: expected floating-point scores [" + std::to_string(images.size(0)) + ", " + expected +
                   "] for a batch " + text_of(images.sizes()) + ", found " + text_of(output.dtype()) + " " +
                   text_of(output.sizes()) + "; " + remedy);
}

void check_scores(const at::Tensor& output, const at::Tensor& images) {
  if (!is_output(output, images, 2)) {
    refuse(
        "classes", output, images,
        is_output(output, images, 4)
            ? "add --task segmentation for a model that gives a map, or wrap it so that it returns class scores alone"
            : "wrap the model so that it returns class scores alone");
  }
}

void check_maps(const at::Tensor& output, const at::Tensor& images) {
  if (!is_output(output, images, 4)) {
    refuse("classes, height, width", output, images,
           is_output(output, images, 2)
               ? "use --task classification for a model that gives a class an image, or name its map by --output"
               : "wrap the model so that it returns a map of class scores alone");
  }
  if (output.size(1) < 2) {
    refuse("2 or more classes, height, width", output, images,
           "wrap a model of one foreground score s so that it returns [0, s] as the scores of two classes");
  }
}

}  // namespace

RuleSet::RuleSet(const EvalOptions& options, const Setup& setup) : options_(options), setup_(setup) {
  for (std::size_t i = 0; i < options.rules.size(); ++i) {
    if (!source_ && setup.plan.rules[i].resolved == "source") {
      source_ = i;
    }
    Stream stream = setup.model.stream(parse_rule(options.rules[i]));
    if (!options.state_in.empty()) {
      stream.load(options.state_in);
    }
    runs_.emplace_back(options.rules[i], std::move(stream), options.window);
  }
}

void RuleSet::restart() {
  for (RuleRun& run : runs_) {
    run.restart();
  }
}

void RuleSet::start_part() {
  for (RuleRun& run : runs_) {
    run.start_part();
  }
}

at::Tensor RuleSet::model_input(const at::Tensor& images) const {
  at::Tensor input = images;
  if (!std::holds_alternative<std::monostate>(setup_.input)) {
    const image::Preprocessing& preprocessing = options_.preprocessing;
    input = image::normalize(scale_input(images, setup_.input), preprocessing.mean, preprocessing.std);
  }
  return input.to(at::Device(options_.device), setup_.model.input_type());
}

at::Tensor RuleSet::logits_of(const at::Tensor& output, const at::Tensor& images) {
  check_scores(output, images);
  data::check_class_count(setup_.tree, output.size(1));
  if (options_.valid_classes && !absent_.defined()) {
    absent_ = absent_classes(setup_.tree);
  }
  // An output of -Inf is one that softmax and argmax leave out.
  return absent_.defined() ? output.masked_fill(absent_, -std::numeric_limits<double>::infinity()) : output;
}

/// At once, and not when they are scored: the maps of all rules would fill the memory.
at::Tensor RuleSet::pixels_of(const at::Tensor& output, const at::Tensor& images) const {
  check_maps(output, images);
  if (!setup_.tree.classes.empty()) {
    data::check_class_count(setup_.tree, output.size(1));
  }
  return metrics::predicted_classes(output, images.size(2), images.size(3));
}

Outputs RuleSet::forward(const at::Tensor& images) {
  const at::Tensor input = model_input(images);
  Outputs outputs;
  for (RuleRun& run : runs_) {
    // A model may write into its input; only the last may do so.
    const at::Tensor output = run.forward(&run == &runs_.back() ? input : input.clone());
    outputs.of_rules.push_back(options_.task == Task::kSegmentation ? pixels_of(output, images)
                                                                    : logits_of(output, images));
    outputs.classes = output.size(1);
  }
  return outputs;
}

}  // namespace ttscale::eval
