# gonka::torch: libtorch from the folder of an ordinary torch wheel, .../site-packages/torch, named by
# the cache variable or environment variable GONKA_TORCH_ROOT. find_package(Torch) would ask for a
# CUDA toolkit. Nothing of this path is exported: whoever links an installed gonka::engine_torch sets
# GONKA_TORCH_ROOT too and includes this file.
#
#   python3 -m venv venv
#   venv/bin/pip install --no-deps torch==2.11.0 nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85
#
# gonka::torch links; gonka::torch_headers only compiles. The wheel's include folder also carries an
# fmt of its own, so a source that includes ATen must not use the system's fmt.
if(TARGET gonka::torch)
  return()
endif()
set(GONKA_TORCH_ROOT "$ENV{GONKA_TORCH_ROOT}" CACHE PATH
  "The torch folder of a torch wheel: it holds lib/libtorch_cpu.so and include/ATen")

foreach(file lib/libtorch_cpu.so lib/libc10.so include/ATen/ATen.h)
  if(NOT EXISTS ${GONKA_TORCH_ROOT}/${file})
    message(FATAL_ERROR
      "GONKA_TORCH_ROOT is \"${GONKA_TORCH_ROOT}\", which has no ${file}. Set it to the torch folder "
      "of a torch wheel (.../site-packages/torch), or build without the engine on libtorch: "
      "-DGONKA_BUILD_TORCH=OFF.")
  endif()
endforeach()

# libtorch_cpu.so is linked against the CUDA runtime and CUPTI even where no GPU is used. Both lie
# beside torch: nvidia/cu13/lib, or nvidia/cuda_runtime/lib and nvidia/cuda_cupti/lib.
function(gonka_find_beside_torch result name)
  file(GLOB found ${GONKA_TORCH_ROOT}/../nvidia/*/lib/${name}.so*)
  if(NOT found)
    message(FATAL_ERROR
      "There is no ${name}.so in ${GONKA_TORCH_ROOT}/../nvidia/*/lib. libtorch_cpu.so needs it: "
      "install nvidia-cuda-runtime and nvidia-cuda-cupti beside torch.")
  endif()
  list(GET found 0 first)
  get_filename_component(dir ${first} REALPATH)
  get_filename_component(dir ${dir} DIRECTORY)
  set(${result} ${dir} PARENT_SCOPE)
endfunction()
# A torch built for CPUs alone does not ask for them.
file(STRINGS ${GONKA_TORCH_ROOT}/lib/libtorch_cpu.so gonka_torch_wants_cuda
  REGEX "^libcudart\\.so" LIMIT_COUNT 1)
set(gonka_torch_lib_dirs ${GONKA_TORCH_ROOT}/lib)
if(gonka_torch_wants_cuda)
  gonka_find_beside_torch(gonka_cudart_dir libcudart)
  gonka_find_beside_torch(gonka_cupti_dir libcupti)
  list(APPEND gonka_torch_lib_dirs ${gonka_cudart_dir} ${gonka_cupti_dir})
  list(REMOVE_DUPLICATES gonka_torch_lib_dirs)
endif()

add_library(gonka::torch_headers INTERFACE IMPORTED GLOBAL)
set_target_properties(gonka::torch_headers PROPERTIES
  INTERFACE_INCLUDE_DIRECTORIES
    "${GONKA_TORCH_ROOT}/include;${GONKA_TORCH_ROOT}/include/torch/csrc/api/include")

add_library(gonka::c10 SHARED IMPORTED GLOBAL)
set_target_properties(gonka::c10 PROPERTIES IMPORTED_LOCATION ${GONKA_TORCH_ROOT}/lib/libc10.so)
add_library(gonka::torch SHARED IMPORTED GLOBAL)
set_target_properties(gonka::torch PROPERTIES
  IMPORTED_LOCATION ${GONKA_TORCH_ROOT}/lib/libtorch_cpu.so
  INTERFACE_LINK_LIBRARIES gonka::c10)
# DT_RPATH, not RUNPATH: it also serves libtorch_cpu.so's own search for libgomp and the CUDA runtime.
foreach(dir ${gonka_torch_lib_dirs})
  set_property(TARGET gonka::torch APPEND PROPERTY INTERFACE_LINK_OPTIONS
    "LINKER:--disable-new-dtags,-rpath,${dir}")
endforeach()
