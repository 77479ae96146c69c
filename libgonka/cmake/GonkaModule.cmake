# gonka_module(NAME SOURCES ... [PUBLIC ...] [PRIVATE ...])
#
# One library per module, gonka::NAME. PUBLIC names what the module's headers need, PRIVATE what
# only its sources need. tests/layers holds the policy of who may include whom.
set(GONKA_WARNINGS -Wall -Wextra -Wshadow=local -Wnon-virtual-dtor -Werror)

option(GONKA_FUZZ "Build everything for libFuzzer (clang only; see tests/fuzz/CMakeLists.txt)" OFF)

function(gonka_options target)
  if(GONKA_FUZZ)
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link,address,undefined
                                             -fno-sanitize-recover=all -g1 -ffp-contract=off)
    target_link_options(${target} PRIVATE -fsanitize=address,undefined)
    return()
  endif()
  target_compile_options(${target} PRIVATE ${GONKA_WARNINGS} -ffp-contract=off)
  if(GONKA_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=address,undefined
                                             -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
    target_link_options(${target} PRIVATE -fsanitize=address,undefined)
  endif()
endfunction()

function(gonka_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  set(target gonka_${name})
  add_library(${target} STATIC ${ARG_SOURCES})
  add_library(gonka::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  target_include_directories(${target}
    PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/libgonka/include> $<INSTALL_INTERFACE:include>
    PRIVATE ${PROJECT_SOURCE_DIR}/libgonka/src)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_link_libraries(${target} PUBLIC ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
  gonka_options(${target})
endfunction()
