// A safetensors file, whole. What is accepted lies within the file, tensor behind tensor.

#include "model/safetensors.h"

#include "gonka/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto tensors = gonka::model::ParseSafetensors({data, size}, size);
  if (!tensors.ok()) return 0;
  size_t bytes = 0;
  for (const auto& [name, tensor] : *tensors) {
    GONKA_CHECK(tensor.offset <= size && tensor.size <= size - tensor.offset);
    bytes += tensor.size;
  }
  GONKA_CHECK(bytes <= size);
  return 0;
}
