// SPDX-License-Identifier: MIT
// Resolves the options of an evaluation.
#include "eval/setup.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <utility>

#include "adapt/input_reference.h"
#include "base/log.h"
#include "data/class_map.h"
#include "data/order.h"
#include "eval/fingerprint.h"
#include "eval/order_file.h"
#include "eval/task_options.h"
#include "ttscale/error.h"
#include "ttscale/options.h"
#include "ttscale/rule.h"

namespace ttscale::eval {
namespace {

constexpr const char* kClean = "clean";

const std::string& order_or_default(const EvalOptions& options) {
  static const std::string kShuffled = "shuffled";
  return options.order.empty() ? kShuffled : options.order;
}

/// What is evaluated, as the task arranges it.
struct Data {
  data::ImageTree tree;
  LabelMaps label_maps;
  std::optional<data::ImageTree> files;  ///< what the fingerprint covers, where it is more than the tree
};

Data read_segmentation(const EvalOptions& options) {
  const data::SegmentationTree pairs = read_pairs(options);
  return {images_of(pairs, options), LabelMaps(pairs), files_of(pairs)};
}

Data read_classification(const EvalOptions& options) {
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
  return {data::discover(options.data, tree), {}, std::nullopt};
}

Data read_data(const EvalOptions& options) {
  return options.task == Task::kSegmentation ? read_segmentation(options) : read_classification(options);
}

AdaptedModel load(const EvalOptions& options, const std::optional<Reference>& reference) {
  AdaptOptions adapt_options;
  adapt_options.reference = reference;
  adapt_options.rule = rule::Source{};
  adapt_options.guard = options.guard;
  adapt_options.optimize = options.optimize;
  if (options.window && !options.guard) {
    adapt_options.guard = Guard{0};  // a window shows the same images again and again: no evidence
  }
  // The model as it is needs no site.
  adapt_options.allow_no_sites = std::all_of(options.rules.begin(), options.rules.end(), [](const std::string& rule) {
    return std::holds_alternative<rule::Source>(parse_rule(rule));
  });
  adapt_options.call = options.call;
  adapt_options.layers = options.layers;
  adapt_options.skip_layers = options.skip_layers;
  return adapt(options.model, adapt_options, options.device);
}

/// Files beside model and images whose content decides the numbers.
std::vector<std::filesystem::path> deciding_files(const EvalOptions& options, const data::Order& order) {
  std::vector<std::filesystem::path> files{options.reference, order.list_file};
  for (const std::string& protocol : options.protocols) {
    files.push_back(parse_protocol(protocol)->file());
  }
  files.erase(std::remove(files.begin(), files.end(), std::filesystem::path()), files.end());
  return files;
}

/// The domains of the tree; or, with shifts made on the fly, those of its one folder of clean images.
std::vector<EvalDomain> make_domains(const data::ImageTree& tree, const std::vector<shift::Shift>& shifts, bool clean) {
  std::vector<EvalDomain> domains;
  if (shifts.empty()) {
    for (std::size_t i = 0; i < tree.domains.size(); ++i) {
      domains.push_back({tree.domains[i].name, i, -1});
    }
    return domains;
  }
  if (tree.domains.size() > 1) {
    throw UsageError("shift: expected one folder of clean images to make shifts from, found " +
                     std::to_string(tree.domains.size()) + " domains in " + tree.root.string() + " (" +
                     tree.domains.front().name + " ...); give the folder of one of them");
  }
  if (clean) {
    domains.push_back({kClean, 0, -1});
  }
  for (std::size_t i = 0; i < shifts.size(); ++i) {
    domains.push_back({shifts[i].domain(), 0, static_cast<std::int64_t>(i)});
  }
  return domains;
}

/// `clean` is no shift, and stands for the images as they are.
std::string without_clean(const std::string& text, bool& clean) {
  std::string rest;
  std::istringstream words(text);
  for (std::string word; std::getline(words, word, ';');) {
    if (word == kClean) {
      clean = true;
    } else if (!word.empty()) {
      rest += (rest.empty() ? "" : ";") + word;
    }
  }
  return rest;
}

void warn_of_few_classes(const EvalOptions& options, const data::ImageTree& tree) {
  const bool cut = std::any_of(tree.domains.begin(), tree.domains.end(), [&](const data::Domain& domain) {
    return options.num_samples && *options.num_samples < static_cast<std::int64_t>(domain.samples.size());
  });
  if (options.order == "sorted" && cut) {
    log(LogLevel::kWarning, "num_samples takes the first " + std::to_string(*options.num_samples) +
                                " images of the order \"sorted\": those of the first classes only; use --order "
                                "shuffled for a sample of all");
  }
}

std::vector<Setting> make_settings(const EvalOptions& options) {
  std::vector<Setting> settings;
  for (const std::string& protocol : options.protocols) {
    for (const std::int64_t batch_size : options.batch_sizes) {
      for (const std::uint64_t seed : options.seeds) {
        settings.push_back({protocol, batch_size, seed});
      }
    }
  }
  return settings;
}

EvalPlan make_plan(const EvalOptions& options, const data::ImageTree& tree, const std::vector<EvalDomain>& domains) {
  EvalPlan plan;
  plan.task = options.task;
  plan.model = options.model.string();
  plan.data = options.data.string();
  plan.labels = options.labels.string();
  if (options.task == Task::kSegmentation) {
    plan.ignore_index = ignored_label(options);
  }
  plan.device = options.device;
  plan.reference = options.reference.string();
  for (const EvalDomain& domain : domains) {
    plan.domains.push_back({domain.name, 0});  // add_units() counts what is shown
  }
  for (const std::string& rule : options.rules) {
    plan.rules.push_back({rule, ttscale::to_string(parse_rule(rule))});
  }
  plan.classes = tree.classes;
  plan.classes_file = tree.classes_file;
  plan.input = ttscale::to_string(options.input);
  plan.input_index = options.call.input_index;
  plan.output = options.call.output;
  plan.max_pixels = options.decode.max_pixels;
  plan.optimize = ttscale::to_string(options.optimize);
  plan.guard = options.guard ? ttscale::to_string(*options.guard) : std::string();
  plan.preprocessing = options.preprocessing;
  plan.order = options.order;
  plan.settings = make_settings(options);
  plan.window = options.window;
  plan.shifts = options.shifts.empty() ? std::string()
                                       : options.shifts + " (" + shift::to_string(options.shift_parameters) +
                                             ", seed " + std::to_string(options.shift_seed) + ")";
  plan.valid_classes = options.valid_classes;
  plan.on_error = options.on_error == data::OnError::kStop ? "stop" : "skip";
  plan.num_samples = options.num_samples;
  plan.site_report = options.site_report;
  plan.examples = options.examples;
  plan.shard = options.shard;
  return plan;
}

/// How many images of each domain the streams show, each counted once; of several settings the most.
void count_images(Setup& setup, const std::vector<StreamPlan>& streams) {
  std::vector<std::vector<bool>> shown;
  for (const EvalDomain& domain : setup.domains) {
    shown.emplace_back(setup.tree.domains[domain.folder].samples.size());
  }
  for (const StreamPlan& stream : streams) {
    for (const Part& part : stream.parts) {
      for (const Item& item : part.items) {
        shown[static_cast<std::size_t>(item.domain)][static_cast<std::size_t>(item.sample)] = true;
      }
    }
  }
  for (std::size_t i = 0; i < shown.size(); ++i) {
    const std::int64_t count = std::count(shown[i].begin(), shown[i].end(), true);
    setup.plan.domains[i].images = std::max(setup.plan.domains[i].images, count);
  }
}

/// All units in order; those of other shards are left out.
void add_units(Setup& setup, const EvalOptions& options) {
  std::map<std::pair<std::string, std::uint64_t>, std::shared_ptr<const std::vector<StreamPlan>>> known;
  std::int64_t number = 0;
  for (std::size_t i = 0; i < setup.plan.settings.size(); ++i) {
    const Setting& setting = setup.plan.settings[i];
    const auto protocol = parse_protocol(setting.protocol);
    setup.resets.push_back(protocol->reset());
    auto& plans = known[{setting.protocol, setting.seed}];
    if (!plans) {
      const Images images(setup.tree, setup.domains, data::parse_order(order_or_default(options), setting.seed),
                          options.num_samples);
      plans = std::make_shared<const std::vector<StreamPlan>>(protocol->streams(images));
      count_images(setup, *plans);
    }
    for (std::size_t stream = 0; stream < plans->size(); ++stream, ++number) {
      if (number % options.shard.count == options.shard.index - 1) {
        setup.units.push_back({i, static_cast<std::int64_t>(stream), plans});
        for (const Part& part : (*plans)[stream].parts) {
          setup.plan.work += static_cast<std::int64_t>(part.items.size());
        }
      }
    }
  }
  if (setup.units.empty()) {
    throw UsageError("shard: expected at most " + std::to_string(number) + " shards, one a stream, found " +
                     std::to_string(options.shard.count));
  }
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
  if (const std::string mismatch = reference.mismatch(); !mismatch.empty()) {
    log(LogLevel::kInfo, mismatch);
  }
  return reference;
}

void save_order(const EvalOptions& options, const Setup& setup) {
  if (options.protocols.size() * options.seeds.size() > 1 || options.shard.count > 1) {
    throw UsageError("export_order: expected one protocol, one seed and no shard, found several; name one of each");
  }
  const Images images(setup.tree, setup.domains, {}, std::nullopt);
  eval::export_order(*setup.units.front().plans, images, options.export_order);
}

at::Tensor absent_classes(const data::ImageTree& tree) {
  at::Tensor absent = at::ones({static_cast<std::int64_t>(tree.classes.size())}, at::kBool);
  bool* flags = absent.data_ptr<bool>();
  for (const data::Domain& domain : tree.domains) {
    for (const data::Sample& sample : domain.samples) {
      flags[sample.label] = false;
    }
  }
  return absent;
}

Setup prepare(const EvalOptions& options) {
  options.validate();
  bool clean = false;
  const std::string shift_text = without_clean(options.shifts, clean);
  std::vector<shift::Shift> shifts = shift_text.empty() ? std::vector<shift::Shift>() : shift::parse_shifts(shift_text);
  check_shifts_of_task(options.task, shifts);
  const data::Order order = data::parse_order(order_or_default(options), options.seeds.front());
  Data found = read_data(options);
  data::check_order(found.tree, order);
  warn_of_few_classes(options, found.tree);
  std::vector<EvalDomain> domains = make_domains(found.tree, shifts, clean);
  EvalPlan plan = make_plan(options, found.tree, domains);
  const std::optional<Reference> reference = read_reference(options.reference, options.preprocessing.describe());
  AdaptedModel model = load(options, reference);
  plan.sites = model.sites();
  plan.fingerprint =
      fingerprint(options.model, found.files ? *found.files : found.tree, deciding_files(options, order));
  InputScaling input = with_reference(options.input, InputSpace::kPixels, options.preprocessing.mean,
                                      options.preprocessing.std, reference);
  Setup setup{std::move(found.tree),
              std::move(found.label_maps),
              std::move(domains),
              std::move(shifts),
              {},
              {},
              std::move(input),
              std::move(model),
              std::move(plan)};
  add_units(setup, options);
  return setup;
}

}  // namespace ttscale::eval
