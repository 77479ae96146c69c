#pragma once

// Writes small GGUF files for tests, sound ones and, by hand, broken ones.

#include <bit>
#include <string>
#include <utility>
#include <vector>

#include "gonka/base/bytes.h"
#include "gonka/base/codec.h"
#include "gonka/model/gguf.h"

namespace gonka::model::test {

// A Writer that can be copied, as builders are.
class FileBytes {
 public:
  void Raw(ByteSpan more) { bytes_.insert(bytes_.end(), more.begin(), more.end()); }
  void U8(uint8_t value) { bytes_.push_back(value); }
  template <std::unsigned_integral T>
  void Int(T value) {
    for (size_t i = 0; i < sizeof(T); ++i) U8(static_cast<uint8_t>(value >> (8 * i)));
  }
  const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

inline void PutString(FileBytes& out, std::string_view text) {
  out.Int(static_cast<uint64_t>(text.size()));
  out.Raw(AsBytes(text));
}

class GgufBuilder {
 public:
  GgufBuilder& Uint(std::string_view key, uint32_t value) {
    FileBytes& out = Key(key, GgufType::kUint32);
    out.Int(value);
    return *this;
  }
  GgufBuilder& Float(std::string_view key, float value) {
    FileBytes& out = Key(key, GgufType::kFloat32);
    out.Int(std::bit_cast<uint32_t>(value));
    return *this;
  }
  GgufBuilder& Bool(std::string_view key, bool value) {
    Key(key, GgufType::kBool).U8(value ? 1 : 0);
    return *this;
  }
  GgufBuilder& String(std::string_view key, std::string_view value) {
    PutString(Key(key, GgufType::kString), value);
    return *this;
  }
  GgufBuilder& Strings(std::string_view key, const std::vector<std::string>& values) {
    FileBytes& out = Key(key, GgufType::kArray);
    out.Int(static_cast<uint32_t>(GgufType::kString));
    out.Int(static_cast<uint64_t>(values.size()));
    for (const std::string& value : values) PutString(out, value);
    return *this;
  }
  GgufBuilder& Ints(std::string_view key, const std::vector<int32_t>& values) {
    FileBytes& out = Key(key, GgufType::kArray);
    out.Int(static_cast<uint32_t>(GgufType::kInt32));
    out.Int(static_cast<uint64_t>(values.size()));
    for (const int32_t value : values) out.Int(static_cast<uint32_t>(value));
    return *this;
  }
  GgufBuilder& Floats(std::string_view key, const std::vector<float>& values) {
    FileBytes& out = Key(key, GgufType::kArray);
    out.Int(static_cast<uint32_t>(GgufType::kFloat32));
    out.Int(static_cast<uint64_t>(values.size()));
    for (const float value : values) out.Int(std::bit_cast<uint32_t>(value));
    return *this;
  }
  // The key and type of a pair whose value the test writes itself.
  FileBytes& Key(std::string_view key, GgufType type) {
    ++pairs_;
    PutString(metadata_, key);
    metadata_.Int(static_cast<uint32_t>(type));
    return metadata_;
  }

  // ggml_type and offset as they will stand in the file; shape outermost first.
  GgufBuilder& TensorEntry(std::string_view name, const std::vector<uint64_t>& shape,
                           uint32_t ggml_type, uint64_t offset) {
    ++tensors_;
    PutString(directory_, name);
    directory_.Int(static_cast<uint32_t>(shape.size()));
    for (auto it = shape.rbegin(); it != shape.rend(); ++it) directory_.Int(*it);
    directory_.Int(ggml_type);
    directory_.Int(offset);
    return *this;
  }
  GgufBuilder& Tensor(std::string_view name, const std::vector<uint64_t>& shape, TensorType type,
                      const Bytes& bytes) {
    TensorEntry(name, shape, static_cast<uint32_t>(type), data_.size());
    data_.insert(data_.end(), bytes.begin(), bytes.end());
    data_.resize((data_.size() + 31) / 32 * 32);
    return *this;
  }

  uint32_t version = 3;

  Bytes Build() {
    Writer out;
    out.Raw(AsBytes("GGUF"));
    out.Int(version);
    out.Int(tensors_);
    out.Int(pairs_);
    out.Raw(metadata_.bytes());
    out.Raw(directory_.bytes());
    Bytes file = out.Take();
    file.resize((file.size() + 31) / 32 * 32);
    file.insert(file.end(), data_.begin(), data_.end());
    return file;
  }

 private:
  uint64_t pairs_ = 0;
  uint64_t tensors_ = 0;
  FileBytes metadata_;
  FileBytes directory_;
  Bytes data_;
};

inline Bytes FloatBytes(const std::vector<float>& values) {
  Writer out;
  for (const float value : values) out.Int(std::bit_cast<uint32_t>(value));
  return out.Take();
}

// Config of a one-layer Llama: hidden 8, 2 heads of 4, 1 kv head, ffn 12, vocabulary 16.
inline GgufBuilder LlamaConfig() {
  GgufBuilder gguf;
  gguf.String("general.architecture", "llama").String("general.name", "Test Llama");
  gguf.Uint("llama.block_count", 1).Uint("llama.embedding_length", 8);
  gguf.Uint("llama.attention.head_count", 2).Uint("llama.attention.head_count_kv", 1);
  gguf.Uint("llama.feed_forward_length", 12).Uint("llama.context_length", 64);
  gguf.Float("llama.attention.layer_norm_rms_epsilon", 1e-5f).Float("llama.rope.freq_base", 1e5f);
  gguf.Uint("llama.vocab_size", 16);
  return gguf;
}

inline std::vector<std::pair<std::string, std::vector<uint64_t>>> LlamaShapes() {
  return {{"token_embd.weight", {16, 8}},       {"output_norm.weight", {8}},
          {"blk.0.attn_norm.weight", {8}},      {"blk.0.attn_q.weight", {8, 8}},
          {"blk.0.attn_k.weight", {4, 8}},      {"blk.0.attn_v.weight", {4, 8}},
          {"blk.0.attn_output.weight", {8, 8}}, {"blk.0.ffn_norm.weight", {8}},
          {"blk.0.ffn_gate.weight", {12, 8}},   {"blk.0.ffn_up.weight", {12, 8}},
          {"blk.0.ffn_down.weight", {8, 12}}};
}

// Every element of a tensor counts up from 0.
inline GgufBuilder& LlamaTensors(GgufBuilder& gguf, std::string_view without = "") {
  for (const auto& [name, shape] : LlamaShapes()) {
    if (name == without) continue;
    uint64_t elements = 1;
    for (const uint64_t length : shape) elements *= length;
    std::vector<float> values(elements);
    for (uint64_t i = 0; i < elements; ++i) values[i] = static_cast<float>(i);
    gguf.Tensor(name, shape, TensorType::kF32, FloatBytes(values));
  }
  return gguf;
}

}  // namespace gonka::model::test
