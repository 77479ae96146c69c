#include <fmt/format.h>

#include <utility>

#include "engine/exact/forward.h"
#include "engine/info.h"
#include "engine/scheduler.h"
#include "gonka/engine/exact.h"

namespace gonka::engine {
namespace {

const char* PrecisionName(Precision precision) {
  switch (precision) {
    case Precision::kFp32:
      return "f32";
    case Precision::kBf16:
      return "bf16";
    case Precision::kInt8:
      return "int8";
    default:
      return "file";
  }
}

absl::StatusOr<const kernels::Kernels*> FindKernels(std::string_view name) {
  for (const kernels::Kernels* one : kernels::AvailableKernels()) {
    if (name.empty() || name == one->name) return one;
  }
  return absl::InvalidArgumentError(
      fmt::format("this machine cannot run {}, only {}", name, fmt::join(InstructionSets(), ", ")));
}

}  // namespace

absl::StatusOr<std::unique_ptr<LocalEngine>> MakeExactEngine(
    std::shared_ptr<const model::Checkpoint> checkpoint, const LocalOptions& options,
    std::string_view instruction_set) {
  GONKA_ASSIGN_OR_RETURN(const kernels::Kernels* found, FindKernels(instruction_set));
  const EngineInfo info =
      InfoOf(checkpoint->config(), fmt::format("cpu-exact/1:{}", PrecisionName(options.precision)),
             options);
  const exact::ExactPass::Options pass{.context = info.context, .kernels = found};
  GONKA_ASSIGN_OR_RETURN(auto scheduler,
                         Scheduler::Start(info, options, [checkpoint, options, pass] {
                           return exact::ExactPass::Load(*checkpoint, options, pass);
                         }));
  return std::make_unique<LocalEngine>(std::move(scheduler));
}

std::vector<std::string> InstructionSets() {
  std::vector<std::string> names;
  for (const kernels::Kernels* one : kernels::AvailableKernels()) names.emplace_back(one->name);
  return names;
}

}  // namespace gonka::engine
