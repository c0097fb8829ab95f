# Finds LibTorch and defines the imported target ttscale::torch.
#
# Searched in this order, the first hit wins and is printed:
#   1. CMAKE_PREFIX_PATH / Torch_DIR (a torch root, or the cmake folder inside it)
#   2. the torch of the active Python (site-packages/torch)
#   3. the distribution's libtorch-dev
#
# TorchConfig.cmake is not used on purpose: with a CUDA wheel it fails without a CUDA toolkit, and from 2.12 on it asks for CUDA20, which CMake < 3.26
# cannot express. Headers and libraries are all that an operator library needs.
include_guard()  # not GLOBAL: imported targets and the version are known to the folder that asked for them, and below

function(_ttscale_torch_candidates out)
  set(roots "")
  foreach(path IN LISTS CMAKE_PREFIX_PATH)
    list(APPEND roots "${path}" "${path}/../.." "${path}/torch")
  endforeach()
  if(Torch_DIR)
    list(APPEND roots "${Torch_DIR}/../../..")
  endif()
  find_program(TTSCALE_PYTHON NAMES python3 python DOC "Python whose torch is used when no prefix is given")
  mark_as_advanced(TTSCALE_PYTHON)
  if(TTSCALE_PYTHON)
    # find_spec does not import torch: 20 ms in place of seconds.
    execute_process(
      COMMAND "${TTSCALE_PYTHON}" -c "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')"
      OUTPUT_VARIABLE python_torch OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    if(python_torch)
      list(APPEND roots "${python_torch}")
    endif()
  endif()
  list(APPEND roots /usr)
  set(${out} "${roots}" PARENT_SCOPE)
endfunction()

function(_ttscale_torch_version root out)
  foreach(header torch/headeronly/version.h torch/csrc/api/include/torch/version.h)
    if(EXISTS "${root}/include/${header}")
      file(STRINGS "${root}/include/${header}" lines REGEX "#define TORCH_VERSION_(MAJOR|MINOR|PATCH) [0-9]+")
      string(REGEX MATCHALL "[0-9]+" numbers "${lines}")
      list(LENGTH numbers count)
      if(count EQUAL 3)
        string(REPLACE ";" "." version "${numbers}")
        set(${out} "${version}" PARENT_SCOPE)
        return()
      endif()
    endif()
  endforeach()
  set(${out} "" PARENT_SCOPE)
endfunction()

# Searches anew at every configuration: a remembered root would outlive a change of CMAKE_PREFIX_PATH and mix headers of one with libraries of another.
function(_ttscale_find_torch)
  set(TTSCALE_TORCH_ROOT "" CACHE PATH "LibTorch to use (the folder with include/torch/script.h); empty: search")
  _ttscale_torch_candidates(roots)
  if(TTSCALE_TORCH_ROOT)
    set(roots "${TTSCALE_TORCH_ROOT}")
  endif()
  foreach(root IN LISTS roots)
    if(EXISTS "${root}/include/torch/script.h")
      get_filename_component(root "${root}" ABSOLUTE)
      set(TTSCALE_TORCH_ROOT "${root}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
  message(FATAL_ERROR
    "ttscale needs LibTorch 1.13 or newer and found none. Install one (Debian/Ubuntu: apt-get install libtorch-dev; or pip install torch in the active "
    "Python environment), or name it: -DCMAKE_PREFIX_PATH=<torch root>, the folder that holds include/torch/script.h.")
endfunction()

function(_ttscale_torch_library name out)
  set(default_path "")
  if(NOT TTSCALE_TORCH_ROOT STREQUAL "/usr")
    set(default_path NO_DEFAULT_PATH)  # or a library of another LibTorch in the prefix path is taken
  endif()
  unset(_ttscale_library CACHE)
  find_library(_ttscale_library NAMES ${name} PATHS "${TTSCALE_TORCH_ROOT}/lib" ${default_path})
  set(${out} "${_ttscale_library}" PARENT_SCOPE)
  unset(_ttscale_library CACHE)
endfunction()

_ttscale_find_torch()
_ttscale_torch_version("${TTSCALE_TORCH_ROOT}" TTSCALE_TORCH_VERSION)
if(NOT TTSCALE_TORCH_VERSION)
  # 1.13 keeps its version in the API headers; a root without any is not one we can vouch for.
  message(FATAL_ERROR "LibTorch in ${TTSCALE_TORCH_ROOT} has no readable version header (include/torch/csrc/api/include/torch/version.h); is it complete?")
endif()
if(TTSCALE_TORCH_VERSION VERSION_LESS 1.13)
  message(FATAL_ERROR "ttscale needs LibTorch 1.13 or newer; ${TTSCALE_TORCH_ROOT} is ${TTSCALE_TORCH_VERSION}.")
endif()

if(NOT TARGET ttscale::torch)
  set(_ttscale_torch_link "")
  foreach(name torch torch_cpu c10)
    _ttscale_torch_library(${name} _path)
    if(NOT _path)
      message(FATAL_ERROR "LibTorch in ${TTSCALE_TORCH_ROOT} has headers but no lib${name}; is the package complete?")
    endif()
    list(APPEND _ttscale_torch_link "${_path}")
  endforeach()
  add_library(ttscale::torch INTERFACE IMPORTED)
  if(NOT TTSCALE_TORCH_ROOT STREQUAL "/usr")  # -isystem /usr/include breaks #include_next <stdlib.h>
    target_include_directories(ttscale::torch SYSTEM INTERFACE "${TTSCALE_TORCH_ROOT}/include")
  endif()
  target_include_directories(ttscale::torch SYSTEM INTERFACE "${TTSCALE_TORCH_ROOT}/include/torch/csrc/api/include")
  # libtorch is a shell around libtorch_cpu (and libtorch_cuda where there is one): keep it although no symbol is taken from it, or CUDA kernels never load.
  # The wheel's libraries point at CUDA libraries that live elsewhere; the loader resolves those, the linker need not.
  list(POP_FRONT _ttscale_torch_link _ttscale_libtorch)
  # The wheel's libtorch exports a std::filesystem of its own, whose remove_all crashes against the system's headers: the C++ library must come first.
  target_link_libraries(ttscale::torch INTERFACE "-Wl,--no-as-needed,-lstdc++,--as-needed"
    "-Wl,--no-as-needed,${_ttscale_libtorch},--as-needed" ${_ttscale_torch_link} "-Wl,--allow-shlib-undefined")
  if(TTSCALE_TORCH_VERSION VERSION_LESS 2.12)
    target_compile_features(ttscale::torch INTERFACE cxx_std_17)
  else()
    target_compile_features(ttscale::torch INTERFACE cxx_std_20)
  endif()
endif()
message(STATUS "LibTorch ${TTSCALE_TORCH_VERSION}: ${TTSCALE_TORCH_ROOT}")
