// SPDX-License-Identifier: MIT
// The loops for AVX2.
//
// A weight has 24 bits, and the multiplier that adds two products at once takes 16. So a weight w is cut into halves,
// w = 65536 h + l with l signed, and sum(w p) is 65536 sum(h p) + sum(l p): two exact integer sums modulo 2^32, whose
// total is what Pillow's sum is. Everything is in an unnamed namespace and nothing of the standard library is called: a
// function shared with other translation units would be linked from whichever was compiled for the newest CPU.
#include "image/filter_loops.h"

#include <immintrin.h>

namespace ttscale::image {
namespace {

constexpr int kHalf = 1 << (kWeightBits - 1);

#define TTSCALE_INLINE inline __attribute__((always_inline))

TTSCALE_INLINE __m256i total(__m256i high, __m256i low) { return _mm256_add_epi32(_mm256_slli_epi32(high, 16), low); }

TTSCALE_INLINE __m256i rounded(__m256i sum) {
  return _mm256_srai_epi32(_mm256_add_epi32(sum, _mm256_set1_epi32(kHalf)), kWeightBits);
}

// Four weights to two lanes: w0 w1 four times, w2 w3 four times, as the pixels of spread() lie.
TTSCALE_INLINE __m256i spread_weights(const std::int16_t* weights) {
  long long four = 0;
  __builtin_memcpy(&four, weights, sizeof(four));
  const __m256i order =
      _mm256_setr_epi8(0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7);
  return _mm256_shuffle_epi8(_mm256_set1_epi64x(four), order);
}

// Four pixels as words, channel by channel: pixels 0 and 1 in the lower lane, 2 and 3 in the upper.
template <int kChannels>
TTSCALE_INLINE __m256i spread_pixels(const std::uint8_t* pixels) {
  constexpr char kZero = -128;
  const __m256i three =
      _mm256_setr_epi8(0, kZero, 3, kZero, 1, kZero, 4, kZero, 2, kZero, 5, kZero, kZero, kZero, kZero, kZero, 6, kZero,
                       9, kZero, 7, kZero, 10, kZero, 8, kZero, 11, kZero, kZero, kZero, kZero, kZero);
  const __m256i four =
      _mm256_setr_epi8(0, kZero, 4, kZero, 1, kZero, 5, kZero, 2, kZero, 6, kZero, 3, kZero, 7, kZero, 8, kZero, 12,
                       kZero, 9, kZero, 13, kZero, 10, kZero, 14, kZero, 11, kZero, 15, kZero);
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(pixels));
  return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(bytes), kChannels == 3 ? three : four);
}

// The sums of two rows, each in the two lanes of a register, as the two lanes of one.
TTSCALE_INLINE __m256i join(__m256i a, __m256i b) {
  return _mm256_add_epi32(_mm256_permute2x128_si256(a, b, 0x20), _mm256_permute2x128_si256(a, b, 0x31));
}

template <int kChannels>
void along_x_colour(const std::uint8_t* const* in, const TapTable& taps, std::uint8_t* const* out) {
  static_assert(kRowsAtOnce == 4);
  for (int output = 0; output < taps.outputs; ++output) {
    const std::int16_t* high_weights = taps.high + std::ptrdiff_t{output} * taps.stride;
    const std::int16_t* low_weights = taps.low + std::ptrdiff_t{output} * taps.stride;
    const std::ptrdiff_t begin = std::ptrdiff_t{taps.first[output]} * kChannels;
    __m256i high[kRowsAtOnce] = {};
    __m256i low[kRowsAtOnce] = {};
    for (int i = 0; i < taps.count[output]; i += 4) {
      const __m256i h = spread_weights(high_weights + i);
      const __m256i l = spread_weights(low_weights + i);
#pragma GCC unroll 4
      for (int row = 0; row < kRowsAtOnce; ++row) {
        const __m256i pixels = spread_pixels<kChannels>(in[row] + begin + std::ptrdiff_t{i} * kChannels);
        high[row] = _mm256_add_epi32(high[row], _mm256_madd_epi16(pixels, h));
        low[row] = _mm256_add_epi32(low[row], _mm256_madd_epi16(pixels, l));
      }
    }
    const __m256i rows02 = rounded(join(total(high[0], low[0]), total(high[2], low[2])));
    const __m256i rows13 = rounded(join(total(high[1], low[1]), total(high[3], low[3])));
    const __m256i words = _mm256_packs_epi32(rows02, rows13);
    const __m256i bytes = _mm256_packus_epi16(words, words);  // rows 0 and 1 in the lower lane, 2 and 3 in the upper
    const auto rows01 = static_cast<std::uint64_t>(_mm256_extract_epi64(bytes, 0));
    const auto rows23 = static_cast<std::uint64_t>(_mm256_extract_epi64(bytes, 2));
    const std::uint32_t pixels[kRowsAtOnce] = {
        static_cast<std::uint32_t>(rows01), static_cast<std::uint32_t>(rows01 >> 32U),
        static_cast<std::uint32_t>(rows23), static_cast<std::uint32_t>(rows23 >> 32U)};
    for (int row = 0; row < kRowsAtOnce; ++row) {
      __builtin_memcpy(out[row] + std::ptrdiff_t{output} * kChannels, &pixels[row], kChannels);
    }
  }
}

// Eight pixels at once; the four sums of a row are added at the end.
void along_x_gray(const std::uint8_t* const* in, const TapTable& taps, std::uint8_t* const* out) {
  for (int output = 0; output < taps.outputs; ++output) {
    const std::int16_t* high_weights = taps.high + std::ptrdiff_t{output} * taps.stride;
    const std::int16_t* low_weights = taps.low + std::ptrdiff_t{output} * taps.stride;
    __m128i high[kRowsAtOnce] = {};
    __m128i low[kRowsAtOnce] = {};
    for (int i = 0; i < taps.count[output]; i += 8) {
      const __m128i h = _mm_loadu_si128(reinterpret_cast<const __m128i*>(high_weights + i));
      const __m128i l = _mm_loadu_si128(reinterpret_cast<const __m128i*>(low_weights + i));
#pragma GCC unroll 4
      for (int row = 0; row < kRowsAtOnce; ++row) {
        const std::uint8_t* pixel = in[row] + taps.first[output] + i;
        const __m128i pixels = _mm_cvtepu8_epi16(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(pixel)));
        high[row] = _mm_add_epi32(high[row], _mm_madd_epi16(pixels, h));
        low[row] = _mm_add_epi32(low[row], _mm_madd_epi16(pixels, l));
      }
    }
    __m128i sums[kRowsAtOnce];
    for (int row = 0; row < kRowsAtOnce; ++row) {
      sums[row] = _mm_add_epi32(_mm_slli_epi32(high[row], 16), low[row]);
    }
    const __m128i rows = _mm_hadd_epi32(_mm_hadd_epi32(sums[0], sums[1]), _mm_hadd_epi32(sums[2], sums[3]));
    const __m128i values = _mm_srai_epi32(_mm_add_epi32(rows, _mm_set1_epi32(kHalf)), kWeightBits);
    const __m128i words = _mm_packs_epi32(values, values);
    const auto pixels = static_cast<std::uint32_t>(_mm_cvtsi128_si32(_mm_packus_epi16(words, words)));
    for (int row = 0; row < kRowsAtOnce; ++row) {
      out[row][output] = static_cast<std::uint8_t>(pixels >> (8U * static_cast<unsigned>(row)));
    }
  }
}

void along_x(const std::uint8_t* const* in, const TapTable& taps, int channels, std::uint8_t* const* out) {
  if (channels == 1) {
    along_x_gray(in, taps, out);
  } else if (channels == 3) {
    along_x_colour<3>(in, taps, out);
  } else {
    along_x_colour<4>(in, taps, out);
  }
}

TTSCALE_INLINE __m256i two_weights(const std::int16_t* weights) {
  int two = 0;
  __builtin_memcpy(&two, weights, sizeof(two));
  return _mm256_set1_epi32(two);
}

constexpr std::ptrdiff_t kStrip = 32;

// Two rows at once: their bytes are interleaved and widened, as the multiplier wants them.
void filter_strip(const std::uint8_t* in, std::ptrdiff_t width, const std::int16_t* high_weights,
                  const std::int16_t* low_weights, int count, std::uint8_t* out) {
  const __m256i zero = _mm256_setzero_si256();
  __m256i high[4] = {};
  __m256i low[4] = {};
  for (int i = 0; i < count; i += 2, in += 2 * width) {
    const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(in));
    const std::uint8_t* next = i + 1 < count ? in + width : in;  // behind the last weight is a zero
    const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(next));
    const __m256i h = two_weights(high_weights + i);
    const __m256i l = two_weights(low_weights + i);
    const __m256i left = _mm256_unpacklo_epi8(a, b);
    const __m256i right = _mm256_unpackhi_epi8(a, b);
    const __m256i pixels[4] = {_mm256_unpacklo_epi8(left, zero), _mm256_unpackhi_epi8(left, zero),
                               _mm256_unpacklo_epi8(right, zero), _mm256_unpackhi_epi8(right, zero)};
#pragma GCC unroll 4
    for (int part = 0; part < 4; ++part) {
      high[part] = _mm256_add_epi32(high[part], _mm256_madd_epi16(pixels[part], h));
      low[part] = _mm256_add_epi32(low[part], _mm256_madd_epi16(pixels[part], l));
    }
  }
  __m256i sums[4];
#pragma GCC unroll 4
  for (int part = 0; part < 4; ++part) {
    sums[part] = rounded(total(high[part], low[part]));
  }
  const __m256i bytes = _mm256_packus_epi16(_mm256_packs_epi32(sums[0], sums[1]), _mm256_packs_epi32(sums[2], sums[3]));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), bytes);
}

void along_y(const std::uint8_t* in, std::ptrdiff_t width, const TapTable& taps, int output, std::uint8_t* out) {
  if (width < kStrip) {
    kBaselineFilterLoops.along_y(in, width, taps, output, out);
    return;
  }
  const std::ptrdiff_t begin = std::ptrdiff_t{output} * taps.stride;
  for (std::ptrdiff_t x = 0; x < width; x += kStrip) {
    const std::ptrdiff_t at = x + kStrip <= width ? x : width - kStrip;  // the last strip may do some pixels again
    filter_strip(in + at, width, taps.high + begin, taps.low + begin, taps.count[output], out + at);
  }
}

}  // namespace

const FilterLoops kAvx2FilterLoops{along_x, along_y};

}  // namespace ttscale::image
