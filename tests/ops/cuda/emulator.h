// SPDX-License-Identifier: MIT
// Runs CUDA kernels on the CPU from their very source, so that machines without a card test what they compute: blocks
// one after the other, the threads of a block as coroutines that meet at __syncthreads() and at shuffles. What it
// cannot see: races between threads that do not meet, alignment, and how fast anything is. Deadlocks, shuffles that
// read a lane outside their mask and blocks of a wrong size abort.
//
// Include it through ops/cuda/launch.cuh, with TTSCALE_EMULATED_CUDA defined.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime_api.h>
#include <ucontext.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

// Blocks run one after the other, so that shared memory may be static.
#undef __global__
#undef __device__
#undef __host__
#undef __shared__
#undef __forceinline__
#undef __launch_bounds__
#define __global__
#define __device__
#define __host__
#define __shared__ static
#define __forceinline__ inline
#define __launch_bounds__(...)

namespace ttscale::ops::cuda {

struct Index {
  unsigned x, y, z;
};
inline Index threadIdx, blockIdx, blockDim;  // NOLINT

namespace emulator {

constexpr unsigned kWarp = 32;
constexpr std::size_t kStack = 1 << 16;

enum class State { kRuns, kAtBarrier, kAtShuffle, kDone };

struct Thread {
  ucontext_t context;
  std::vector<char> stack;
  State state;
  Index index;
  unsigned mask, source;  // of its shuffle
  double value;           // handed in, then the answer
};

inline std::vector<Thread> threads;
inline std::size_t current;
inline ucontext_t scheduler;
inline std::function<void()> body;

[[noreturn]] inline void fail(const char* what) {
  std::fprintf(stderr, "emulated kernel: %s\n", what);
  std::abort();
}

inline void start() {
  body();
  threads[current].state = State::kDone;
  swapcontext(&threads[current].context, &scheduler);
}

/// Gives the CPU to the other threads until the scheduler says that this one goes on.
inline void wait(State state) {
  const std::size_t me = current;
  threads[me].state = state;
  swapcontext(&threads[me].context, &scheduler);
  threadIdx = threads[me].index;
}

inline double shuffle(unsigned mask, double value, unsigned source) {
  Thread& me = threads[current];
  if (((mask >> current % kWarp) & 1U) == 0 || ((mask >> source) & 1U) == 0) {
    fail("a shuffle outside its mask");
  }
  me.mask = mask;
  me.source = source;
  me.value = value;
  wait(State::kAtShuffle);
  return me.value;
}

/// Lets the lanes of one shuffle go on, if all of them have come.
inline bool finish_shuffle(std::size_t thread) {
  const unsigned mask = threads[thread].mask;
  const std::size_t warp = thread / kWarp * kWarp;
  std::vector<Thread*> lanes;
  for (unsigned lane = 0; lane < kWarp; ++lane) {
    if (((mask >> lane) & 1U) != 0) {
      if (warp + lane >= threads.size()) {
        fail("a shuffle's mask reaches beyond the block");
      }
      lanes.push_back(&threads[warp + lane]);
    }
  }
  std::vector<double> answers;
  for (const Thread* lane : lanes) {
    if (lane->state != State::kAtShuffle || lane->mask != mask) {
      return false;
    }
    answers.push_back(threads[warp + lane->source].value);
  }
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    lanes[i]->value = answers[i];
    lanes[i]->state = State::kRuns;
  }
  return true;
}

inline void run_block() {
  for (std::size_t t = 0; t < threads.size(); ++t) {
    Thread& thread = threads[t];
    const auto i = static_cast<unsigned>(t);
    thread.index = {i % blockDim.x, i / blockDim.x % blockDim.y, i / blockDim.x / blockDim.y};
    thread.state = State::kRuns;
    getcontext(&thread.context);
    thread.context.uc_stack.ss_sp = thread.stack.data();
    thread.context.uc_stack.ss_size = thread.stack.size();
    makecontext(&thread.context, start, 0);
  }
  while (true) {
    bool moved = false;
    for (std::size_t t = 0; t < threads.size(); ++t) {
      if (threads[t].state == State::kRuns) {
        moved = true;
        current = t;
        threadIdx = threads[t].index;
        swapcontext(&scheduler, &threads[t].context);
      }
    }
    std::size_t done = 0;
    std::size_t at_barrier = 0;
    for (const Thread& thread : threads) {
      done += thread.state == State::kDone ? 1 : 0;
      at_barrier += thread.state == State::kAtBarrier ? 1 : 0;
    }
    if (done == threads.size()) {
      return;
    }
    if (done + at_barrier == threads.size()) {
      for (Thread& thread : threads) {
        thread.state = thread.state == State::kAtBarrier ? State::kRuns : thread.state;
      }
      continue;
    }
    for (std::size_t t = 0; t < threads.size(); ++t) {
      moved = (threads[t].state == State::kAtShuffle && finish_shuffle(t)) || moved;
    }
    if (!moved) {
      fail("threads wait for each other for ever");
    }
  }
}

}  // namespace emulator

inline void __syncthreads() { emulator::wait(emulator::State::kAtBarrier); }  // NOLINT

/// Lane `source` of this thread's group of `width` lanes.
inline double __shfl_sync(unsigned mask, double value, int source, int width = 32) {  // NOLINT
  const auto lane = static_cast<unsigned>(emulator::current % emulator::kWarp);
  const auto size = static_cast<unsigned>(width);
  return emulator::shuffle(mask, value, lane / size * size + static_cast<unsigned>(source) % size);
}

/// The lane `offset` further, or this one where the group ends before it.
inline double __shfl_down_sync(unsigned mask, double value, unsigned offset, int width = 32) {  // NOLINT
  const auto lane = static_cast<unsigned>(emulator::current % emulator::kWarp);
  const auto size = static_cast<unsigned>(width);
  return emulator::shuffle(mask, value, lane % size + offset < size ? lane + offset : lane);
}

/// As ops/cuda/launch.cuh has it.
template <typename... Parameters, typename... Arguments>
cudaError_t launch(void (*kernel)(Parameters...), std::int64_t grid, dim3 block, cudaStream_t, Arguments... arguments) {
  const unsigned size = block.x * block.y * block.z;
  if (grid < 1 || grid > INT32_MAX || size < 1 || size > 1024) {
    emulator::fail("a grid or block of a wrong size");
  }
  emulator::threads.resize(size);
  for (emulator::Thread& thread : emulator::threads) {
    thread.stack.resize(emulator::kStack);
  }
  emulator::body = [=] { kernel(arguments...); };
  blockDim = {block.x, block.y, block.z};
  for (std::int64_t i = 0; i < grid; ++i) {
    blockIdx = {static_cast<unsigned>(i), 0, 0};
    emulator::run_block();
  }
  return cudaSuccess;
}

}  // namespace ttscale::ops::cuda
