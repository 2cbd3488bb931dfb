# Installs larder into a fresh folder, then builds and runs a consumer there.
foreach(variable BUILD_DIR SOURCE_DIR EXAMPLES_DIR WORK_DIR CXX)
  if(NOT DEFINED ${variable})
    message(FATAL_ERROR "${variable} is not set")
  endif()
endforeach()

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "failed: ${ARGN}")
  endif()
endfunction()

file(REMOVE_RECURSE "${WORK_DIR}")
run("${CMAKE_COMMAND}" --install "${BUILD_DIR}" --prefix "${WORK_DIR}/prefix")
file(GLOB_RECURSE leaked "${WORK_DIR}/prefix/include/larder/internal/*")
if(leaked)
  message(FATAL_ERROR "private headers were installed: ${leaked}")
endif()
foreach(file man/man1/larder.1 bash-completion/completions/larder
        zsh/site-functions/_larder)
  if(NOT EXISTS "${WORK_DIR}/prefix/share/${file}")
    message(FATAL_ERROR "share/${file} was not installed")
  endif()
endforeach()
run("${CMAKE_COMMAND}" -S "${SOURCE_DIR}" -B "${WORK_DIR}/build" -G Ninja
    "-DCMAKE_CXX_COMPILER=${CXX}" "-DCMAKE_PREFIX_PATH=${WORK_DIR}/prefix"
    "-DCMAKE_CXX_FLAGS=${CXX_FLAGS}" "-DLARDER_EXAMPLES=${EXAMPLES_DIR}")
run("${CMAKE_COMMAND}" --build "${WORK_DIR}/build")
run("${WORK_DIR}/build/consumer")
run("${WORK_DIR}/build/custom_backend")
file(REMOVE_RECURSE "${WORK_DIR}")
