// SPDX-License-Identifier: MIT
// Resolves the options of an evaluation.
#include "eval/setup.h"

#include <algorithm>
#include <utility>

#include "adapt/input_reference.h"
#include "base/log.h"
#include "data/class_map.h"
#include "ttscale/options.h"
#include "ttscale/rule.h"

namespace ttscale::eval {
namespace {

data::ImageTree read_tree(const EvalOptions& options) {
  data::TreeOptions tree;
  tree.class_order = options.class_order;
  tree.layout = options.layout;
  if (options.class_map) {
    tree.classes = data::read_class_map(*options.class_map, options.data);
    tree.classes_file = options.class_map->string();
  } else {
    tree.classes = options.classes;
    tree.classes_file = options.classes_file;
  }
  return data::discover(options.data, tree);
}

AdaptedModel load(const EvalOptions& options, const std::optional<Reference>& reference) {
  AdaptOptions adapt_options;
  adapt_options.reference = reference;
  adapt_options.rule = rule::Source{};
  // The model as it is needs no site.
  adapt_options.allow_no_sites = std::all_of(options.rules.begin(), options.rules.end(), [](const std::string& rule) {
    return std::holds_alternative<rule::Source>(parse_rule(rule));
  });
  adapt_options.call = options.call;
  adapt_options.layers = options.layers;
  adapt_options.skip_layers = options.skip_layers;
  return adapt(options.model, adapt_options, options.device);
}

std::int64_t images_of(const data::Domain& domain, const data::Order& order, const EvalOptions& options) {
  if (order.kind == data::OrderKind::kListed) {
    return static_cast<std::int64_t>(stream_of(domain, order, options).size());
  }
  const auto images = static_cast<std::int64_t>(domain.samples.size());
  return std::min(images, options.num_samples.value_or(images));
}

void warn_of_few_classes(const EvalPlan& plan, const data::ImageTree& tree) {
  const auto all = [&](std::size_t i) { return static_cast<std::int64_t>(tree.domains[i].samples.size()); };
  for (std::size_t i = 0; plan.order == "sorted" && plan.num_samples && i < tree.domains.size(); ++i) {
    if (plan.domains[i].images < all(i)) {
      log(LogLevel::kWarning, "num_samples takes the first " + std::to_string(*plan.num_samples) +
                                  " images of the order \"sorted\": those of the first classes only; use --order "
                                  "shuffled for a sample of all");
      return;
    }
  }
}

EvalPlan make_plan(const EvalOptions& options, const data::ImageTree& tree, const data::Order& order) {
  EvalPlan plan;
  plan.model = options.model.string();
  plan.data = options.data.string();
  plan.device = options.device;
  plan.reference = options.reference.string();
  for (const data::Domain& domain : tree.domains) {
    plan.domains.push_back({domain.name, images_of(domain, order, options)});
  }
  for (const std::string& rule : options.rules) {
    plan.rules.push_back({rule, ttscale::to_string(parse_rule(rule))});
  }
  plan.classes = tree.classes;
  plan.classes_file = tree.classes_file;
  plan.input = ttscale::to_string(options.input);
  plan.preprocessing = options.preprocessing;
  plan.order = options.order;
  plan.seed = options.seed;
  plan.reset = to_string(options.reset);
  plan.on_error = options.on_error == data::OnError::kStop ? "stop" : "skip";
  plan.batch_size = options.batch_size;
  plan.num_samples = options.num_samples;
  warn_of_few_classes(plan, tree);
  return plan;
}

}  // namespace

std::optional<Reference> read_reference(const std::filesystem::path& file, const std::string& preprocessing) {
  if (file.empty()) {
    return std::nullopt;
  }
  Reference reference = Reference::load(file);
  if (!reference.preprocessing.empty() && reference.preprocessing != preprocessing) {
    log(LogLevel::kWarning, "the reference " + file.string() + " was measured with other preprocessing (" +
                                reference.preprocessing + ") than now (" + preprocessing +
                                "); calibrate with the same");
  }
  return reference;
}

std::vector<data::Sample> stream_of(const data::Domain& domain, const data::Order& order, const EvalOptions& options) {
  std::vector<data::Sample> samples = data::arrange(domain, order);
  if (options.num_samples && static_cast<std::size_t>(*options.num_samples) < samples.size()) {
    samples.resize(static_cast<std::size_t>(*options.num_samples));
  }
  return samples;
}

Setup prepare(const EvalOptions& options) {
  options.validate();
  data::Order order = data::parse_order(options.order, options.seed);
  data::ImageTree tree = read_tree(options);
  data::check_order(tree, order);
  EvalPlan plan = make_plan(options, tree, order);
  const std::optional<Reference> reference = read_reference(options.reference, options.preprocessing.describe());
  AdaptedModel model = load(options, reference);
  plan.sites = model.sites();
  InputScaling input = with_reference(options.input, InputSpace::kPixels, options.preprocessing.mean,
                                      options.preprocessing.std, reference);
  return {std::move(tree), std::move(order), std::move(input), std::move(model), std::move(plan)};
}

}  // namespace ttscale::eval
