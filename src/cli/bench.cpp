// SPDX-License-Identifier: MIT
// `ttscale bench`: what adapting costs on this machine.
#include <ATen/Parallel.h>

#include <vector>

#include <torch/csrc/jit/api/module.h>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/machine.h"
#include "cli/preprocessing.h"
#include "cli/result_files.h"
#include "cli/streams.h"
#include "eval/forward_cost.h"
#include "eval/setup.h"
#include "graph/archive.h"
#include "graph/plain_forms.h"
#include "report/forward_cost.h"
#include "ttscale/error.h"

namespace ttscale::cli {
namespace {

/// Mean and std of a description that has another number of channels do not fit; any do for random images.
PreprocessingFlags with_channels(PreprocessingFlags flags, const std::optional<image::ModelConfig>& config) {
  const image::Preprocessing described = config ? config->preprocessing : image::Preprocessing{};
  if (flags.in_chans && *flags.in_chans != described.in_chans) {
    flags.mean = {0.5};
    flags.std = {0.25};
  }
  return flags;
}

eval::CostOptions to_options(const BenchFlags& flags) {
  eval::CostOptions options;
  options.rules = flags.rules.empty() ? options.rules : flags.rules;
  options.batch_sizes = flags.batch_sizes.empty() ? options.batch_sizes : flags.batch_sizes;
  const auto config = image::find_model_config(flags.model);
  options.preprocessing = resolve(with_channels(flags.preprocessing, config), config);
  options.optimize = parse_optimize(flags.optimize);
  options.call = flags.call;
  options.measuring.rounds = flags.rounds;
  options.measuring.warm_up = flags.warm_up;
  options.measuring.interrupt = throw_if_interrupted;
  options.device = flags.device;
  options.validate();
  options.reference = eval::read_reference(flags.reference, options.preprocessing.describe());
  return options;
}

}  // namespace

void run(const BenchFlags& flags) {
  const eval::CostOptions options = to_options(flags);
  if (!flags.json.empty()) {
    check_writable(flags.json);
  }
  if (flags.threads > 0) {
    at::set_num_threads(static_cast<int>(flags.threads));
  }
  const torch::jit::Module module = graph::load(flags.model, flags.device);
  remember_interrupts();

  const report::CostSetting setting{flags.model.string(), flags.reference.string(), graph::parameter_bytes(module),
                                    cpu_name(), at::get_num_threads()};
  const auto width = static_cast<std::size_t>(table_options().width);
  std::vector<eval::BatchCost> batches;
  for (const std::int64_t batch_size : options.batch_sizes) {
    batches.push_back(eval::forward_cost(module, options, batch_size));
    if (!flags.json.empty()) {  // now: the next batch size may fail, and a reader of stdout may leave
      write_file(flags.json, report::cost_json(setting, options, batches));
    }
    write_stdout((batches.size() == 1 ? report::cost_heading(setting, options) : "") + '\n' +
                 report::cost_table(batches.back(), options, width));
  }
}

}  // namespace ttscale::cli
