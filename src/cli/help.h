// SPDX-License-Identifier: MIT
// Texts at the end of --help: examples that work as they stand.
#pragma once

namespace ttscale::cli {

inline constexpr const char* kInputScalings = R"help(
Input scalings:
  standardize: scope=batch (batch|image|channel), to the mean and std of the preprocessing
  min-max: low=0, high=1, lower-quantile=0, upper-quantile=1, scope=image (batch|image|channel)
)help";

inline constexpr const char* kEvalExamples = R"help(
Examples:
  ttscale eval model.pt --data images/
      a folder a class, classes in the order of their names, under source and auto
  ttscale eval resnet50.pt --data imagenet-c/ --class-map classes.txt --img-size 224 --crop-pct 1.0 \
      --rule source --rule batch --rule prior:count=16 --batch-size 50 --results-file results.json
  ttscale eval model.pt --data stream/ --order file:frames.txt --protocol continual --rule ema:momentum=0.05 \
      --batch-size 1 --predictions predictions.csv
      frames.txt: a path a line, with the folder (stream/cat/0001.png), as predictions name them
  ttscale eval model.pt --data clean/ --shift clean --shift all:3,5 --batch-size 1,16,64 --seed 0,1,2 \
      --protocol reset-each-domain --protocol mixed --html report.html --resume run.journal
      shifts made on the fly, eighteen settings, a page to look at; the same command goes on where it was interrupted;
      --shift works at an image's own size, before resize and crop; as published: ttscale corrupt --img-size 224
  ttscale eval lraspp.pt --task segmentation --data images/ --labels labels/ --ignore-index 255 --output out \
      --img-size 512 1024 --crop-pct 1.0 --crop-mode squash --batch-size 4 --shift clean --shift fog:3
      mIoU and pixel accuracy; labels/a/1.png holds the class of each pixel of images/a/1.jpg; without --labels
      DOMAIN/images and DOMAIN/labels stand side by side below --data

Exit codes: 0 done, 2 usage, 3 data, 4 model, 1 anything else.
)help";

inline constexpr const char* kMergeExamples = R"help(
Example:
  ttscale eval model.pt --data shifted/ --shard 1/2 --results-file 1.json
  ttscale eval model.pt --data shifted/ --shard 2/2 --results-file 2.json
  ttscale merge 1.json 2.json --results-file all.json
)help";

inline constexpr const char* kCalibrateExamples = R"help(
Examples:
  ttscale calibrate folded.pt --data clean/ --out folded.reference
  ttscale calibrate folded.pt --from unfolded.pt --out folded.reference
      exact, and needs no images
  ttscale eval folded.pt --data shifted/ --reference folded.reference --rule source --rule batch
  ttscale calibrate model.pt --data clean/ --out model.reference --shift all:3
      takes a pass for each of the 19 shifts; then --reference model.reference --rule ttn --batch-size 4
)help";

inline constexpr const char* kAdaptExamples = R"help(
Examples:
  ttscale adapt model.pt --data night/ --out night.pt
      runs in unmodified PyTorch, at the speed of model.pt
  ttscale adapt model.pt --data night/ --out night.pt --keep-online --rule ema:momentum=0.05
      in Python: torch.ops.load_library("libttscale.so"), then torch.jit.load("night.pt")
)help";

inline constexpr const char* kBenchExamples = R"help(
Unadapted forms: original, frozen (torch.jit.freeze), optimized (optimize_for_inference), channels_last (weights and
images, which come in that order). Adapted: each rule without a guard, auto with it, and baked (`ttscale adapt`). All
take turns in every round; ratios are to the fastest unadapted form in the same round. A guard looks at some batches
only, so that its row is the mean over whole turns of it. Images are random numbers of the range of normalised pixels:
times do not depend on what is in the images, except for the guard.

Examples:
  ttscale bench model.pt
  ttscale bench resnet50.pt --img-size 224 --batch-size 1 16 64 --rule ema --rule auto --threads 4 --json times.json
  ttscale bench folded.pt --reference folded.reference
)help";

inline constexpr const char* kCorruptExamples = R"help(
Groups: imagenet-c (15 kinds), extra (4), all (both), real (cameras and pipelines).

Examples:
  ttscale corrupt cifar/clean cifar --parameters cifar
  ttscale corrupt val/ shifted/ --kinds imagenet-c --severities 3,5 --img-size 224 --format jpeg
      ImageNet-C as published: the shorter side to 256, the central 224x224, JPEG of quality 85
  ttscale corrupt val/ shifted/ --kinds underexposure,letterbox --workers 8
A run that was interrupted goes on where it stopped when it is given again.
)help";

inline constexpr const char* kPreprocessExamples = R"help(
Example, and the same in Python:
  ttscale preprocess cat.jpg --img-size 224 --dump cat.pt
  python3 -c "import torch; print(torch.load('cat.pt').shape)"
)help";

}  // namespace ttscale::cli
