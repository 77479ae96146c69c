#include "gonka/model/size.h"

namespace gonka::model {

ModelSize SizeOf(const Checkpoint& checkpoint) {
  const ModelConfig& config = checkpoint.config();
  ModelSize size;
  for (const TensorInfo& tensor : checkpoint.tensors()) {
    size.parameters += tensor.Rows() * tensor.Columns();
    size.weight_bytes += checkpoint.RawSize(tensor);
  }
  size.kv_bytes_per_token =
      uint64_t{2} * config.layers * config.kv_heads * config.head_dim * sizeof(float);
  return size;
}

}  // namespace gonka::model
