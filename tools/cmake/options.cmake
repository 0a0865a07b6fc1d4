# How everything is compiled: warnings, sanitizers, compiler cache, linker, precompiled headers.
#
#   milepost_options          interface target that every target of ours links
#   milepost_library(name …)  a static library of one room
#   milepost_test(name …)     a GoogleTest binary with a time limit

add_library(milepost_options INTERFACE)
target_compile_options(milepost_options INTERFACE -Wall -Wextra -Werror -Wno-unused-parameter -Wno-missing-field-initializers)
# GCC 12 sees copies that overlap or overflow where std::string is assigned from a literal (its bug 105651), at -O2 only.
target_compile_options(milepost_options INTERFACE -Wno-restrict -Wno-stringop-overflow)
target_include_directories(milepost_options INTERFACE ${PROJECT_SOURCE_DIR})
# On every compile line: -pthread defines a macro, and precompiled headers only fit where the macros are the same.
target_compile_options(milepost_options INTERFACE -pthread)
target_link_options(milepost_options INTERFACE -pthread)

if(MILEPOST_SANITIZE)
  target_compile_options(milepost_options INTERFACE -fsanitize=${MILEPOST_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(milepost_options INTERFACE -fsanitize=${MILEPOST_SANITIZE})
  if(MILEPOST_SANITIZE MATCHES thread)
    # GCC 12 warns that it cannot follow atomic_thread_fence in library headers.
    target_compile_options(milepost_options INTERFACE -Wno-tsan)
    # Protobuf's headers add members to every map under ThreadSanitizer, and the packaged library has none of them:
    # any message with a map or a Struct would be read at wrong offsets.
    target_compile_options(milepost_options INTERFACE -U__SANITIZE_THREAD__)
  endif()
endif()

# Line tables are enough for stack traces and keep objects and links small.
set(CMAKE_CXX_FLAGS_DEBUG "-g1 -Og")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-g1 -O2 -DNDEBUG")

find_program(MILEPOST_CCACHE ccache)
if(MILEPOST_CCACHE)
  # A clone elsewhere finds the same cache entries; precompiled headers need the sloppiness (ccache's manual).
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${MILEPOST_CCACHE})
  target_compile_options(milepost_options INTERFACE -fpch-preprocess)
endif()

find_program(MILEPOST_MOLD mold)
if(MILEPOST_MOLD)
  target_link_options(milepost_options INTERFACE -fuse-ld=mold)
endif()

function(milepost_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC milepost_options ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
endfunction()

# A test that hangs is a test that fails: every binary has a time limit. LABELS: slow, browser, …
function(milepost_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LINK;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE milepost_options GTest::gtest GTest::gmock GTest::gtest_main ${ARG_LINK})
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
endfunction()

# Two sets of heavy headers are compiled once and reused: `grpc` (stubs of the contract) and `beast` (Asio, HTTP).
# Only for targets that link what the set includes.
function(milepost_precompile target set)
  target_precompile_headers(${target} REUSE_FROM milepost_pch_${set})
  target_compile_options(${target} PRIVATE -Winvalid-pch)
endfunction()
