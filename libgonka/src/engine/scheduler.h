#pragma once

// The thread that owns the forward pass, and what it does next. Callers leave jobs in a bounded
// queue; the thread admits them in order while there is room for their KV cache, and runs steps.

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "engine/forward_pass.h"
#include "engine/job.h"
#include "gonka/engine/local.h"

namespace gonka::engine {

class Scheduler {
 public:
  using RequestId = Engine::RequestId;
  using Load = LocalEngine::Load;
  // Called once, on the scheduler's thread.
  using MakePass = std::function<absl::StatusOr<std::unique_ptr<ForwardPass>>()>;

  // Starts the thread and waits until it has its forward pass: the weights are loaded then.
  // Refuses options that are out of bounds.
  static absl::StatusOr<std::unique_ptr<Scheduler>> Start(EngineInfo info,
                                                          const LocalOptions& options,
                                                          MakePass make_pass);
  ~Scheduler();

  const EngineInfo& info() const { return info_; }

  // Queues the job, or ends it with the refusal, in both cases from the engine's thread.
  RequestId Submit(std::unique_ptr<Job> job, absl::Status refusal);
  void Cancel(RequestId request);
  Load CurrentLoad() const;

 private:
  struct Refused {
    std::unique_ptr<Job> job;
    absl::Status status;
  };
  // What the thread takes over from its callers at the start of a step.
  struct Arrivals {
    std::vector<Refused> refused;
    std::set<RequestId> cancelled;
    bool stop = false;
  };

  Scheduler(EngineInfo info, const LocalOptions& options);
  absl::Status Begin(MakePass make_pass);
  void Run();
  Arrivals AwaitWork();
  void DropCancelled(const std::set<RequestId>& cancelled);
  void Admit();
  void Step();
  std::vector<Job*> ChooseReaders(size_t budget, std::vector<size_t>& counts) const;
  void End(RequestId id, const absl::Status& status);
  void EndAll(const absl::Status& status);
  absl::Status Oversized(const Job& job) const;
  uint64_t KvBytes(const Job& job) const;

  const EngineInfo info_;
  const LocalOptions options_;

  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::deque<std::unique_ptr<Job>> waiting_;  // At most options_.waiting_max.
  std::vector<Refused> refused_;              // Until the step that is running ends.
  std::set<RequestId> cancelled_;             // The same; known requests only.
  RequestId next_id_ = 1;
  bool stop_ = false;
  Load load_;

  // The scheduler thread's own, but for KvBytes of the pass.
  std::unique_ptr<ForwardPass> pass_;
  std::map<RequestId, std::unique_ptr<Job>> running_;  // At most options_.running_max.
  uint64_t kv_bytes_ = 0;
  std::thread thread_;
};

}  // namespace gonka::engine
