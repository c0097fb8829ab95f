// SPDX-License-Identifier: MIT
// One input, the output of every rule.
#include "eval/rule_set.h"

#include <ATen/ATen.h>

#include <limits>
#include <sstream>
#include <utility>

#include "ttscale/error.h"

namespace ttscale::eval {
namespace {

template <typename T>
std::string text_of(const T& value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

void check_output(const at::Tensor& output, const at::Tensor& images) {
  if (output.dim() != 2 || output.size(0) != images.size(0) || !output.is_floating_point()) {
    throw ModelError("model: expected floating-point scores [" + std::to_string(images.size(0)) +
                     ", classes] for a batch " + text_of(images.sizes()) + ", found " + text_of(output.dtype()) + " " +
                     text_of(output.sizes()) + "; wrap the model so that it returns class scores alone");
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
  return input.to(at::Device(options_.device));
}

std::vector<at::Tensor> RuleSet::forward(const at::Tensor& images) {
  const at::Tensor input = model_input(images);
  std::vector<at::Tensor> logits;
  for (RuleRun& run : runs_) {
    // A model may write into its input; only the last may do so.
    at::Tensor output = run.forward(&run == &runs_.back() ? input : input.clone());
    check_output(output, images);
    data::check_class_count(setup_.tree, output.size(1));
    if (options_.valid_classes && !absent_.defined()) {
      absent_ = absent_classes(setup_.tree);
    }
    // An output of -Inf is one that softmax and argmax leave out.
    logits.push_back(absent_.defined() ? output.masked_fill(absent_, -std::numeric_limits<double>::infinity())
                                       : output);
  }
  return logits;
}

}  // namespace ttscale::eval
