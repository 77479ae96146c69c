#include <fmt/format.h>

#include <utility>

#include "engine/torch/scheduler.h"
#include "gonka/engine/torch.h"

namespace gonka::engine {
namespace {

absl::Status CheckOptions(const TorchOptions& options) {
  const auto at_least_one = [](const char* name, uint64_t value) {
    return value > 0 ? absl::OkStatus()
                     : absl::InvalidArgumentError(fmt::format("{} is 0, at least 1", name));
  };
  GONKA_RETURN_IF_ERROR(at_least_one("threads", options.threads));
  GONKA_RETURN_IF_ERROR(at_least_one("kv_bytes_max", options.kv_bytes_max));
  GONKA_RETURN_IF_ERROR(at_least_one("running_max", options.running_max));
  GONKA_RETURN_IF_ERROR(at_least_one("waiting_max", options.waiting_max));
  GONKA_RETURN_IF_ERROR(at_least_one("chunk_beside_answers", options.chunk_beside_answers));
  GONKA_RETURN_IF_ERROR(at_least_one("chunk_alone", options.chunk_alone));
  if (options.threads > 1024) {
    return absl::InvalidArgumentError(fmt::format("threads is {}, at most 1024", options.threads));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<TorchEngine>> TorchEngine::Create(
    std::shared_ptr<const model::Checkpoint> checkpoint, const TorchOptions& options) {
  GONKA_RETURN_IF_ERROR(CheckOptions(options));
  auto scheduler = std::make_unique<Scheduler>(std::move(checkpoint), options);
  GONKA_RETURN_IF_ERROR(scheduler->Start());
  return std::unique_ptr<TorchEngine>(new TorchEngine(std::move(scheduler)));
}

TorchEngine::TorchEngine(std::unique_ptr<Scheduler> scheduler) : scheduler_(std::move(scheduler)) {}
TorchEngine::~TorchEngine() = default;

EngineInfo TorchEngine::Info() const {
  return scheduler_->info();
}

Engine::RequestId TorchEngine::Generate(GenerateRequest request, GenerateEvents events) {
  absl::Status refusal = CheckRequest(request, scheduler_->info());
  return scheduler_->Submit(torch_internal::MakeGenerateJob(std::move(request), std::move(events)),
                            std::move(refusal));
}

Engine::RequestId TorchEngine::Score(ScoreRequest request, ScoreEvents events) {
  absl::Status refusal = CheckRequest(request, scheduler_->info());
  return scheduler_->Submit(torch_internal::MakeScoreJob(std::move(request), std::move(events)),
                            std::move(refusal));
}

void TorchEngine::Cancel(RequestId request) {
  scheduler_->Cancel(request);
}

TorchEngine::Load TorchEngine::CurrentLoad() const {
  return scheduler_->CurrentLoad();
}

}  // namespace gonka::engine
