#pragma once

// Runs answers for other participants: checks that the ledger chose this node, accepts or refuses
// at once, streams tokens as they come, then commits to the artifact with Finish and keeps the
// payload.

#include <map>

#include "gonka/node/environment.h"
#include "gonka/node/keep.h"
#include "gonka/node/messages.h"
#include "gonka/node/recorder.h"

namespace gonka::node {

struct ExecutorOptions {
  size_t in_flight_max = 64;
};

class Executor {
 public:
  Executor(Environment env, LedgerPort ledger, const Identity& self, const ServedModels& models,
           Recorder& recorder, Keep& keep, ExecutorOptions options = {});
  ~Executor();

  void OnExecute(const Hash& caller, Bytes request, std::shared_ptr<Reply> reply);
  void OnCancel(const Hash& caller, Bytes request, std::shared_ptr<Reply> reply);
  void OnAck(const Hash& caller, Bytes request, std::shared_ptr<Reply> reply);

  size_t in_flight() const { return in_flight_.size(); }

 private:
  struct InFlight {
    Execute order;
    std::shared_ptr<Reply> reply;
    engine::Engine* engine = nullptr;
    engine::Engine::RequestId request = 0;
    std::unique_ptr<TextModel::StopWatch> stops;
    std::vector<engine::TokenFacts> facts;
    bool stopped = false;           // A stop string was seen: later tokens do not count.
    bool cancelled = false;         // Later tokens do not count, either.
    bool abandoned = false;         // The transfer agent broke off without a cancel.
    std::optional<AgentWord> word;  // The newest acknowledgement, or the cancel.
  };

  absl::StatusOr<std::vector<uint32_t>> CheckOrder(const Hash& caller, const Execute& order) const;
  void Run(const InferenceId& id, Execute order, std::vector<uint32_t> prompt,
           std::shared_ptr<Reply> reply);
  // The running answer that the caller speaks about, if it is its transfer agent's and the word is
  // signed and about tokens that there are.
  InFlight* AnswerFor(const Hash& caller, const AgentSays& says, const Hash& signing_hash);
  void StopAt(InFlight& job, size_t tokens);
  void OnAbandoned(const InferenceId& id, InFlight& job);
  void OnToken(const InferenceId& id, engine::TokenFacts facts);
  void OnDone(const InferenceId& id, absl::StatusOr<engine::FinishReason> reason);
  static FinishCode FinishOf(const InFlight& job, engine::FinishReason reason);
  Hash OutputSalt(const InferenceId& id) const;
  void Complete(const InferenceId& id, InFlight& job, FinishCode finish);
  engine::Engine* PickEngine(const ServedModel& model);

  Environment env_;
  LedgerPort ledger_;
  const Identity& self_;
  const ServedModels& models_;
  Recorder& recorder_;
  Keep& keep_;
  ExecutorOptions options_;
  std::map<InferenceId, InFlight> in_flight_;  // At most options.in_flight_max.
  std::map<engine::Engine*, size_t> load_;
  std::shared_ptr<bool> alive_;  // Engine events that outlive this object find it false.
};

}  // namespace gonka::node
