#include <utility>

#include "engine/info.h"
#include "engine/scheduler.h"
#include "engine/torch/llama.h"
#include "gonka/engine/torch.h"
#include "gonka/model/checkpoint.h"

namespace gonka::engine {

absl::StatusOr<std::unique_ptr<LocalEngine>> MakeTorchEngine(
    std::shared_ptr<const model::Checkpoint> checkpoint, const LocalOptions& options) {
  if (options.precision == Precision::kInt8) {
    return absl::InvalidArgumentError("libtorch runs weights in fp32 or bf16, not in int8");
  }
  const bool bf16 = options.precision == Precision::kBf16;
  const EngineInfo info =
      InfoOf(checkpoint->config(), bf16 ? "torch-cpu-bf16/1" : "torch-cpu-fp32/1", options);
  const torch_internal::Llama::Options llama = {.threads = options.threads,
                                                .bf16 = bf16,
                                                .context = info.context,
                                                .weight_hook = options.weight_hook,
                                                .layer_filter = options.layer_filter};
  GONKA_ASSIGN_OR_RETURN(auto scheduler, Scheduler::Start(info, options, [checkpoint, llama] {
                           return torch_internal::Llama::Load(*checkpoint, llama);
                         }));
  return std::make_unique<LocalEngine>(std::move(scheduler));
}

}  // namespace gonka::engine
