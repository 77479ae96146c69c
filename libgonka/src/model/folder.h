#pragma once

// The files of a Hugging Face folder.

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gonka/base/status.h"
#include "gonka/model/config.h"
#include "gonka/model/tokenizer.h"
#include "json_file.h"
#include "safetensors.h"

namespace gonka::model {

// model.safetensors.index.json: the shard of each tensor. Shards are plain file names.
using ShardOfTensor = std::map<std::string, std::string, std::less<>>;
absl::StatusOr<ShardOfTensor> ParseShardIndex(const std::string& path, std::string_view json);

class ModelFolder {
 public:
  // Reads the config before it looks at any weights.
  static absl::StatusOr<std::shared_ptr<const ModelFolder>> Open(const std::string& path);

  struct Found {
    const MappedFile* file;
    const SafeTensor* tensor;
  };
  // Nothing (file is null) where there is no such tensor.
  Found Find(std::string_view name) const;
  std::vector<std::string> TensorNames() const;

  const ModelConfig& config() const { return config_; }
  const std::string& chat_template() const { return chat_template_; }
  absl::StatusOr<TokenizerSpec> ReadTokenizerSpec() const;
  const std::vector<std::string>& files() const { return files_; }

 private:
  ModelFolder() = default;
  absl::Status OpenShards();
  absl::Status OpenShard(const std::string& name);
  absl::Status CheckIndex(const ShardOfTensor& index) const;
  absl::Status ReadChatTemplate();
  std::string PathOf(std::string_view file) const;
  bool HasFile(std::string_view file) const;
  // An empty object where there is no such file.
  absl::StatusOr<Json> ReadOptionalJson(std::string_view file) const;

  std::string path_;
  ModelConfig config_;
  Json config_json_;
  Json tokenizer_config_;
  std::string chat_template_;
  std::map<std::string, std::unique_ptr<SafetensorsFile>> shards_;  // By file name.
  std::vector<std::string> files_;
};

}  // namespace gonka::model
