# Installs the build to a fresh prefix, builds tests/consumer against it through find_package, and runs it on frames of the demo.
#   cmake -DBUILD=... -DSOURCE=... -DWORK=... -DGENERATOR=... -DTORCH=... -DCOMPILER=... -P run.cmake
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "failed (${result}): ${ARGN}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE "${WORK}")
run("${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${WORK}/prefix")
run("${CMAKE_COMMAND}" -S "${SOURCE}/tests/consumer" -B "${WORK}/build" -G "${GENERATOR}" "-DCMAKE_PREFIX_PATH=${WORK}/prefix"
  "-DCMAKE_CXX_COMPILER=${COMPILER}" "-DCMAKE_CXX_FLAGS=${FLAGS}")
run("${CMAKE_COMMAND}" --build "${WORK}/build")
run("${WORK}/build/operators/operator_user")

# The frames of a camera: eight images in sequence.
file(GLOB images "${SOURCE}/models/fashion-images/contrast/3/*/*.png")
list(SORT images)
foreach(i RANGE 0 7)
  math(EXPR index "${i} * 60")
  list(GET images ${index} image)
  configure_file("${image}" "${WORK}/frames/frame_0${i}.png" COPYONLY)
endforeach()
run("${WORK}/build/consumer" "${SOURCE}/models/fashion-resnet.scripted.pt" "${WORK}/frames/frame_%02d.png")
if(NOT output MATCHES "8 images in 8 batches" OR NOT output MATCHES "layer1.0.bn1")
  message(FATAL_ERROR "unexpected report:\n${output}")
endif()
message("${output}")
