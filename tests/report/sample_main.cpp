// SPDX-License-Identifier: MIT
// Writes the pages of all made-up results into a folder, for scripts/check_report.py and for looking at.
#include <filesystem>
#include <fstream>
#include <iostream>

#include "report/html.h"
#include "sample_result.h"

int main(int count, char** arguments) {
  if (count != 2) {
    std::cerr << "usage: report_samples FOLDER\n";
    return 2;
  }
  const std::filesystem::path folder = arguments[1];
  std::filesystem::create_directories(folder);
  ttscale::report::HtmlOptions options;
  options.command =
      "ttscale eval models/fashion-resnet.scripted.pt --data models/fashion-images --rule source --rule batch "
      "--rule prior:count=16 --batch-size 64 --html report.html";
  options.versions = "ttscale 0.1.0, LibTorch 2.11.0";
  options.extra_rows = {{"mCE of batch", "62.3 (15 kinds, AlexNet's errors as published)"}};
  for (const auto& [name, result] : ttscale::report::all_samples()) {
    std::ofstream(folder / (name + ".html"), std::ios::binary) << to_html(result, options);
  }
  return 0;
}
