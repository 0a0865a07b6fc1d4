# Tests of whole processes, written in Python with nothing but its standard library.

# milepost_script_test(NAME SCRIPT [TIMEOUT SECONDS] [LABELS LABEL…])
function(milepost_script_test name script)
  cmake_parse_arguments(ARG "" "TIMEOUT" "LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  if(MILEPOST_SANITIZE)
    math(EXPR ARG_TIMEOUT "${ARG_TIMEOUT} * 4")
  endif()
  add_test(NAME ${name} COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_SOURCE_DIR}/${script})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "process;${ARG_LABELS}"
    ENVIRONMENT "MILEPOST_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY};MILEPOST_SANITIZE=${MILEPOST_SANITIZE}")
endfunction()
