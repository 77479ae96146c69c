#include "folder.h"

#include <sys/stat.h>

#include <algorithm>

#include "fmt/format.h"
#include "gonka/base/json.h"
#include "sentencepiece_file.h"
#include "tokenizer_json.h"

namespace gonka::model {
namespace {

constexpr size_t kConfigBytesMax = 1 << 20;
constexpr size_t kIndexBytesMax = 64 << 20;
constexpr size_t kTokenizerBytesMax = 256 << 20;
constexpr size_t kTemplateBytesMax = 1 << 20;
constexpr size_t kShardsMax = 4096;
constexpr const char* kIndexFile = "model.safetensors.index.json";
constexpr const char* kSingleFile = "model.safetensors";

bool IsPlainName(std::string_view name) {
  return !name.empty() && name.size() <= 255 && name[0] != '.' &&
         name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

// tokenizer_config.json has one template, or several with names of which "default" is meant.
absl::StatusOr<std::string> TemplateOf(const std::string& path, const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_array()) {
    for (const Json& one : value) {
      if (one.is_object() && one.value("name", Json()) == "default" &&
          one.value("template", Json()).is_string()) {
        return one["template"].get<std::string>();
      }
    }
  }
  return absl::InvalidArgumentError(
      fmt::format("{}: chat_template is {}, neither a string nor a list with one named \"default\"",
                  path, ShortJson(value)));
}

}  // namespace

absl::StatusOr<ShardOfTensor> ParseShardIndex(const std::string& path, std::string_view json) {
  GONKA_ASSIGN_OR_RETURN(const Json index, ParseJsonObject(path, json));
  const auto map = index.find("weight_map");
  if (map == index.end() || !map->is_object()) {
    return absl::InvalidArgumentError(fmt::format("{}: weight_map is missing", path));
  }
  ShardOfTensor shards;
  for (const auto& [tensor, shard] : map->items()) {
    if (!shard.is_string() || !IsPlainName(shard.get_ref<const std::string&>())) {
      return absl::InvalidArgumentError(
          fmt::format("{}: tensor {} is said to be in {}, which is no plain file name", path,
                      ShortJson(Json(tensor)), ShortJson(shard)));
    }
    shards.emplace(tensor, shard.get<std::string>());
  }
  return shards;
}

std::string ModelFolder::PathOf(std::string_view file) const {
  return fmt::format("{}/{}", path_, file);
}

bool ModelFolder::HasFile(std::string_view file) const {
  struct stat info {};
  return ::stat(PathOf(file).c_str(), &info) == 0;
}

absl::StatusOr<Json> ModelFolder::ReadOptionalJson(std::string_view file) const {
  if (!HasFile(file)) return Json::object();
  GONKA_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(PathOf(file), kTokenizerBytesMax));
  return ParseJsonObject(PathOf(file), text);
}

absl::StatusOr<std::shared_ptr<const ModelFolder>> ModelFolder::Open(const std::string& path) {
  std::shared_ptr<ModelFolder> folder(new ModelFolder);
  folder->path_ = path;
  const std::string config_path = folder->PathOf("config.json");
  GONKA_ASSIGN_OR_RETURN(const std::string config, ReadTextFile(config_path, kConfigBytesMax));
  GONKA_ASSIGN_OR_RETURN(folder->config_, ConfigFromJson(config_path, config));
  GONKA_ASSIGN_OR_RETURN(folder->config_json_, ParseJsonObject(config_path, config));
  GONKA_RETURN_IF_ERROR(folder->ReadChatTemplate());
  GONKA_RETURN_IF_ERROR(folder->OpenShards());
  for (const char* file :
       {"config.json", "generation_config.json", "tokenizer.json", "tokenizer.model",
        "tokenizer_config.json", "chat_template.jinja", kIndexFile}) {
    if (folder->HasFile(file)) folder->files_.push_back(folder->PathOf(file));
  }
  std::sort(folder->files_.begin(), folder->files_.end());
  return std::shared_ptr<const ModelFolder>(std::move(folder));
}

absl::Status ModelFolder::ReadChatTemplate() {
  GONKA_ASSIGN_OR_RETURN(tokenizer_config_, ReadOptionalJson("tokenizer_config.json"));
  if (HasFile(
          "chat_template.jinja")) {  // Newer folders have it apart, and it is the one that counts.
    GONKA_ASSIGN_OR_RETURN(chat_template_,
                           ReadTextFile(PathOf("chat_template.jinja"), kTemplateBytesMax));
    return absl::OkStatus();
  }
  const auto found = tokenizer_config_.find("chat_template");
  if (found == tokenizer_config_.end() || found->is_null()) return absl::OkStatus();
  GONKA_ASSIGN_OR_RETURN(chat_template_, TemplateOf(PathOf("tokenizer_config.json"), *found));
  return absl::OkStatus();
}

absl::Status ModelFolder::OpenShards() {
  if (!HasFile(kIndexFile)) {
    if (HasFile(kSingleFile)) return OpenShard(kSingleFile);
    return absl::NotFoundError(
        fmt::format("{}: there is neither {} nor {} (weights are read from safetensors only)",
                    path_, kSingleFile, kIndexFile));
  }
  GONKA_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(PathOf(kIndexFile), kIndexBytesMax));
  GONKA_ASSIGN_OR_RETURN(const ShardOfTensor index, ParseShardIndex(PathOf(kIndexFile), text));
  for (const auto& [tensor, shard] : index) {
    if (shards_.contains(shard)) continue;
    if (shards_.size() >= kShardsMax) {
      return absl::InvalidArgumentError(
          fmt::format("{}: more than {} shards", PathOf(kIndexFile), kShardsMax));
    }
    const absl::Status opened = OpenShard(shard);
    if (absl::IsNotFound(opened)) {
      return absl::NotFoundError(
          fmt::format("{}: shard {} is missing, {} says that tensor {} is "
                      "in it",
                      path_, JsonQuote(shard), kIndexFile, ShortJson(Json(tensor))));
    }
    GONKA_RETURN_IF_ERROR(opened);
  }
  return CheckIndex(index);
}

absl::Status ModelFolder::OpenShard(const std::string& name) {
  GONKA_ASSIGN_OR_RETURN(shards_[name], SafetensorsFile::Open(PathOf(name)));
  files_.push_back(PathOf(name));
  return absl::OkStatus();
}

// Index and shards must say the same.
absl::Status ModelFolder::CheckIndex(const ShardOfTensor& index) const {
  for (const auto& [tensor, shard] : index) {
    if (!shards_.at(shard)->tensors().contains(tensor)) {
      return absl::InvalidArgumentError(fmt::format("{}: tensor {} is not in {}, as {} says", path_,
                                                    ShortJson(Json(tensor)), JsonQuote(shard),
                                                    kIndexFile));
    }
  }
  for (const auto& [name, shard] : shards_) {
    for (const auto& [tensor, entry] : shard->tensors()) {
      const auto found = index.find(tensor);
      if (found == index.end() || found->second != name) {
        return absl::InvalidArgumentError(fmt::format("{}: tensor {} is in {}, but not for {}",
                                                      path_, ShortJson(Json(tensor)),
                                                      JsonQuote(name), kIndexFile));
      }
    }
  }
  return absl::OkStatus();
}

ModelFolder::Found ModelFolder::Find(std::string_view name) const {
  for (const auto& [file, shard] : shards_) {
    const auto found = shard->tensors().find(name);
    if (found != shard->tensors().end()) return {&shard->file(), &found->second};
  }
  return {nullptr, nullptr};
}

std::vector<std::string> ModelFolder::TensorNames() const {
  std::vector<std::string> names;
  for (const auto& [file, shard] : shards_) {
    for (const auto& [name, tensor] : shard->tensors()) names.push_back(name);
  }
  return names;
}

absl::StatusOr<TokenizerSpec> ModelFolder::ReadTokenizerSpec() const {
  const bool has_only_model = !HasFile("tokenizer.json") && HasFile("tokenizer.model");
  const std::string path = PathOf(has_only_model ? "tokenizer.model" : "tokenizer.json");
  GONKA_ASSIGN_OR_RETURN(const std::string content, ReadTextFile(path, kTokenizerBytesMax));
  GONKA_ASSIGN_OR_RETURN(const Json generation, ReadOptionalJson("generation_config.json"));
  const TokenizerFiles files{.path = path,
                             .content = content,
                             .vocab = config_.vocab,
                             .tokenizer_config = &tokenizer_config_,
                             .generation_config = &generation,
                             .config = &config_json_};
  return has_only_model ? TokenizerSpecFromSentencePiece(files) : TokenizerSpecFromJson(files);
}

}  // namespace gonka::model
