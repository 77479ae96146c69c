// Hugging Face folders: what is understood, and that the rest is refused by name and value.

#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "gonka/model/checkpoint.h"
#include "gonka/model/manifest.h"
#include "gonka/model/tokenizer.h"

using namespace gonka;
using namespace gonka::model;
using Json = nlohmann::json;
namespace fs = std::filesystem;

namespace {

const fs::path kFamilies = GONKA_SOURCE_DIR "/tests/golden/families";

// A copy of one of the golden folders, to be spoilt.
class Folder {
 public:
  explicit Folder(const char* family) {
    std::string pattern = (fs::temp_directory_path() / "gonka-folder-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path = pattern;
    fs::copy(kFamilies / family, path, fs::copy_options::recursive);
  }
  ~Folder() { fs::remove_all(path); }

  std::string Read(const char* file) const {
    std::ifstream in(path / file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void Write(const char* file, const std::string& text) const {
    std::ofstream(path / file, std::ios::binary | std::ios::trunc) << text;
  }
  void Set(const char* file, const char* field, const Json& value) const {
    Json json = Json::parse(Read(file));
    json[field] = value;
    Write(file, json.dump());
  }
  // The refusal, with the folder's own path cut out.
  std::string Refusal() const {
    const auto opened = Checkpoint::Open(path.string());
    if (opened.ok()) return "accepted";
    std::string message = Message(opened.status());
    for (size_t at; (at = message.find(path.string())) != std::string::npos;) {
      message.replace(at, path.string().size(), "F");
    }
    return message;
  }

  fs::path path;
};

std::string RefusalOf(const char* family, const char* field, const Json& value) {
  const Folder folder(family);
  folder.Set("config.json", field, value);
  return folder.Refusal();
}

// A file of one directory and so many bytes behind it.
std::string Safetensors(const std::string& directory, size_t data) {
  std::string file;
  for (int i = 0; i < 8; ++i) file += static_cast<char>(directory.size() >> (8 * i) & 0xFF);
  return file + directory + std::string(data, '\0');
}

std::string ShardRefusal(const std::string& bytes) {
  const Folder folder("mistral");
  folder.Write("model.safetensors", bytes);
  return folder.Refusal();
}

}  // namespace

TEST_CASE("a folder's config says what the family's class says") {
  const auto config = [](const char* family) {
    const auto opened = Checkpoint::Open((kFamilies / family).string());
    REQUIRE_MESSAGE(opened.ok(), ToString(opened.status()));
    return (*opened)->config();
  };
  const ModelConfig llama = config("llama3");
  CHECK(llama.architecture == "llama");
  CHECK(llama.tied_embeddings);
  CHECK(llama.rope_style == RopeStyle::kInterleavedPairs);
  CHECK(llama.rope_scaling.type == RopeScalingType::kLlama3);
  CHECK(llama.rope_scaling.original_context == 64);
  CHECK(config("mistral").sliding_window == 24);
  CHECK(config("qwen2").qkv_bias);
  CHECK(config("qwen2").rope_scaling.type == RopeScalingType::kYarn);
  CHECK(config("qwen2-window").WindowOf(0) == 0);
  CHECK(config("qwen2-window").WindowOf(1) == 16);
  CHECK(config("qwen3").qk_norm);
  CHECK(config("qwen3").head_dim == 16);
  CHECK(config("mixtral").experts == Experts{.count = 4, .used = 2, .normalized = true});
  CHECK(config("qwen3-moe").experts == Experts{.count = 4, .used = 2, .normalized = false});
  CHECK(config("qwen3-moe").ffn == 24);
}

TEST_CASE("a folder's tensors come under llama.cpp's names and in its order, experts together") {
  const auto opened = Checkpoint::Open((kFamilies / "mixtral").string());
  REQUIRE(opened.ok());
  const Checkpoint& mixtral = **opened;
  const TensorInfo* gates = mixtral.Find("blk.1.ffn_gate_exps.weight");
  REQUIRE(gates != nullptr);
  CHECK(gates->shape == std::vector<uint64_t>{4, 48, 32});
  const auto all = mixtral.ReadTensor(gates->name);
  REQUIRE(all.ok());
  // Rows across the border of two experts.
  std::vector<float> rows(2 * 32);
  REQUIRE(mixtral.ReadRows(gates->name, 47, 2, rows).ok());
  CHECK(std::equal(rows.begin(), rows.end(), all->begin() + 47 * 32));
  CHECK(mixtral.files().size() == 9);

  // Head by head, row 2 i of a turned matrix is row i of the original, row 2 i + 1 is i + D / 2.
  const Folder folder("mistral");
  const std::string file = folder.Read("model.safetensors");
  uint64_t header = 0;
  std::memcpy(&header, file.data(), 8);
  const Json directory = Json::parse(file.substr(8, header));
  const size_t begin =
      8 + header +
      directory["model.layers.0.self_attn.q_proj.weight"]["data_offsets"][0].get<size_t>();
  std::vector<float> original(32 * 32);
  std::memcpy(original.data(), file.data() + begin, original.size() * 4);
  const auto mistral = Checkpoint::Open(folder.path.string());
  REQUIRE(mistral.ok());
  const auto turned = (*mistral)->ReadTensor("blk.0.attn_q.weight");
  REQUIRE(turned.ok());
  for (size_t row = 0; row < 32; ++row) {
    const size_t from = row / 8 * 8 + row % 2 * 4 + row % 8 / 2;
    CHECK(std::equal(original.begin() + static_cast<ptrdiff_t>(from * 32),
                     original.begin() + static_cast<ptrdiff_t>(from * 32 + 32),
                     turned->begin() + static_cast<ptrdiff_t>(row * 32)));
  }
}

TEST_CASE("a config that asks for what is not supported is refused by field and value") {
  CHECK(RefusalOf("llama2", "model_type", "mamba") ==
        "F/config.json: model_type = \"mamba\" is not supported, only llama, mistral, mixtral, "
        "qwen2, qwen3 and qwen3_moe");
  CHECK(RefusalOf("llama2", "hidden_act", "gelu") ==
        "F/config.json: hidden_act = \"gelu\" is not supported, only \"silu\"");
  CHECK(RefusalOf("llama2", "attention_bias", true) ==
        "F/config.json: attention_bias = true is not supported, only false");
  CHECK(RefusalOf("llama2", "quantization_config", {{"bits", 4}}) ==
        "F/config.json: quantization_config = {\"bits\":4} is not supported");
  CHECK(RefusalOf("llama2", "logit_scale", 2) == "F/config.json: logit_scale = 2 is not supported");
  CHECK(RefusalOf("llama2", "logit_scale", nullptr) == "accepted");
  CHECK(RefusalOf("llama2", "num_key_value_heads", 3) ==
        "F/config.json: num_key_value_heads = 3 is not supported, only divisors of 4 heads");
  CHECK(RefusalOf("llama2", "hidden_size", -1) ==
        "F/config.json: hidden_size = -1 is not supported, only 1 to 65536");
  CHECK(RefusalOf("llama2", "rms_norm_eps", "x") ==
        "F/config.json: rms_norm_eps = \"x\" is not supported, only numbers from 1e-30 to 1");
  CHECK(RefusalOf("llama2", "rope_parameters", {{"rope_type", "longrope"}}) ==
        "F/config.json: rope_parameters.rope_type = \"longrope\" is not supported, only default, "
        "linear, dynamic, llama3 and yarn");
  CHECK(RefusalOf("llama2", "rope_parameters", {{"rope_type", "yarn"}}) ==
        "F/config.json: rope_parameters.factor is missing");
  CHECK(RefusalOf("llama2", "rope_scaling", {{"type", "linear"}, {"factor", 2}, {"power", 3}}) ==
        "F/config.json: rope_scaling.power = 3 is not supported");
  CHECK(RefusalOf("qwen3-moe", "mlp_only_layers", {1}) ==
        "F/config.json: mlp_only_layers = [1] is not supported, only []");
  CHECK(RefusalOf("qwen3-moe", "num_experts_per_tok", 5) ==
        "F/config.json: num_experts_per_tok = 5 is not supported, only 1 to 4");
  CHECK(RefusalOf("qwen2-window", "layer_types", {"sliding_attention", "full_attention"})
            .starts_with("F/config.json: layer_types = [\"sliding_attention\",\"full_attention\"] "
                         "is not supported, only"));
  const Folder folder("llama2");
  folder.Write("config.json", "[1]");
  CHECK(folder.Refusal() == "F/config.json: must be a JSON object, not array");
  folder.Write("config.json", R"({"model_type": "llama", "model_type": "qwen2"})");
  CHECK(folder.Refusal() == "F/config.json: \"model_type\" stands twice in one object");
  folder.Write("config.json", "{\"a\": " + std::string(100, '[') + std::string(100, ']') + "}");
  CHECK(folder.Refusal() == "F/config.json: nests deeper than 64");
}

TEST_CASE("dynamic scaling is served as far as it does nothing") {
  const Folder folder("llama2");
  folder.Set("config.json", "rope_parameters", {{"rope_type", "dynamic"}, {"factor", 2.0}});
  const auto opened = Checkpoint::Open(folder.path.string());
  REQUIRE(opened.ok());
  CHECK((*opened)->config().rope_scaling == RopeScaling{});
  CHECK((*opened)->config().context == 1024);
}

TEST_CASE("tensors must be exactly those that the config asks for") {
  CHECK(RefusalOf("llama2", "vocab_size", 289) ==
        "F: tensor \"lm_head.weight\" has shape [288, 32], the config asks for [289, 32]");
  CHECK(RefusalOf("mistral", "num_hidden_layers", 3) ==
        "F: tensor \"model.layers.2.self_attn.k_proj.weight\" is missing");
  CHECK(RefusalOf("mistral", "num_hidden_layers", 1)
            .starts_with("F: tensor \"model.layers.1.input_layernorm.weight\" is not part of"));
  CHECK(RefusalOf("mistral", "tie_word_embeddings", true) == "accepted");  // The copy is left.
}

TEST_CASE("shards and their index must agree") {
  const Folder folder("llama2");
  CHECK(folder.Refusal() == "accepted");
  Json index = Json::parse(folder.Read("model.safetensors.index.json"));
  const Json sound = index;
  index["weight_map"]["model.norm.weight"] = "../../etc/passwd";
  folder.Write("model.safetensors.index.json", index.dump());
  CHECK(folder.Refusal() ==
        "F/model.safetensors.index.json: tensor \"model.norm.weight\" is said "
        "to be in \"../../etc/passwd\", which is no plain file name");
  index = sound;
  index["weight_map"].erase("model.norm.weight");
  folder.Write("model.safetensors.index.json", index.dump());
  CHECK(folder.Refusal() ==
        "F: tensor \"model.norm.weight\" is in "
        "\"model-00002-of-00003.safetensors\", but not for "
        "model.safetensors.index.json");
  index = sound;
  index["weight_map"]["ghost"] = "model-00001-of-00003.safetensors";
  folder.Write("model.safetensors.index.json", index.dump());
  CHECK(folder.Refusal() ==
        "F: tensor \"ghost\" is not in \"model-00001-of-00003.safetensors\", "
        "as model.safetensors.index.json says");
  folder.Write("model.safetensors.index.json", sound.dump());
  fs::remove(folder.path / "model-00002-of-00003.safetensors");
  CHECK(folder.Refusal().starts_with(
      "F: shard \"model-00002-of-00003.safetensors\" is missing, model.safetensors.index.json "
      "says that tensor "));
  fs::remove(folder.path / "model.safetensors.index.json");
  CHECK(folder.Refusal() ==
        "F: there is neither model.safetensors nor model.safetensors.index.json (weights are read "
        "from safetensors only)");
}

TEST_CASE("a safetensors file that lies is refused by what it says") {
  const auto one = [](const char* dtype, const char* shape, const char* offsets) {
    return std::string("{\"a\":{\"dtype\":\"") + dtype + "\",\"shape\":" + shape +
           ",\"data_offsets\":" + offsets + "}}";
  };
  const std::string file = "F/model.safetensors: ";
  CHECK(ShardRefusal("1234567") ==
        file + "file of 7 bytes ends within the length of its directory");
  CHECK(ShardRefusal(std::string(8, '\xFF')) ==
        file + "directory of 18446744073709551615 bytes, at most 100000000 are accepted");
  CHECK(ShardRefusal(Safetensors("{}", 0).substr(0, 9)) ==
        file + "file of 9 bytes ends within its directory of 2 bytes");
  CHECK(ShardRefusal(Safetensors(one("F32", "[2]", "[0,8]"), 4)) ==
        file + "tensor \"a\" ends at 8, but there are only 4 bytes of tensors");
  CHECK(ShardRefusal(Safetensors(one("F32", "[2]", "[0,8]"), 9)) ==
        file + "1 bytes behind the last tensor belong to none");
  CHECK(ShardRefusal(Safetensors(one("F32", "[2]", "[4,12]"), 12)) ==
        file + "4 bytes before tensor \"a\" belong to none");
  CHECK(ShardRefusal(Safetensors(one("F32", "[3]", "[0,8]"), 8)) ==
        file + "tensor \"a\" of dtype F32 and shape [3] takes 12 bytes, its data_offsets hold 8");
  CHECK(ShardRefusal(Safetensors(one("F32", "[4294967296,4294967296]", "[0,8]"), 8)) ==
        file + "tensor \"a\" has the impossible shape [4294967296,4294967296]");
  CHECK(ShardRefusal(Safetensors(one("Q9", "[2]", "[0,8]"), 8)) ==
        file + "tensor \"a\" has the unknown dtype \"Q9\"");
  CHECK(ShardRefusal(Safetensors(one("F32", "[2]", "[8,0]"), 8)) ==
        file + "tensor \"a\" has the data_offsets [8,0], not a beginning and an end");
  CHECK(ShardRefusal(Safetensors(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
                                 R"("b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})",
                                 6)) == file + "tensors \"a\" and \"b\" overlap");
  CHECK(ShardRefusal(Safetensors(R"({"a":1,"a":2})", 0)) ==
        file + "directory: \"a\" stands twice in one object");
  CHECK(ShardRefusal(Safetensors("{}", 0)) ==
        "F: tensor \"model.layers.0.self_attn.k_proj.weight\" is missing");
}

TEST_CASE("weights that are no numbers, or are gone, fail the read and name the place") {
  const Folder folder("mistral");
  std::string file = folder.Read("model.safetensors");
  uint64_t header = 0;
  std::memcpy(&header, file.data(), 8);
  const Json directory = Json::parse(file.substr(8, header));
  const size_t norm = 8 + header + directory["model.norm.weight"]["data_offsets"][0].get<size_t>();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(file.data() + norm + 5 * 4, &nan, 4);
  folder.Write("model.safetensors", file);
  const auto opened = Checkpoint::Open(folder.path.string());
  REQUIRE(opened.ok());
  const auto read = (*opened)->ReadTensor("output_norm.weight");
  CHECK(read.status().code() == absl::StatusCode::kDataLoss);
  CHECK(
      Message(read.status()).ends_with("tensor \"output_norm.weight\" is nan in row 0, column 5"));

  fs::resize_file(folder.path / "model.safetensors", 8 + header);
  const auto gone = (*opened)->ReadTensor("token_embd.weight");
  CHECK(gone.status().code() == absl::StatusCode::kDataLoss);
  CHECK(ManifestHash(**opened).status().code() != absl::StatusCode::kOk);
}

TEST_CASE("a tokenizer.json is read, padded to the embedding, and refused by field and value") {
  const Folder folder("llama2");
  const Json sound = Json::parse(R"({
    "added_tokens": [{"id": 5, "content": "<end>", "special": true},
                     {"id": 6, "content": "<tool>", "special": false}],
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
    "post_processor": {"type": "TemplateProcessing",
      "single": [{"SpecialToken": {"id": "<end>"}}, {"Sequence": {"id": "A"}}]},
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "\u0120": 3, "\u0120a": 4},
              "merges": ["a b", ["\u0120", "a"]]}})");
  const auto read = [&](const Json& json) {
    folder.Write("tokenizer.json", json.dump());
    return (*Checkpoint::Open(folder.path.string()))->ReadTokenizerSpec();
  };
  folder.Write("tokenizer_config.json", R"({"eos_token": "<end>", "chat_template": "t"})");
  const auto spec = read(sound);
  REQUIRE_MESSAGE(spec.ok(), ToString(spec.status()));
  CHECK(spec->tokens.size() == 288);
  CHECK(spec->tokens[287] == "[PAD287]");
  CHECK(spec->kinds[287] == TokenKind::kUnused);
  CHECK(spec->kinds[5] == TokenKind::kControl);
  CHECK(spec->kinds[6] == TokenKind::kUserDefined);
  CHECK(spec->merges == std::vector<std::string>{"a b", "\u0120 a"});
  CHECK(spec->add_bos);
  CHECK(spec->end_ids == std::vector<uint32_t>{1, 5});  // generation_config.json says 1.
  const auto checkpoint = Checkpoint::Open(folder.path.string());
  CHECK((*checkpoint)->chat_template() == "t");
  const auto tokenizer = (*checkpoint)->LoadTokenizer();
  REQUIRE(tokenizer.ok());
  CHECK(*(*tokenizer)->Encode("ab a<end>", true) == std::vector<uint32_t>{2, 4, 5});

  const auto refusal = [&](const char* pointer, const Json& value) {
    Json json = sound;
    json[Json::json_pointer(pointer)] = value;
    const auto spoilt = read(json);
    const std::string text = spoilt.ok() ? "/tokenizer.json: accepted" : Message(spoilt.status());
    return text.substr(text.find("/tokenizer.json: ") + 17);
  };
  CHECK(refusal("/model/type", "Unigram") ==
        "model.type = \"Unigram\" is not supported, only \"BPE\"");
  CHECK(refusal("/model/byte_fallback", true) ==
        "model.byte_fallback = true is not supported, only its absence");
  CHECK(refusal("/model/ignore_merges", true) ==
        "model.ignore_merges = true is not supported, only true with the pre-tokenizer of Llama 3 "
        "and false with others");
  CHECK(refusal("/model/vocab/c", 288) ==
        "token \"c\" has id 288, but the model has a vocabulary of 288");
  CHECK(refusal("/model/vocab/c", 0) == "id 0 has two tokens, \"a\" and \"c\"");
  CHECK(refusal("/model/merges/0", 7) == "merge 0 is 7, not two tokens");
  CHECK(refusal("/normalizer", {{"type", "Lowercase"}}) ==
        "normalizer = {\"type\":\"Lowercase\"} is not supported, only none, NFC, and Prepend and "
        "Replace of Llama 2");
  CHECK(refusal("/pre_tokenizer", {{"type", "Whitespace"}}) ==
        "pre_tokenizer = {\"type\":\"Whitespace\"} is not supported, only those of GPT-2, SmolLM, "
        "Llama 3 and Qwen2, and Metaspace");
  CHECK(refusal("/added_tokens/0/single_word", true) ==
        "added_tokens \"<end>\" single_word = true is not supported, only false");
}
