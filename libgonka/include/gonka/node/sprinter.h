#pragma once

// Earns this participant's weight: when a Sprint opens it computes as many inputs as its engines
// manage before the window closes, commits to the results, and opens those that were sampled to
// whoever checks them. doc/protocol.md, "Sprint". sprint_checker.h checks those of others.

#include <map>
#include <vector>

#include "gonka/node/environment.h"
#include "gonka/node/messages.h"
#include "gonka/node/recorder.h"
#include "gonka/verify/sprint.h"

namespace gonka::node {

struct SprinterOptions {
  size_t in_flight_max = 8;  // Inputs at work at once on one engine.
  // Results of one model that are kept until the epoch ends; some 200 bytes each.
  uint32_t results_max = 1'000'000;
  // With so many blocks of the window left the work ends: a commit that comes late is none.
  uint64_t commit_margin_blocks = 3;
  int64_t again_us = 500'000;  // After an engine has refused an input.
};

class Sprinter {
 public:
  Sprinter(Environment env, LedgerPort ledger, const Identity& self, NetworkId network,
           const ServedModels& models, Recorder& recorder, SprinterOptions options = {});
  ~Sprinter();

  // Goes on with an open window, or computes again what it had committed to before it stopped.
  void Resume();
  void OnBlock(const BlockFacts& block);
  // A checker wants openings.
  void OnOpen(const Hash& caller, Bytes request, std::shared_ptr<Reply> reply);

  // Of the Sprint that is, or was last: inputs computed so far, over all models.
  uint64_t computed() const;

 private:
  // The work on one model. Results come in any order; what is committed to begins with input 0.
  struct Run {
    uint64_t epoch = 0;
    Hash seed;
    verify::ArtifactShape artifact;
    SprintShape shape;
    std::string kernel_class;
    std::vector<std::shared_ptr<engine::Engine>> engines;
    uint32_t target = 0;          // No more than so many.
    uint32_t next = 0;            // The first input that nobody has been asked for.
    std::vector<uint32_t> again;  // Were refused.
    std::map<std::pair<size_t, uint32_t>, engine::Engine::RequestId> in_flight;  // Engine, input.
    std::map<uint32_t, verify::SprintResult> results;
    bool recovers = false;  // Was committed to before a restart: target is that count.
    bool ended = false;     // Nothing is asked for any more.
    // The tree over the first `covered` results: levels[l][i] covers those from i << l on.
    std::vector<std::vector<Hash>> levels;
    uint32_t covered = 0;
  };
  class Tree;

  void Begin(const ledger::View& view);
  void EndWindow(const ledger::View& view);
  void BeginModel(const ledger::View& view, const ledger::Sprint& sprint, const ModelInfo& model);
  void Feed(const ModelId& model, Run& run);
  void Ask(const ModelId& model, Run& run, size_t engine, uint32_t input);
  void OnScores(const ModelId& model, uint64_t epoch, size_t engine, uint32_t input,
                absl::StatusOr<std::vector<engine::ScoredToken>> scores);
  void AskAgainLater(const ModelId& model, Run& run, uint32_t input);
  void Commit(const ModelId& model, Run& run);
  void Close(Run& run);
  static uint32_t CountReady(const Run& run);
  static void Cover(Run& run, uint32_t count);
  absl::StatusOr<SprintOpenings> Open(const AccountId& caller, const SprintQuery& query);
  absl::StatusOr<OpenedResult> OpenResult(const Run& run, SprintOpening opening) const;

  Environment env_;
  LedgerPort ledger_;
  const Identity& self_;
  const NetworkId network_;
  const ServedModels& models_;
  Recorder& recorder_;
  const SprinterOptions options_;
  std::map<ModelId, Run> runs_;  // Of one epoch.
  std::shared_ptr<bool> alive_;
};

}  // namespace gonka::node
