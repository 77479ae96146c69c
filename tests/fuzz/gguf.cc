// A GGUF file, whole: its directory, its config, its tokenizer and its tensors. The directory holds
// what it promises, whatever the bytes.

#include "gonka/base/check.h"
#include "gonka/model/checkpoint.h"
#include "gonka/model/tokenizer.h"

namespace gonka::model {
namespace {

constexpr uint64_t kValuesMax = 1 << 16;  // Of one tensor; more of the same finds nothing new.

void ReadTensors(const Gguf& gguf) {
  for (const GgufTensor& tensor : gguf.tensors()) {
    GONKA_CHECK(gguf.FindTensor(tensor.name) == &tensor);
    const ByteSpan bytes = gguf.TensorBytes(tensor);
    const BlockShape block = BlockOf(tensor.type);
    const uint64_t values = bytes.size() / block.bytes * block.values;
    if (values > kValuesMax) continue;
    std::vector<float> floats(values);
    GONKA_CHECK(Dequantize(tensor.type, bytes, floats).ok());
  }
}

void ReadMetadata(const Gguf& gguf) {
  for (const auto& [key, value] : gguf.metadata()) {
    (void)gguf.Uint(key).ok();
    (void)gguf.Float(key).ok();
    (void)gguf.String(key).ok();
    (void)gguf.Strings(key).ok();
    (void)gguf.Ints(key).ok();
  }
}

void ReadTokenizer(const Gguf& gguf) {
  const auto spec = TokenizerSpecFromGguf(gguf);
  if (!spec.ok()) return;
  const auto tokenizer = Tokenizer::Create(*spec);
  if (!tokenizer.ok()) return;
  const auto ids = (*tokenizer)->Encode("Hello, w\u00f6rld 42<|im_end|>", true);
  GONKA_CHECK(ids.ok() && (*tokenizer)->Decode(*ids).ok());
}

}  // namespace
}  // namespace gonka::model

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gonka::model;
  const auto gguf = Gguf::FromBytes("fuzz.gguf", gonka::Bytes(data, data + size));
  if (!gguf.ok()) return 0;
  ReadTensors(**gguf);
  ReadMetadata(**gguf);
  ReadTokenizer(**gguf);
  const auto checkpoint = Checkpoint::FromGguf(*gguf);
  if (checkpoint.ok()) (void)(*checkpoint)->ReadTensor("output_norm.weight").ok();
  return 0;
}
