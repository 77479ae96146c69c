#pragma once

// The head of a GGUF v3 file: metadata and the directory of tensors, whose bytes follow it.

#include <string>
#include <string_view>
#include <vector>

#include "gonka/base/bytes.h"
#include "gonka/base/codec.h"
#include "gonka/model/checkpoint.h"

namespace gonka::model {

class GgufWriter {
 public:
  static constexpr uint64_t kAlignment = 32;

  void Uint(std::string_view key, uint32_t value);
  void Float(std::string_view key, float value);
  void Bool(std::string_view key, bool value);
  void String(std::string_view key, std::string_view value);
  void Strings(std::string_view key, const std::vector<std::string>& values);
  void Ints(std::string_view key, const std::vector<int32_t>& values);
  void Floats(std::string_view key, const std::vector<float>& values);
  // In the order in which their bytes will follow, each of them padded to kAlignment.
  void Tensor(const TensorInfo& tensor, uint64_t bytes);

  // Padded, too.
  Bytes Take();
  uint64_t tensor_bytes() const { return tensor_bytes_; }  // With padding.

  static uint64_t Padded(uint64_t bytes) {
    return (bytes + kAlignment - 1) / kAlignment * kAlignment;
  }

 private:
  void Key(std::string_view key, GgufType type);
  void Array(std::string_view key, GgufType element, size_t count);

  Writer metadata_;
  Writer directory_;
  uint64_t pairs_ = 0;
  uint64_t tensors_ = 0;
  uint64_t tensor_bytes_ = 0;
};

}  // namespace gonka::model
