// SPDX-License-Identifier: MIT
// Lists of images (`--order file:LIST`) and exported orders (`--protocol replay:file=`), on the same two domains.
#include "data/order.h"
#include "eval/order_file.h"
#include "refusal.h"
#include "targets.h"

namespace ttscale::fuzz {
namespace {

data::ImageTree small_tree() {
  data::ImageTree tree;
  tree.root = "data";
  tree.classes = {"cat", "dog"};
  for (const std::string domain : {"dark", "light"}) {
    tree.domains.push_back({domain, {}, tree.classes});
    for (const std::string file : {"cat/1.png", "dog/2.png"}) {
      tree.domains.back().samples.push_back({"data/" + domain + "/" + file, file[0] == 'c' ? 0 : 1, 0});
    }
  }
  return tree;
}

}  // namespace

bool order(std::string_view bytes) {
  static const data::ImageTree tree = small_tree();
  static const std::vector<eval::EvalDomain> domains{{"dark", 0, -1}, {"light", 1, -1}};
  static const eval::Images images(tree, domains, {}, std::nullopt);
  const std::string text(bytes);
  const bool list = may_refuse([&] {
    const data::Order order = data::parse_order_list(text, "list.txt");
    data::check_order(tree, order);
    for (const data::Domain& domain : tree.domains) {
      data::arranged(domain, order);
    }
  });
  const bool exported = may_refuse([&] {
    std::size_t items = 0;
    const auto lines = eval::parse_order(text, "order.tsv");
    for (const eval::StreamPlan& stream : eval::replay(lines, images, "order.tsv")) {
      for (const eval::Part& part : stream.parts) {
        items += part.items.size();
      }
    }
    require(items == lines.size(), "a replay that loses images");
  });
  return list || exported;
}

}  // namespace ttscale::fuzz
