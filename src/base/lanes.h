// SPDX-License-Identifier: MIT
// Vectors of the width that this translation unit is compiled for, and how elements become lanes and lanes elements.
//
// GCC's vector extensions (clang has them too) rather than ATen's Vectorized or Highway: no dependency, no header of
// LibTorch (whose macros for this differ between versions), and a register is what the source says it is. Only the
// float16 conversions of F16C need an intrinsic. Everything is in an unnamed namespace and nothing of the standard
// library is called: a function shared with other translation units would be linked from whichever was compiled for the
// newest CPU.
#pragma once

#include <cstdint>
#include <type_traits>

#ifdef __F16C__
#include <immintrin.h>
#endif

#define TTSCALE_INLINE inline __attribute__((always_inline))
#define TTSCALE_INLINE_LAMBDA __attribute__((always_inline))

namespace ttscale::simd {
namespace {

using std::int64_t;
using std::uint16_t;
using std::uint32_t;

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

// clang-format off: attributes are broken over lines at random
template <int lanes>
struct Of {
  typedef float Float __attribute__((vector_size(lanes * 4)));
  typedef std::int32_t Int __attribute__((vector_size(lanes * 4)));
  typedef uint32_t Word __attribute__((vector_size(lanes * 4)));
  typedef uint16_t Short __attribute__((vector_size(lanes * 2)));
  typedef double Double __attribute__((vector_size(lanes * 8)));
  typedef std::int64_t Long __attribute__((vector_size(lanes * 8)));
  typedef std::uint64_t LongWord __attribute__((vector_size(lanes * 8)));
};
// clang-format on

// The 16-bit types by their bits: LibTorch's own need its headers.
struct BFloat16 {
  uint16_t bits;
};
struct Half {
  uint16_t bits;
};

/// The type that affine computes in.
template <typename T>
struct Arithmetic {
  using Type = float;
};
template <>
struct Arithmetic<double> {
  using Type = double;
};

template <typename V>
TTSCALE_INLINE V load_bytes(const void* p) {
  V v;
  __builtin_memcpy(&v, p, sizeof(V));
  return v;
}
template <typename To, typename From>
TTSCALE_INLINE To bit_cast(const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  __builtin_memcpy(&to, &from, sizeof(To));
  return to;
}

/// `lanes` elements as floats.
template <int lanes>
TTSCALE_INLINE typename Of<lanes>::Float load_floats(const float* p) {
  return load_bytes<typename Of<lanes>::Float>(p);
}
template <int lanes>
TTSCALE_INLINE typename Of<lanes>::Float load_floats(const Half* p) {
  using Float = typename Of<lanes>::Float;
#ifdef __F16C__
  if constexpr (lanes == 4) {
    return bit_cast<Float>(_mm_cvtph_ps(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
  } else if constexpr (lanes == 8) {
    return bit_cast<Float>(_mm256_cvtph_ps(load_bytes<__m128i>(p)));
#ifdef __AVX512F__
  } else {
    return bit_cast<Float>(_mm512_cvtph_ps(load_bytes<__m256i>(p)));
#endif
  }
#else
  using Int = typename Of<lanes>::Int;
  using Word = typename Of<lanes>::Word;
  const Word h = __builtin_convertvector(load_bytes<typename Of<lanes>::Short>(p), Word);
  const Word exponent = h & 0x7c00;
  const Word moved = (h & 0x7fff) << 13;
  // The bias grows by 127 - 15 = 112; the largest exponent stands for Inf and NaN in both types.
  const Word normal = exponent == 0x7c00 ? moved + (224U << 23) : moved + (112U << 23);
  // Denormal float16 are multiples of 2^-24.
  const Float small = __builtin_convertvector(bit_cast<Int>(h & 0x3ff), Float) * 0x1p-24F;
  const Word magnitude = exponent == 0 ? bit_cast<Word>(small) : normal;
  return bit_cast<Float>(magnitude | ((h & 0x8000) << 16));
#endif
}

/// Rounds to nearest, ties to even, as all that write elements; NaN stays NaN.
template <int lanes>
TTSCALE_INLINE void store_floats(float* p, typename Of<lanes>::Float v) {
  __builtin_memcpy(p, &v, sizeof(v));
}
template <int lanes>
TTSCALE_INLINE void store_floats(Half* p, typename Of<lanes>::Float v) {
#ifdef __F16C__
  if constexpr (lanes == 8) {
    const __m128i half = _mm256_cvtps_ph(bit_cast<__m256>(v), _MM_FROUND_TO_NEAREST_INT);
    __builtin_memcpy(p, &half, sizeof(half));
#ifdef __AVX512F__
  } else {
    const __m256i half = _mm512_cvtps_ph(bit_cast<__m512>(v), _MM_FROUND_TO_NEAREST_INT);
    __builtin_memcpy(p, &half, sizeof(half));
#endif
  }
#else
  using Float = typename Of<lanes>::Float;
  using Word = typename Of<lanes>::Word;
  const Word bits = bit_cast<Word>(v);
  const Word magnitude = bits & 0x7fffffff;
  const Word normal = (magnitude + 0xfff + ((magnitude >> 13) & 1) - (112U << 23)) >> 13;
  // Below 2^-14 results are multiples of 2^-24, which is the last place of floats from 0.5 on.
  const Word tiny = bit_cast<Word>(bit_cast<Float>(magnitude) + 0.5F) - 0x3f000000U;
  const Word special = magnitude > 0x7f800000 ? Word{} + 0x7e00U : Word{} + 0x7c00U;
  const Word finite = magnitude < (113U << 23) ? tiny : normal;
  const Word half = magnitude >= 0x477ff000 ? special : finite;  // 65520 and more round to Inf
  const auto shorts = __builtin_convertvector(half | ((bits >> 16) & 0x8000), typename Of<lanes>::Short);
  __builtin_memcpy(p, &shorts, sizeof(shorts));
#endif
}

/// How far loops ask for memory before they need it. Prefetchers in hardware do not follow the order in which pixels
/// are read; rows gain little (tests/bench/README.md).
constexpr int64_t kPrefetchBytes = 2048;

/// The cache lines of `elements` elements, which may lie beyond the end of the tensor.
template <int elements, typename T>
TTSCALE_INLINE void prefetch(const T* p) {
  for (int i = 0; i < static_cast<int>(elements * sizeof(T)); i += 64) {
    __builtin_prefetch(reinterpret_cast<const char*>(p) + i);
  }
}

/// Has a value computed where this stands. GCC else works out sums that are used once where they are used: all of one
/// sum, then all of the next, and keeps what they have in common on the stack meanwhile.
template <typename V>
TTSCALE_INLINE void keep_in_register(V& v) {
#if defined(__AVX512F__)
  asm("" : "+v"(v));
#elif defined(__x86_64__)
  asm("" : "+x"(v));
#elif defined(__aarch64__)
  asm("" : "+w"(v));
#else
  static_cast<void>(v);
#endif
}

/// How elements of a type fill registers of numbers (floats, or doubles for float64): kElements elements at a time,
/// which fill kVectors registers.
template <typename T>
struct Register {
  static constexpr int kWidth = kVectorBytes / 4;
  static constexpr int kVectors = 1;
  static constexpr int kElements = kWidth;
  using Vector = typename Of<kWidth>::Float;
  using Mask = typename Of<kWidth>::Int;
  static TTSCALE_INLINE void load(const T* p, Vector& v) { v = load_floats<kWidth>(p); }
  static TTSCALE_INLINE void store(T* p, const Vector& v) { store_floats<kWidth>(p, v); }
};
template <>
struct Register<double> {
  static constexpr int kWidth = kVectorBytes / 8;
  static constexpr int kVectors = 1;
  static constexpr int kElements = kWidth;
  using Vector = Of<kWidth>::Double;
  using Mask = Of<kWidth>::Long;
  static TTSCALE_INLINE void load(const double* p, Vector& v) { v = load_bytes<Vector>(p); }
  static TTSCALE_INLINE void store(double* p, const Vector& v) { __builtin_memcpy(p, &v, sizeof(v)); }
};
/// A bfloat16 is the upper half of a float. A word of memory holds two: the odd elements of a run are what is there
/// without its lower half, the even ones are shifted up. Every CPU does that in one instruction each, where widening
/// takes several.
template <>
struct Register<BFloat16> {
  static constexpr int kWidth = kVectorBytes / 4;
  static constexpr int kVectors = 2;
  static constexpr int kElements = 2 * kWidth;
  using Vector = Of<kWidth>::Float;
  using Mask = Of<kWidth>::Int;
  using Word = Of<kWidth>::Word;
  static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the order of two bfloat16 in a word");
  static TTSCALE_INLINE void load(const BFloat16* p, Vector& even, Vector& odd) {
    const Word words = load_bytes<Word>(p);
    even = bit_cast<Vector>(words << 16);
    odd = bit_cast<Vector>(words & 0xffff0000U);
  }
  /// NaN must be one of those that bfloat16 or arithmetic make, whose lower half is 0: others could round to 0.
  static TTSCALE_INLINE void store(BFloat16* p, const Vector& even, const Vector& odd) {
    const Word words = (rounded(even) >> 16) | (rounded(odd) & 0xffff0000U);
    __builtin_memcpy(p, &words, sizeof(words));
  }

 private:
  static TTSCALE_INLINE Word rounded(const Vector& v) {
    const Word bits = bit_cast<Word>(v);
    return bits + 0x7fffU + ((bits >> 16) & 1U);
  }
};

/// `lanes` numbers (floats, or doubles for float64) in as many registers as they need. The loops compute with the same
/// number of lanes on every instruction set: the order of sums depends on it.
template <typename T, int lanes>
struct Lanes {
  using A = typename Arithmetic<T>::Type;
  using R = Register<T>;
  static constexpr int kParts = lanes / R::kWidth;
  static constexpr int kLoads = lanes / R::kElements;
  static_assert(kLoads * R::kElements == lanes);
  typename R::Vector part[kParts];  // NOLINT: std::array is a function shared with other translation units

  /// The lane of an element: even elements of bfloat16 come before odd ones.
  TTSCALE_INLINE static constexpr int lane(int element) {
    return element % R::kVectors * (lanes / R::kVectors) + element / R::kVectors;
  }
  TTSCALE_INLINE static constexpr int element(int lane) {
    return lane % (lanes / R::kVectors) * R::kVectors + lane / (lanes / R::kVectors);
  }

  TTSCALE_INLINE static Lanes load(const T* p) {
    Lanes v;
    for (int i = 0; i < kLoads; ++i) {
      if constexpr (R::kVectors == 2) {
        R::load(p + i * R::kElements, v.part[i], v.part[kLoads + i]);
      } else {
        R::load(p + i * R::kElements, v.part[i]);
      }
    }
    return v;
  }
  TTSCALE_INLINE void store(T* p) const {
    for (int i = 0; i < kLoads; ++i) {
      if constexpr (R::kVectors == 2) {
        R::store(p + i * R::kElements, part[i], part[kLoads + i]);
      } else {
        R::store(p + i * R::kElements, part[i]);
      }
    }
  }
  /// From and to arrays of numbers, not of elements.
  TTSCALE_INLINE static Lanes read(const A* p) {
    Lanes v;
    for (int i = 0; i < kParts; ++i) {
      v.part[i] = load_bytes<typename R::Vector>(p + i * R::kWidth);
    }
    return v;
  }
  TTSCALE_INLINE void write(A* p) const {
    for (int i = 0; i < kParts; ++i) {
      __builtin_memcpy(p + i * R::kWidth, &part[i], sizeof(part[i]));
    }
  }

  TTSCALE_INLINE static Lanes all(A x) {
    Lanes v;
    for (int i = 0; i < kParts; ++i) {
      v.part[i] = typename R::Vector{} + x;
    }
    return v;
  }
  TTSCALE_INLINE Lanes operator-(const Lanes& other) const {
    Lanes v;
    for (int i = 0; i < kParts; ++i) {
      v.part[i] = part[i] - other.part[i];
    }
    return v;
  }
  TTSCALE_INLINE Lanes operator*(const Lanes& other) const {
    Lanes v;
    for (int i = 0; i < kParts; ++i) {
      v.part[i] = part[i] * other.part[i];
    }
    return v;
  }
  TTSCALE_INLINE Lanes operator+(const Lanes& other) const {
    Lanes v;
    for (int i = 0; i < kParts; ++i) {
      v.part[i] = part[i] + other.part[i];
    }
    return v;
  }
  TTSCALE_INLINE Lanes operator/(const Lanes& other) const {
    Lanes v;
    for (int i = 0; i < kParts; ++i) {
      v.part[i] = part[i] / other.part[i];
    }
    return v;
  }
  TTSCALE_INLINE void operator+=(const Lanes& other) {
    for (int i = 0; i < kParts; ++i) {
      part[i] += other.part[i];
    }
  }
  /// One instruction a register, under the options of cmake/TtscaleLoops.cmake.
  [[nodiscard]] TTSCALE_INLINE Lanes root() const {
    Lanes v;
    for (int i = 0; i < kParts; ++i) {
      for (int j = 0; j < R::kWidth; ++j) {
        v.part[i][j] = static_cast<A>(__builtin_sqrt(part[i][j]));
      }
    }
    return v;
  }
  /// At least `low`; NaN stays NaN.
  [[nodiscard]] TTSCALE_INLINE Lanes at_least(A low) const {
    Lanes v;
    for (int i = 0; i < kParts; ++i) {
      const typename R::Vector lowest = typename R::Vector{} + low;
      v.part[i] = part[i] < lowest ? lowest : part[i];
    }
    return v;
  }
  /// Within the bounds; NaN stays NaN.
  TTSCALE_INLINE Lanes clamped(const Lanes& low, const Lanes& high) const {
    Lanes v;
    for (int i = 0; i < kParts; ++i) {
      const auto raised = part[i] < low.part[i] ? low.part[i] : part[i];
      v.part[i] = raised > high.part[i] ? high.part[i] : raised;
    }
    return v;
  }
  /// Lanes that are not above 0 times `slope`.
  TTSCALE_INLINE Lanes leaky(const Lanes& slope) const {
    Lanes v;
    for (int i = 0; i < kParts; ++i) {
      v.part[i] = part[i] > 0 ? part[i] : part[i] * slope.part[i];
    }
    return v;
  }
  TTSCALE_INLINE void add_squares(const Lanes& other) {
    for (int i = 0; i < kParts; ++i) {
      part[i] += other.part[i] * other.part[i];
    }
  }
  /// Elements first <= j < end as they are, 0 elsewhere, whatever is there.
  TTSCALE_INLINE Lanes only(int64_t first, int64_t end) const {
    using Mask = typename R::Mask;
    using Index = decltype(Mask{}[0] + 0);
    Lanes v;
    for (int i = 0; i < kParts; ++i) {
      Mask index;
      for (int j = 0; j < R::kWidth; ++j) {
        index[j] = element(i * R::kWidth + j);
      }
      const Mask keep = (index >= Mask{} + static_cast<Index>(first)) & (index < Mask{} + static_cast<Index>(end));
      v.part[i] = bit_cast<typename R::Vector>(bit_cast<Mask>(part[i]) & keep);
    }
    return v;
  }
  TTSCALE_INLINE A front() const { return part[0][0]; }
  /// The sum of the lanes by halving: lane j and j + lanes / 2, then j and j + lanes / 4, ...
  TTSCALE_INLINE A total() const {
    Lanes v = *this;
    for (int n = kParts / 2; n > 0; n /= 2) {
      for (int i = 0; i < n; ++i) {
        v.part[i] += v.part[i + n];
      }
    }
    return halve<R::kWidth>(v.part[0]);
  }

 private:
  template <int width, typename V>
  TTSCALE_INLINE static A halve(const V& v) {
    if constexpr (width == 2) {
      return v[0] + v[1];
    } else {
      using Narrow = std::conditional_t<sizeof(A) == 4, typename Of<width / 2>::Float, typename Of<width / 2>::Double>;
      return halve<width / 2>(load_bytes<Narrow>(&v) +
                              load_bytes<Narrow>(reinterpret_cast<const char*>(&v) + sizeof(Narrow)));
    }
  }
};

}  // namespace
}  // namespace ttscale::simd
