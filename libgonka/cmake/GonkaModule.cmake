# gonka_module(NAME SOURCES ... [PUBLIC ...] [PRIVATE ...] [NO_INSTALL])
#
# One library per module, gonka::NAME. PUBLIC names what the module's headers need, PRIVATE what
# only its sources need. tests/layers holds the policy of who may include whom. NO_INSTALL keeps a
# module in this repository; all others become components of the installed package, with what they
# link noted for gonkaConfig.cmake, so that nobody keeps a second list.
include(GNUInstallDirs)
get_filename_component(GONKA_LIBRARY_DIR ${CMAKE_CURRENT_LIST_DIR}/.. ABSOLUTE)
set(GONKA_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/gonka)
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
  cmake_parse_arguments(ARG "NO_INSTALL" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  set(target gonka_${name})
  add_library(${target} STATIC ${ARG_SOURCES})
  add_library(gonka::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  target_include_directories(${target}
    PUBLIC $<BUILD_INTERFACE:${GONKA_LIBRARY_DIR}/include>
           $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
    PRIVATE ${GONKA_LIBRARY_DIR}/src)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_link_libraries(${target} PUBLIC ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
  gonka_options(${target})
  if(NOT ARG_NO_INSTALL)
    gonka_install_module(${name} ${ARG_PUBLIC} ${ARG_PRIVATE})
  endif()
endfunction()

# The library, its headers and its own export file: `cmake --install BUILD --component NAME`
# installs one module, `cmake --install BUILD` all of them. The rest of the arguments is what it links.
function(gonka_install_module name)
  install(TARGETS gonka_${name} EXPORT gonka_${name}
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT ${name})
  install(EXPORT gonka_${name} NAMESPACE gonka:: FILE ${name}.cmake
    DESTINATION ${GONKA_PACKAGE_DIR}/modules COMPONENT ${name})
  if(EXISTS ${GONKA_LIBRARY_DIR}/include/gonka/${name})
    # transform.h is the cheats' (engine_transform, NO_INSTALL).
    install(DIRECTORY ${GONKA_LIBRARY_DIR}/include/gonka/${name}
      DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/gonka COMPONENT ${name}
      FILES_MATCHING PATTERN *.h PATTERN transform.h EXCLUDE)
  endif()
  set_property(GLOBAL APPEND PROPERTY GONKA_COMPONENTS ${name})
  set_property(GLOBAL PROPERTY GONKA_NEEDS_${name} ${ARGN})
endfunction()

# gonkaConfig.cmake; after all modules.
function(gonka_install_package)
  get_property(components GLOBAL PROPERTY GONKA_COMPONENTS)
  set(needs "")
  foreach(component ${components})
    get_property(links GLOBAL PROPERTY GONKA_NEEDS_${component})
    string(APPEND needs "set(gonka_needs_${component} ${links})\n")
  endforeach()
  string(REPLACE ";" " " needs "${needs}")
  include(CMakePackageConfigHelpers)
  configure_package_config_file(${GONKA_LIBRARY_DIR}/cmake/gonkaConfig.cmake.in
    ${CMAKE_CURRENT_BINARY_DIR}/gonkaConfig.cmake INSTALL_DESTINATION ${GONKA_PACKAGE_DIR})
  write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/gonkaConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/gonkaConfig.cmake
      ${CMAKE_CURRENT_BINARY_DIR}/gonkaConfigVersion.cmake ${GONKA_LIBRARY_DIR}/cmake/torch.cmake
    DESTINATION ${GONKA_PACKAGE_DIR} COMPONENT package)
endfunction()
