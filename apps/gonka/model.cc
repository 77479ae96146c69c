// gonka model inspect, manifest: what a checkpoint is, without running it.

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <thread>

#include "gonka/model/chat_template.h"
#include "gonka/model/manifest.h"
#include "gonka/model/size.h"
#include "gonka/model_commands.h"

namespace gonka::cli {
namespace {

constexpr const char* kRopeScalings[] = {"none", "linear", "llama3", "yarn", "tensor"};

struct ManifestFlags {
  std::string path;
  std::string cache;
  bool no_cache = false;
  uint32_t threads = std::max(1u, std::thread::hardware_concurrency());
};

double Megabytes(uint64_t bytes) {
  return static_cast<double>(bytes) / (1 << 20);
}

Json ShapeJson(const model::ModelConfig& config) {
  return {{"layers", config.layers},
          {"hidden", config.hidden},
          {"heads", config.heads},
          {"kv_heads", config.kv_heads},
          {"head_dim", config.head_dim},
          {"ffn", config.ffn},
          {"vocab", config.vocab},
          {"context", config.context},
          {"sliding_window", config.sliding_window},
          {"experts", config.experts.count},
          {"experts_used", config.experts.used},
          {"tied_embeddings", config.tied_embeddings},
          {"rope_theta", config.rope_theta},
          {"rope_scaling", kRopeScalings[static_cast<size_t>(config.rope_scaling.type)]}};
}

Json TensorTypesJson(const model::Checkpoint& checkpoint) {
  std::map<std::string, Json> types;
  for (const model::TensorInfo& tensor : checkpoint.tensors()) {
    Json& type = types
                     .try_emplace(std::string(model::TensorTypeName(tensor.type)),
                                  Json{{"tensors", 0}, {"bytes", 0}})
                     .first->second;
    type["tensors"] = type["tensors"].get<uint64_t>() + 1;
    type["bytes"] = type["bytes"].get<uint64_t>() + checkpoint.RawSize(tensor);
  }
  return types;
}

// What cannot be read is said, not fatal: the rest of the checkpoint is still worth a look.
Json TokenizerJson(const model::Checkpoint& checkpoint) {
  const auto tokenizer = checkpoint.LoadTokenizer();
  if (!tokenizer.ok()) return {{"error", Message(tokenizer.status())}};
  Json ends = Json::array();
  for (const uint32_t id : (*tokenizer)->end_ids()) {
    const auto text = (*tokenizer)->TokenBytes(id);
    ends.push_back({{"id", id}, {"text", text.ok() ? std::string(*text) : ""}});
  }
  uint64_t special = 0;
  for (uint32_t id = 0; id < (*tokenizer)->vocab(); ++id) special += (*tokenizer)->IsSpecial(id);
  Json json = {{"tokens", (*tokenizer)->vocab()},
               {"special", special},
               {"ends", ends},
               {"add_bos", (*tokenizer)->add_bos()}};
  if ((*tokenizer)->bos()) json["bos"] = *(*tokenizer)->bos();
  return json;
}

Json TemplateJson(const model::Checkpoint& checkpoint) {
  const std::string& source = checkpoint.chat_template();
  if (source.empty()) return nullptr;
  Json json = {{"bytes", source.size()}};
  const auto parsed = model::ChatTemplate::Parse(source);
  if (!parsed.ok()) json["error"] = Message(parsed.status());
  return json;
}

Json InspectJson(const model::Checkpoint& checkpoint) {
  const model::ModelConfig& config = checkpoint.config();
  const model::ModelSize size = model::SizeOf(checkpoint);
  return {{"path", checkpoint.path()},
          {"files", checkpoint.files().size()},
          {"architecture", config.architecture},
          {"name", config.name},
          {"parameters", size.parameters},
          {"shape", ShapeJson(config)},
          {"tensor_types", TensorTypesJson(checkpoint)},
          {"tokenizer", TokenizerJson(checkpoint)},
          {"chat_template", TemplateJson(checkpoint)},
          {"memory",
           {{"weights", size.weight_bytes},
            {"kv_per_token", size.kv_bytes_per_token},
            {"kv_full_context", size.kv_bytes_per_token * config.context}}}};
}

void PrintTokenizer(const Json& json) {
  if (json.contains("error")) {
    return fmt::print("tokenizer    cannot be used: {}\n", json.value("error", ""));
  }
  std::string ends;
  for (const Json& end : json["ends"]) {
    ends += fmt::format(" {} ({})", end.value("text", ""), end.value("id", 0));
  }
  fmt::print("tokenizer    {} tokens, {} special{}; an answer ends with{}\n",
             json.value("tokens", 0), json.value("special", 0),
             json.value("add_bos", false) ? ", prompts start with bos" : "",
             ends.empty() ? " nothing" : ends);
}

void PrintTemplate(const Json& json) {
  if (json.is_null()) return fmt::print("template     none: a base model\n");
  fmt::print("template     {} bytes{}\n", json.value("bytes", 0),
             json.contains("error") ? ", cannot be used: " + json.value("error", "") : "");
}

void PrintInspect(const Json& json) {
  const Json& shape = json["shape"];
  const Json& memory = json["memory"];
  const auto number = [](const Json& of, const char* field) {
    return of.value(field, uint64_t{0});
  };
  fmt::print("model        {} ({}), {:.1f} M parameters in {} file{}\n", json.value("name", ""),
             json.value("architecture", ""), static_cast<double>(number(json, "parameters")) / 1e6,
             number(json, "files"), number(json, "files") == 1 ? "" : "s");
  fmt::print("shape       ");
  for (const auto& [field, value] : shape.items()) fmt::print(" {} {}", field, value.dump());
  fmt::print("\n");
  for (const auto& [type, entry] : json["tensor_types"].items()) {
    fmt::print("tensors      {:<5} {:>5}  {:>10.1f} MiB\n", type, number(entry, "tensors"),
               Megabytes(number(entry, "bytes")));
  }
  PrintTokenizer(json["tokenizer"]);
  PrintTemplate(json["chat_template"]);
  fmt::print(
      "memory       weights {:.1f} MiB as stored, KV cache {} bytes a token, {:.1f} MiB for "
      "the full context\n",
      Megabytes(number(memory, "weights")), number(memory, "kv_per_token"),
      Megabytes(number(memory, "kv_full_context")));
}

absl::Status Inspect(const std::string& path, bool as_json) {
  GONKA_ASSIGN_OR_RETURN(const auto checkpoint, model::Checkpoint::Open(path));
  const Json json = InspectJson(*checkpoint);
  if (as_json) {
    fmt::print("{}\n", json.dump(2, ' ', false, Json::error_handler_t::replace));
  } else {
    PrintInspect(json);
  }
  return absl::OkStatus();
}

// Where programs of this user keep what they can compute again; empty where there is no home.
std::string DefaultCache() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache != '\0') {
    return std::string(cache) + "/gonka/manifests";
  }
  const char* home = std::getenv("HOME");
  return home == nullptr || *home == '\0' ? "" : std::string(home) + "/.cache/gonka/manifests";
}

absl::Status Manifest(const ManifestFlags& flags, bool as_json) {
  GONKA_ASSIGN_OR_RETURN(const auto checkpoint, model::Checkpoint::Open(flags.path));
  model::ManifestOptions options{.threads = flags.threads, .progress = BarOnTerminal()};
  if (!flags.no_cache) options.cache_directory = flags.cache.empty() ? DefaultCache() : flags.cache;
  GONKA_ASSIGN_OR_RETURN(const model::Manifest manifest,
                         model::ComputeManifest(*checkpoint, options));
  const std::string hash = Hex(model::ManifestHash(manifest));
  if (!as_json) {
    fmt::print("{}\n", hash);
    return absl::OkStatus();
  }
  fmt::print("{}\n", Json{{"manifest", hash},
                          {"config", Hex(manifest.config)},
                          {"tokenizer", Hex(manifest.tokenizer)},
                          {"chat_template", Hex(manifest.chat_template)},
                          {"tensors", Hex(manifest.tensors)}}
                         .dump(2));
  return absl::OkStatus();
}

void AddInspect(CLI::App& model, Context& context) {
  CLI::App* command = model.add_subcommand(
      "inspect", "family, shape, types of tensors, tokenizer, template, memory");
  auto path = std::make_shared<std::string>();
  command->add_option("MODEL", *path, "a .gguf file or a folder")->required();
  command->callback([path, &context] {
    context.run = [path, &context] { return Inspect(*path, context.json); };
  });
}

void AddManifest(CLI::App& model, Context& context) {
  CLI::App* command =
      model.add_subcommand("manifest", "the hash that the ledger knows this checkpoint by");
  auto flags = std::make_shared<ManifestFlags>();
  command->add_option("MODEL", flags->path, "a .gguf file or a folder")->required();
  command->add_option(
      "--cache", flags->cache,
      "folder of remembered manifests; default: gonka/manifests in the user's cache");
  command->add_flag("--no-cache", flags->no_cache, "read every byte again, remember nothing");
  command->add_option("--threads", flags->threads)->capture_default_str()->check(CLI::Range(1, 64));
  command->callback([flags, &context] {
    context.run = [flags, &context] { return Manifest(*flags, context.json); };
  });
}

}  // namespace

void AddModelCommands(CLI::App& app, Context& context) {
  CLI::App* model =
      app.add_subcommand("model", "looks at a checkpoint, or runs it; no node needed");
  model->require_subcommand(1);
  AddInspect(*model, context);
  AddManifest(*model, context);
  AddModelConvert(*model, context);
  AddModelChat(*model, context);
  AddModelBench(*model, context);
}

}  // namespace gonka::cli
