// SPDX-License-Identifier: MIT
// A test that needs a CUDA device, and what such tests share.
#pragma once

#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <gtest/gtest.h>
#include <torch/cuda.h>

#include <ATen/ATen.h>

namespace ttscale::testing {

/// Skips, loudly, where there is no device: tests/ops/CMakeLists.txt tells ctest by these words.
inline constexpr const char* kNoDevice = "no CUDA device: nothing was run";

class CudaTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!torch::cuda::is_available()) {
      GTEST_SKIP() << kNoDevice;
    }
    at::manual_seed(17);
  }
};

/// While it lives, operators of LibTorch that make the host wait for the device throw.
class NoSynchronisation {
 public:
  NoSynchronisation() { set(c10::cuda::SyncDebugMode::L_ERROR); }
  ~NoSynchronisation() { set(c10::cuda::SyncDebugMode::L_DISABLED); }
  NoSynchronisation(const NoSynchronisation&) = delete;
  NoSynchronisation& operator=(const NoSynchronisation&) = delete;

 private:
  static void set(c10::cuda::SyncDebugMode mode) { c10::cuda::warning_state().set_sync_debug_mode(mode); }
};

}  // namespace ttscale::testing
