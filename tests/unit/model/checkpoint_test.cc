#include "gonka/model/checkpoint.h"

#include <doctest/doctest.h>

#include <cstdlib>

#include "gguf_builder.h"

using namespace gonka;
using namespace gonka::model;
using gonka::model::test::GgufBuilder;
using gonka::model::test::LlamaConfig;
using gonka::model::test::LlamaTensors;

namespace {

absl::StatusOr<std::shared_ptr<const Checkpoint>> OpenBytes(Bytes bytes) {
  GONKA_ASSIGN_OR_RETURN(auto gguf, Gguf::FromBytes("x.gguf", std::move(bytes)));
  return Checkpoint::FromGguf(std::move(gguf));
}

std::string Refusal(GgufBuilder builder, std::string_view without = "") {
  const auto checkpoint = OpenBytes(LlamaTensors(builder, without).Build());
  return checkpoint.ok() ? "accepted" : Message(checkpoint.status());
}

GgufBuilder LlamaWithout(std::string_view omitted, uint32_t heads = 2, uint32_t kv_heads = 1) {
  GgufBuilder gguf;
  gguf.String("general.architecture", "llama");
  const std::pair<const char*, uint32_t> fields[] = {{"llama.block_count", 1},
                                                     {"llama.embedding_length", 8},
                                                     {"llama.attention.head_count", heads},
                                                     {"llama.attention.head_count_kv", kv_heads},
                                                     {"llama.feed_forward_length", 12},
                                                     {"llama.context_length", 64},
                                                     {"llama.vocab_size", 16}};
  for (const auto& [key, value] : fields) {
    if (key != omitted) gguf.Uint(key, value);
  }
  gguf.Float("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  return gguf;
}

}  // namespace

TEST_CASE("a checkpoint gives its config and its tensors as rows of floats") {
  GgufBuilder builder = LlamaConfig();
  const auto opened = OpenBytes(LlamaTensors(builder).Build());
  REQUIRE(opened.ok());
  const Checkpoint& checkpoint = **opened;
  const ModelConfig& config = checkpoint.config();
  CHECK(config.name == "Test Llama");
  CHECK(config.hidden == 8);
  CHECK(config.head_dim == 4);
  CHECK(config.kv_heads == 1);
  CHECK(config.rope_theta == 1e5f);
  CHECK(config.tied_embeddings);
  CHECK(config.rope_style == RopeStyle::kInterleavedPairs);
  CHECK(checkpoint.chat_template().empty());
  CHECK(checkpoint.tensors().size() == 11);
  CHECK(checkpoint.Find("token_embd.weight")->shape == std::vector<uint64_t>{16, 8});

  const auto whole = checkpoint.ReadTensor("blk.0.attn_k.weight");
  REQUIRE(whole.ok());
  CHECK(whole->size() == 32);
  CHECK(whole->back() == 31);
  std::vector<float> rows(16);
  REQUIRE(checkpoint.ReadRows("blk.0.attn_k.weight", 1, 2, rows).ok());
  CHECK(rows.front() == 8);
  CHECK(rows.back() == 23);

  CHECK(Message(checkpoint.ReadRows("blk.0.attn_k.weight", 3, 2, rows)) ==
        "x.gguf: tensor \"blk.0.attn_k.weight\" has 4 rows, not 2 from row 3");
  CHECK(Message(checkpoint.ReadTensor("blk.1.attn_k.weight").status()) ==
        "x.gguf: there is no tensor \"blk.1.attn_k.weight\"");
  CHECK_FALSE(checkpoint.ReadRows("blk.0.attn_k.weight", 0, 1, rows).ok());
}

TEST_CASE("a config that is not supported is refused by field and value") {
  CHECK(Refusal(GgufBuilder().String("general.architecture", "mamba")) ==
        "x.gguf: general.architecture = \"mamba\" is not supported, only llama, qwen2, qwen3 and "
        "qwen3moe");
  CHECK(Refusal(LlamaConfig().Uint("llama.expert_count", 8)) ==
        "x.gguf: metadata \"llama.expert_used_count\" is missing");
  CHECK(Refusal(LlamaConfig().Uint("llama.expert_count", 8).Uint("llama.expert_used_count", 9)) ==
        "x.gguf: llama.expert_used_count = 9 is not supported, only 1 to 8");
  CHECK(Refusal(LlamaConfig().Uint("llama.attention.chunk", 4096)) ==
        "x.gguf: llama.attention.chunk = 4096 is not supported");
  CHECK(Refusal(LlamaConfig().String("llama.rope.scaling.type", "longrope")) ==
        "x.gguf: llama.rope.scaling.type = longrope is not supported, only none, linear and yarn");
  CHECK(Refusal(LlamaConfig().Uint("llama.rope.dimension_count", 2)) ==
        "x.gguf: llama.rope.dimension_count = 2 is not supported, only 4");
  CHECK(Refusal(LlamaConfig().Uint("llama.attention.value_length", 8)) ==
        "x.gguf: llama.attention.value_length = 8 is not supported, only 4");
  CHECK(Refusal(LlamaWithout("llama.block_count")) ==
        "x.gguf: metadata \"llama.block_count\" is missing");
  CHECK(Refusal(LlamaWithout("", 2, 3)) ==
        "x.gguf: llama.attention.head_count_kv = 3 is not supported, only 1 to 2");
  CHECK(Refusal(LlamaWithout("", 3, 1)) ==
        "x.gguf: llama.attention.head_count = 3 is not supported, only divisors of "
        "embedding_length 8");
  CHECK(Refusal(LlamaWithout("llama.vocab_size")) ==
        "x.gguf: neither llama.vocab_size nor tokenizer.ggml.tokens (1 to 1048576 of them) gives "
        "the vocabulary's size");
}

TEST_CASE("tensors must be exactly those that the config asks for") {
  CHECK(Refusal(LlamaConfig()) == "accepted");
  CHECK(Refusal(LlamaConfig(), "blk.0.ffn_up.weight") ==
        "x.gguf: tensor \"blk.0.ffn_up.weight\" is missing");
  CHECK(Refusal(LlamaConfig().Tensor("blk.0.attn_q.bias", {8}, TensorType::kF32, Bytes(32))) ==
        "x.gguf: tensor \"blk.0.attn_q.bias\" is not part of a llama of 1 layers");
  CHECK(Refusal(LlamaConfig().Tensor("blk.0.ffn_norm.weight", {7}, TensorType::kF32, Bytes(28)),
                "blk.0.ffn_norm.weight") ==
        "x.gguf: tensor \"blk.0.ffn_norm.weight\" has shape [7], the config asks for [8]");
}

TEST_CASE("a folder without a config is refused") {
  CHECK(Message(Checkpoint::Open(GONKA_SOURCE_DIR "/tests").status()) == GONKA_SOURCE_DIR
        "/tests/config.json: cannot open: No such file or directory");
}

TEST_CASE("SmolLM2's file says what its card says") {
  const char* path = std::getenv("GONKA_SMOLLM2");
  if (path == nullptr) {
    MESSAGE("skipped: GONKA_SMOLLM2 is not set");
    return;
  }
  const auto opened = Checkpoint::Open(path);
  REQUIRE_MESSAGE(opened.ok(), ToString(opened.status()));
  const ModelConfig& config = (*opened)->config();
  CHECK(config.layers == 30);
  CHECK(config.hidden == 576);
  CHECK(config.heads == 9);
  CHECK(config.kv_heads == 3);
  CHECK(config.head_dim == 64);
  CHECK(config.ffn == 1536);
  CHECK(config.vocab == 49152);
  CHECK(config.context == 8192);
  CHECK(config.tied_embeddings);
  CHECK((*opened)->tensors().size() == 272);
  const auto norm = (*opened)->ReadTensor("output_norm.weight");
  REQUIRE(norm.ok());
  CHECK(norm->size() == 576);
}
