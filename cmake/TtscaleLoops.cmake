# Inner loops on vectors (src/base/lanes.h), compiled once for every instruction set that a CPU may have; which one runs is chosen at run time (base/isa.h).
include_guard(GLOBAL)

# -O3 in every build, since they are what a forward waits for. A product and a sum in one rounding, which not every CPU has, would make results depend on the
# CPU: no contraction. A square root is one instruction where it need not set errno.
set(TTSCALE_LOOP_OPTIONS -O3 -ffp-contract=off -fno-math-errno)

# ttscale_loops(<library> <path>) adds <path>_baseline.cpp and, on x86-64, <path>_avx2.cpp and <path>_avx512.cpp to a library that ttscale_library() has made.
function(ttscale_loops name path)
  set(target ttscale_${name})
  _ttscale_loop_source(${target} ${path}_baseline.cpp)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    set(avx2 -mavx2 -mf16c)
    set(avx512 ${avx2} -mavx512f -mavx512bw -mavx512dq -mavx512vl -mprefer-vector-width=512)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      list(APPEND avx512 -Wno-maybe-uninitialized -Wno-uninitialized)  # false positives in GCC's own header (GCC bug 105593)
    endif()
    _ttscale_loop_source(${target} ${path}_avx2.cpp ${avx2})
    _ttscale_loop_source(${target} ${path}_avx512.cpp ${avx512})
    target_compile_definitions(${target} PRIVATE TTSCALE_X86_KERNELS)
  endif()
endfunction()

function(_ttscale_loop_source target path)
  target_sources(${target} PRIVATE ${path})
  set_source_files_properties(${path} PROPERTIES COMPILE_OPTIONS "${TTSCALE_LOOP_OPTIONS};${ARGN}" SKIP_PRECOMPILE_HEADERS ON)
endfunction()

# ttscale_parallel(<library> SOURCE...): at::parallel_for is serial unless its caller is compiled with OpenMP. Every LibTorch brings a libgomp.so.1 of its own,
# already in the process.
function(ttscale_parallel name)
  set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS "${OpenMP_CXX_FLAGS};${TTSCALE_LOOP_OPTIONS}" SKIP_PRECOMPILE_HEADERS ON)
  if(OpenMP_CXX_FOUND)
    target_link_libraries(ttscale_${name} PRIVATE ${OpenMP_CXX_LIBRARIES})
  endif()
endfunction()

if(NOT OpenMP_CXX_FOUND)
  message(WARNING "No OpenMP: the CPU kernels of ttscale will use one thread")
endif()
