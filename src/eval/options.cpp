// SPDX-License-Identifier: MIT
// Checks of the options that need neither model nor data.
#include "eval/options.h"

#include <cinttypes>
#include <cstdio>
#include <memory>

#include "base/message_text.h"
#include "eval/option_checks.h"
#include "eval/protocol.h"
#include "eval/task_options.h"
#include "ttscale/error.h"
#include "ttscale/rule.h"

namespace ttscale::eval {
namespace {

void check_protocols(const EvalOptions& options) {
  check_each_once("protocol", options.protocols);
  check_each_once("batch_size", options.batch_sizes);
  check_each_once("seed", options.seeds);
  for (const std::string& text : options.protocols) {
    const std::unique_ptr<Protocol> protocol = parse_protocol(text);
    if (!options.export_order.empty() && protocol->reset() != Reset::kStream) {
      throw UsageError("export_order: expected a protocol whose statistics start again with its streams alone, found " +
                       text +
                       ", which resets them inside a stream, what the file cannot hold; to repeat the run, use " +
                       text + " with the same --seed and --order");
    }
    if (protocol->orders_images() && !options.order.empty()) {
      throw UsageError("order: expected none, since protocol " + text + " has its own, found \"" + options.order +
                       "\"; remove --order");
    }
  }
}

/// A state is that of one rule in one stream after the other.
void check_state(const EvalOptions& options) {
  if (options.state_in.empty() && options.state_out.empty()) {
    return;
  }
  const std::string field = options.state_in.empty() ? "state_out" : "state_in";
  if (options.rules.size() > 1) {
    throw UsageError(field + ": expected one rule, found " + std::to_string(options.rules.size()) +
                     "; a state file holds the statistics of one, name it with --rule");
  }
  if (options.protocols.size() * options.seeds.size() * options.batch_sizes.size() > 1) {
    throw UsageError(field + ": expected one protocol, batch size and seed, found several");
  }
  if (!options.journal.empty() || options.shard.count > 1) {
    throw UsageError(field + ": cannot be used with --resume and --shard, which take the work apart");
  }
}

}  // namespace

Shard parse_shard(const std::string& text) {
  constexpr std::int64_t kMostShards = 100'000;  // merge() keeps a list of them
  Shard shard;
  int end = 0;
  const bool read = std::sscanf(text.c_str(), "%" SCNd64 "/%" SCNd64 "%n", &shard.index, &shard.count, &end) == 2;
  if (!read || static_cast<std::size_t>(end) != text.size() || shard.index < 1 || shard.index > shard.count ||
      shard.count > kMostShards) {
    throw UsageError("shard: expected I/N with I from 1 to N and N at most " + std::to_string(kMostShards) +
                     ", for example 1/4, found \"" + shown(text) + "\"");
  }
  return shard;
}

void EvalOptions::validate() const {
  check_rules(rules);
  check_protocols(*this);
  check_state(*this);
  check_task(*this);
  ttscale::validate(input);
  if (guard) {
    ttscale::validate(*guard);
    if (guard->fraction > 0 && window) {
      throw UsageError(
          "guard: under --window the same images come again and again, which a guard would take for new evidence; "
          "expected --guard off, found " +
          to_string(*guard));
    }
  }
  preprocessing.validate();
  for (const std::int64_t size : batch_sizes) {
    check_at_least("batch_size", size, 1);
    if (window && *window < size) {
      throw UsageError("window: expected at least the batch size (" + std::to_string(size) + "), found " +
                       std::to_string(*window));
    }
  }
  check_at_least("workers", workers, 0);
  check_at_least("cache", cache_bytes, 0);
  check_at_least("examples", examples, 0);
  if (num_samples) {
    check_at_least("num_samples", *num_samples, 1);
  }
  if (device.empty()) {
    throw UsageError("device: expected a device such as cpu or cuda:0, found an empty text");
  }
}

}  // namespace ttscale::eval
