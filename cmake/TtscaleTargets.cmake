# How every library and test of the tree is made: one static library a folder, linked only to what lies below it (src/README.md).
include_guard(GLOBAL)

# -Wenum-conversion: arithmetic of two enumerations, which C++20 deprecates (newer LibTorch asks for C++20) and C++17 passes in silence.
set(TTSCALE_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wenum-conversion)
if(TTSCALE_WERROR)
  list(APPEND TTSCALE_WARNINGS -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13 AND TTSCALE_TORCH_VERSION VERSION_GREATER_EQUAL 2.12)
  # Under C++20 g++ 12 sees overflows in `const char* + std::string` that are none (GCC bug 105329).
  list(APPEND TTSCALE_WARNINGS -Wno-stringop-overflow -Wno-array-bounds -Wno-restrict)
endif()

# The same for what nvcc compiles, as far as its generated code stands them (-Wpedantic it does not). .cu files see no LibTorch: they are C++17 whatever
# LibTorch asks for, and compile in seconds.
set(TTSCALE_CUDA_OPTIONS -Xcompiler=-Wall,-Wextra,-Wshadow,-fPIC)
if(TTSCALE_WERROR)
  list(APPEND TTSCALE_CUDA_OPTIONS -Werror=all-warnings -Wno-deprecated-gpu-targets)
endif()

if(TTSCALE_SANITIZER AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  list(APPEND TTSCALE_WARNINGS -Wno-maybe-uninitialized)  # false positives under -fsanitize, as GCC's manual says; here in LibTorch's optional
endif()

# ttscale_library(<folder> SOURCES ... [LINK ...] [NO_PCH])
#   makes the static library ttscale_<folder>; LINK names what it may use. NO_PCH for code that does not see torch.
function(ttscale_library name)
  cmake_parse_arguments(ARG "NO_PCH" "" "SOURCES;LINK" ${ARGN})
  set(target ttscale_${name})
  add_library(${target} STATIC ${ARG_SOURCES})
  target_include_directories(${target} PUBLIC "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}/include" "${PROJECT_BINARY_DIR}/include")
  target_link_libraries(${target} PUBLIC ${ARG_LINK})
  _ttscale_compile(${target})
  if(NOT ARG_NO_PCH)
    target_precompile_headers(${target} REUSE_FROM ttscale_pch)
  endif()
endfunction()

# ttscale_test(<folder> SOURCES ... LINK ...) makes the program test_<folder> and registers it with ctest as <folder>. One entry a program, not one a
# case: loading LibTorch takes a second, and there are hundreds of cases.
function(ttscale_test name)
  cmake_parse_arguments(ARG "NO_PCH" "" "SOURCES;LINK" ${ARGN})
  set(target test_${name})
  add_executable(${target} ${ARG_SOURCES})
  target_link_libraries(${target} PRIVATE ${ARG_LINK} ttscale_test_support GTest::gmock GTest::gtest_main)
  _ttscale_compile(${target})
  if(NOT ARG_NO_PCH)
    target_precompile_headers(${target} REUSE_FROM ttscale_pch)
  endif()
  add_test(NAME ${name} COMMAND ${target})
  set_tests_properties(${name} PROPERTIES TIMEOUT 1800 ENVIRONMENT "${TTSCALE_TEST_ENVIRONMENT}")
endfunction()

# As ttscale_test(), of tests that need a CUDA device: ctest lists the program as skipped where there is none.
function(ttscale_cuda_test name)
  ttscale_test(${name} ${ARGN})
  set_tests_properties(${name} PROPERTIES SKIP_REGULAR_EXPRESSION "no CUDA device: nothing was run")
endfunction()

# The precompiled header can be shared only between targets with the same -fPIC or -fPIE: -fPIC everywhere, which programs may use as well.
function(_ttscale_compile target)
  target_compile_features(${target} PRIVATE cxx_std_17)  # LibTorch may ask for more; clang 14 alone would take 14
  target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:${TTSCALE_WARNINGS};-fPIC>" "$<$<COMPILE_LANGUAGE:CUDA>:${TTSCALE_CUDA_OPTIONS}>")
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON POSITION_INDEPENDENT_CODE OFF
    CUDA_STANDARD 17 CUDA_STANDARD_REQUIRED ON CUDA_EXTENSIONS OFF CUDA_VISIBILITY_PRESET hidden)
endfunction()
