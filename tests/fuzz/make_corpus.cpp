// SPDX-License-Identifier: MIT
// Writes the seeds of the corpus with the program's own writers: make_corpus tests/fuzz/corpus. Files that a fuzzer
// found lie beside them under the names found-*.
#include <ATen/ATen.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "adapt/state_file.h"
#include "eval/order_file.h"
#include "eval/result_json.h"
#include "image/encode.h"
#include "pickled.h"
#include "small_plan.h"
#include "small_state.h"
#include "versions.h"

namespace ttscale::fuzz {
namespace {

namespace fs = std::filesystem;

class Corpus {
 public:
  explicit Corpus(fs::path root) : root_(std::move(root)) {}

  [[nodiscard]] fs::path file(const std::string& target, const std::string& name) const {
    fs::create_directories(root_ / target);
    return root_ / target / name;
  }
  void add(const std::string& target, const std::string& name, const std::string& bytes) const {
    std::ofstream(file(target, name), std::ios::binary) << bytes;
  }

 private:
  fs::path root_;
};

std::string bytes_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void add_texts(const Corpus& corpus) {
  corpus.add("class_map", "plain.txt", "cat\ndog\nhorse\n");
  corpus.add("class_map", "windows.txt",
             "\xEF\xBB\xBF"
             "cat\r\n tabby cat \r\n\r\n");
  corpus.add("class_map", "repeated.txt", "cat\ndog\ncat\n");
  corpus.add("model_config", "timm.json",
             R"({"input_size": [3, 32, 32], "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25], "crop_pct": 0.875,
 "interpolation": "bicubic", "crop_mode": "center", "num_classes": 2, "classes": ["cat", "dog"]})");
  corpus.add(
      "model_config", "nested.json",
      R"({"architecture": "resnet18", "pretrained_cfg": {"input_size": [1, 28, 28], "mean": [0.1], "std": [1]}})");
  corpus.add("option_text", "ema", "ema:momentum=0.1,part=mean");
  corpus.add("option_text", "dua", "dua:initial=0.1,decay=0.94,floor=0.005");
  corpus.add("option_text", "unmixtns", "unmixtns:published,components=128");
  corpus.add("option_text", "min-max", "min-max:low=0,high=1,lower-quantile=0.01,scope=image");
  corpus.add("option_text", "shifts", "gaussian_noise:3,5;imagenet-c fog:1");
  corpus.add("option_text", "protocol", "mixed-correlated:delta=0.1");
  corpus.add("option_text", "shard", "2/3");
}

void add_orders(const Corpus& corpus) {
  corpus.add("order", "list.txt", "data/dark/cat/1.png\ndata/light/dog/2.png\ndata/light/./cat/1.png\n");
  corpus.add("order", "exported.tsv",
             std::string(eval::kOrderHeader) +
                 "\n0\t0\tdark\tdark\tdark/cat/1.png\n0\t1\tlight\tlight\tlight/dog/2.png\n"
                 "1\t0\tdark\tdark\tdark/dog/2.png\n");
}

void add_results(const Corpus& corpus) {
  const eval::Checkpoint checkpoint = small_checkpoint();
  eval::EvalResult result;
  result.plan = small_plan();
  result.cells = checkpoint.cells;
  result.classes = checkpoint.classes;
  result.examples = checkpoint.examples;
  result.skipped = checkpoint.skipped;
  result.partial = false;
  result.seconds = 1.5;
  corpus.add("results", "whole.json", without_versions(eval::to_json(result)));
  eval::EvalResult partial;
  partial.plan = small_plan();
  partial.plan.shard = {2, 3};
  partial.unfinished = checkpoint.cells;
  corpus.add("results", "partial.json", without_versions(eval::to_json(partial)));
  corpus.add("journal", "lines", eval::journal_line(checkpoint) + eval::journal_line({}) + "{\"unit\":");
  corpus.add("journal", "whole", without_versions(eval::journal_header(result.plan)) + eval::journal_line({}));
}

void add_archives(const Corpus& corpus) {
  const fs::path state = corpus.file("state", "archive.state");
  write_state(state, small_state());
  corpus.add("state", "pickle", pickle_in(bytes_of(state)));
  const fs::path reference = corpus.file("reference", "archive.reference");
  small_reference().save(reference);
  corpus.add("reference", "pickle", pickle_in(bytes_of(reference)));
  const fs::path weighed = corpus.file("reference", "weights.reference");
  small_reference(/*weights=*/true).save(weighed);
  corpus.add("reference", "weights", pickle_in(bytes_of(weighed)));
}

void add_images(const Corpus& corpus) {
  const at::Tensor pixels = at::arange(4 * 3 * 3, at::kByte).view({4, 3, 3});
  corpus.add("image_header", "rgb.png", image::encode(pixels, {image::Encoding::Format::kPng, 85}));
  corpus.add("image_header", "rgb.jpg", image::encode(pixels, {image::Encoding::Format::kJpeg, 85}));
  corpus.add("image_header", "gray.pgm", "P5\n# made by hand\n3 2\n255\nabcdef");
  corpus.add("image_header", "bits.pbm", "P4 9 1 \xFF\x80");
  // The header alone of what is not written here; rows of a BMP are padded to four bytes.
  std::string bmp("BM\x3E\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x01\0\0\0\x02\0\0\0\x01\0\x18\0", 30);
  corpus.add("image_header", "rgb.bmp", bmp + std::string(24, '\0') + std::string(8, 'x'));
  corpus.add("image_header", "lossless.webp",
             std::string("RIFF\x14\0\0\0WEBPVP8L\x08\0\0\0\x2F\x02\x40\0\0\0\0\0", 28));
  corpus.add("image_header", "extended.webp",
             std::string("RIFF\x16\0\0\0WEBPVP8X\x0A\0\0\0\x10\0\0\0\x02\0\0\x03\0\0", 30));
}

}  // namespace
}  // namespace ttscale::fuzz

int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: make_corpus FOLDER\n");
    return 2;
  }
  const ttscale::fuzz::Corpus corpus(arguments[1]);
  ttscale::fuzz::add_texts(corpus);
  ttscale::fuzz::add_orders(corpus);
  ttscale::fuzz::add_results(corpus);
  ttscale::fuzz::add_archives(corpus);
  ttscale::fuzz::add_images(corpus);
  return 0;
}
