// gonka model convert, quantize: one GGUF file of whatever a checkpoint is.

#include <fmt/format.h>

#include <algorithm>

#include "gonka/model/convert.h"
#include "gonka/model/manifest.h"
#include "gonka/model/quantize.h"
#include "gonka/model_commands.h"

namespace gonka::cli {
namespace {

constexpr model::TensorType kTypes[] = {model::TensorType::kF32, model::TensorType::kF16,
                                        model::TensorType::kBF16, model::TensorType::kQ8_0,
                                        model::TensorType::kQ4_0};

struct ConvertFlags {
  std::string from;
  std::string to;
  std::string type;
};

absl::StatusOr<model::TensorType> ParseType(const std::string& name) {
  std::string upper = name;
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  for (const model::TensorType type : kTypes) {
    if (model::TensorTypeName(type) == upper) return type;
  }
  return absl::InvalidArgumentError(
      fmt::format("--type must be f32, f16, bf16, q8_0 or q4_0, is '{}'", name));
}

absl::Status Convert(const ConvertFlags& flags, bool as_json) {
  model::ConvertOptions options{.progress = BarOnTerminal()};
  if (!flags.type.empty()) {
    GONKA_ASSIGN_OR_RETURN(options.type, ParseType(flags.type));
  }
  GONKA_ASSIGN_OR_RETURN(const auto checkpoint, model::Checkpoint::Open(flags.from));
  GONKA_RETURN_IF_ERROR(model::WriteGguf(*checkpoint, flags.to, options));
  GONKA_ASSIGN_OR_RETURN(const auto written, model::Checkpoint::Open(flags.to));
  GONKA_ASSIGN_OR_RETURN(const Hash manifest, model::ManifestHash(*written));
  if (as_json) {
    fmt::print("{}\n", Json{{"path", flags.to}, {"manifest", Hex(manifest)}}.dump(2));
  } else {
    fmt::print("{}: manifest {}\n", flags.to, Hex(manifest));
  }
  return absl::OkStatus();
}

void AddConvert(CLI::App& model, Context& context, const std::string& name, const std::string& help,
                bool needs_type) {
  CLI::App* command = model.add_subcommand(name, help);
  auto flags = std::make_shared<ConvertFlags>();
  command->add_option("MODEL", flags->from, "a .gguf file or a folder")->required();
  command->add_option("FILE", flags->to, "the .gguf file to write")->required();
  if (needs_type) {
    command->add_option("--type", flags->type, "of the matrices: f32, f16, bf16, q8_0 or q4_0")
        ->required();
  }
  command->callback([flags, &context] {
    context.run = [flags, &context] { return Convert(*flags, context.json); };
  });
}

}  // namespace

void AddModelConvert(CLI::App& model, Context& context) {
  AddConvert(model, context, "convert", "as one .gguf file that computes the same", false);
  AddConvert(model, context, "quantize", "as a .gguf file of narrower weights: another model",
             true);
}

}  // namespace gonka::cli
