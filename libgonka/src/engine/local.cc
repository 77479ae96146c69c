#include "gonka/engine/local.h"

#include <utility>

#include "engine/scheduler.h"

namespace gonka::engine {

LocalEngine::LocalEngine(std::unique_ptr<Scheduler> scheduler) : scheduler_(std::move(scheduler)) {}
LocalEngine::~LocalEngine() = default;

EngineInfo LocalEngine::Info() const {
  return scheduler_->info();
}

Engine::RequestId LocalEngine::Generate(GenerateRequest request, GenerateEvents events) {
  absl::Status refusal = CheckRequest(request, scheduler_->info());
  return scheduler_->Submit(MakeGenerateJob(std::move(request), std::move(events)),
                            std::move(refusal));
}

Engine::RequestId LocalEngine::Score(ScoreRequest request, ScoreEvents events) {
  absl::Status refusal = CheckRequest(request, scheduler_->info());
  return scheduler_->Submit(MakeScoreJob(std::move(request), std::move(events)),
                            std::move(refusal));
}

void LocalEngine::Cancel(RequestId request) {
  scheduler_->Cancel(request);
}

LocalEngine::Load LocalEngine::CurrentLoad() const {
  return scheduler_->CurrentLoad();
}

}  // namespace gonka::engine
