#include "gonka/node/sprinter.h"

#include <fmt/format.h>

#include <algorithm>

namespace gonka::node {
namespace {

using ledger::SprintPhase;

bool MayAsk(const ledger::SprintEntry& entry, const AccountId& caller) {
  return std::any_of(entry.ballots.begin(), entry.ballots.end(),
                     [&](const ledger::SprintBallot& ballot) { return ballot.checker == caller; });
}

}  // namespace

class Sprinter::Tree final : public MerkleNodes {
 public:
  explicit Tree(const Run& run) : levels_(run.levels) {}
  Hash Node(uint32_t level, uint64_t index) const override { return levels_[level][index]; }

 private:
  const std::vector<std::vector<Hash>>& levels_;
};

Sprinter::Sprinter(Environment env, LedgerPort ledger, const Identity& self, NetworkId network,
                   const ServedModels& models, Recorder& recorder, SprinterOptions options)
    : env_(env),
      ledger_(std::move(ledger)),
      self_(self),
      network_(network),
      models_(models),
      recorder_(recorder),
      options_(options),
      alive_(std::make_shared<bool>(true)) {}

Sprinter::~Sprinter() {
  *alive_ = false;
}

void Sprinter::Resume() {
  Begin(*ledger_.snapshot());
}

void Sprinter::OnBlock(const BlockFacts& block) {
  for (const Notice& notice : block.notices) {
    if (std::holds_alternative<SprintOpened>(notice)) Begin(*ledger_.snapshot());
    if (std::holds_alternative<EpochStarted>(notice)) {
      for (auto& [model, run] : runs_) Close(run);
      runs_.clear();
    }
  }
  if (runs_.empty()) return;
  const auto view = ledger_.snapshot();
  const auto sprint = ledger::FindSprint(*view, runs_.begin()->second.epoch);
  const uint64_t next_height = block.header.height + 1;
  if (!sprint || sprint->phase != SprintPhase::kCompute ||
      next_height + options_.commit_margin_blocks >= sprint->until) {
    EndWindow(*view);
  }
}

void Sprinter::EndWindow(const ledger::View& view) {
  for (auto& [model, run] : runs_) {
    if (run.ended || run.recovers) continue;
    // A commit from before a restart got in after all.
    const auto entry = ledger::FindSprintEntry(view, run.epoch, self_.account, model);
    if (!entry) {
      Commit(model, run);
      continue;
    }
    run.recovers = true;
    run.target = entry->count;
    if (CountReady(run) >= run.target) Close(run);
  }
}

// Of models that this participant has said that it will serve, and that it can run.
void Sprinter::Begin(const ledger::View& view) {
  const ledger::Chain chain = ledger::ReadChain(view);
  const auto sprint = ledger::FindSprint(view, chain.epoch);
  const auto participant = ledger::FindParticipant(view, self_.account);
  if (!sprint || !participant || participant->removed) return;
  if (sprint->phase == SprintPhase::kSeed || sprint->phase == SprintPhase::kOver) return;
  for (const ModelId& id : ledger::NextModels(*participant)) {
    const auto model = ledger::FindModel(view, id);
    if (model && model->sprint_weight > 0 && !runs_.contains(id)) {
      BeginModel(view, *sprint, *model);
    }
  }
}

void Sprinter::BeginModel(const ledger::View& view, const ledger::Sprint& sprint,
                          const ModelInfo& model) {
  const auto served = models_.find(model.id);
  if (served == models_.end() || served->second.engines.empty()) return;
  const uint64_t epoch = ledger::ReadChain(view).epoch;
  const auto entry = ledger::FindSprintEntry(view, epoch, self_.account, model.id);
  if (!entry && sprint.phase != SprintPhase::kCompute) return;  // Too late.
  const engine::EngineInfo info = served->second.engines.front()->Info();
  Run run;
  run.epoch = epoch;
  run.seed = sprint.seed;
  run.artifact = {.k = model.top_k, .vocabulary = info.vocabulary};
  run.shape = SprintShapeOf(ledger::ReadParams(view).sprint, model);
  run.kernel_class = info.kernel_class;
  run.engines = served->second.engines;
  run.recovers = entry.has_value();
  run.target = entry ? entry->count : options_.results_max;
  Feed(model.id, runs_[model.id] = std::move(run));
}

void Sprinter::Feed(const ModelId& model, Run& run) {
  std::vector<size_t> load(run.engines.size());
  for (const auto& [place, request] : run.in_flight) ++load[place.first];
  for (size_t engine = 0; engine < load.size(); ++engine) {
    for (; load[engine] < options_.in_flight_max && !run.ended; ++load[engine]) {
      if (!run.again.empty()) {
        const uint32_t input = run.again.back();
        run.again.pop_back();
        Ask(model, run, engine, input);
      } else if (run.next < run.target) {
        Ask(model, run, engine, run.next++);
      } else {
        return;
      }
    }
  }
}

void Sprinter::Ask(const ModelId& model, Run& run, size_t engine, uint32_t input) {
  const auto request = verify::SprintRequest(
      {.seed = run.seed, .participant = self_.account, .model = model, .index = input}, run.shape,
      run.artifact);
  if (!request.ok()) {
    env_.log.Write(LogLevel::kError, fmt::format("sprint on model {}: {}", ShortHex(model),
                                                 ToString(request.status())));
    run.ended = true;
    return;
  }
  const auto place = std::pair(engine, input);
  run.in_flight[place] = 0;
  const auto id = run.engines[engine]->Score(
      *request, {.on_done = [this, model, epoch = run.epoch, engine, input, alive = alive_](
                                absl::StatusOr<std::vector<engine::ScoredToken>> scores) {
        env_.loop.Post([this, model, epoch, engine, input, alive, scores = std::move(scores)]() {
          if (*alive) OnScores(model, epoch, engine, input, scores);
        });
      }});
  if (const auto waiting = run.in_flight.find(place); waiting != run.in_flight.end()) {
    waiting->second = id;
  }
}

void Sprinter::OnScores(const ModelId& model, uint64_t epoch, size_t engine, uint32_t input,
                        absl::StatusOr<std::vector<engine::ScoredToken>> scores) {
  const auto found = runs_.find(model);
  if (found == runs_.end() || found->second.epoch != epoch) return;
  Run& run = found->second;
  run.in_flight.erase({engine, input});
  if (run.ended) return;
  auto result = scores.ok() ? verify::SprintResultOf(*scores, run.artifact)
                            : absl::StatusOr<verify::SprintResult>(scores.status());
  if (absl::IsInvalidArgument(result.status())) {
    env_.log.Write(LogLevel::kError, fmt::format("sprint: input {} of model {}: {}", input,
                                                 ShortHex(model), ToString(result.status())));
    return Close(run);
  }
  if (!result.ok()) return AskAgainLater(model, run, input);
  run.results[input] = *std::move(result);
  if (run.recovers && CountReady(run) >= run.target) return Close(run);
  Feed(model, run);
}

// The engine is full, or down for a while. What is left out in the middle ends the count.
void Sprinter::AskAgainLater(const ModelId& model, Run& run, uint32_t input) {
  run.again.push_back(input);
  env_.loop.PostAfter(options_.again_us, [this, model, epoch = run.epoch, alive = alive_] {
    if (!*alive) return;
    const auto found = runs_.find(model);
    if (found != runs_.end() && found->second.epoch == epoch) Feed(model, found->second);
  });
}

void Sprinter::Commit(const ModelId& model, Run& run) {
  Close(run);
  const uint32_t count = CountReady(run);
  if (count == 0) {
    env_.log.Write(LogLevel::kWarning,
                   fmt::format("sprint of epoch {}: no result of model {} was ready in time",
                               run.epoch, ShortHex(model)));
    return;
  }
  Cover(run, count);
  recorder_.Add(SprintCommit{
      .epoch = run.epoch, .model = model, .count = count, .root = MerkleRoot(run.levels.front())});
}

// Everything up to the first input that is missing.
uint32_t Sprinter::CountReady(const Run& run) {
  uint32_t count = 0;
  if (!run.results.empty() && run.results.rbegin()->first + 1 == run.results.size()) {
    return static_cast<uint32_t>(run.results.size());
  }
  for (const auto& [input, result] : run.results) {
    if (input != count) break;
    ++count;
  }
  return count;
}

void Sprinter::Cover(Run& run, uint32_t count) {
  if (run.covered == count) return;
  run.covered = count;
  run.levels.assign(1, {});
  for (uint32_t i = 0; i < count; ++i) {
    run.levels[0].push_back(SprintLeaf(i, run.results.at(i).result));
  }
  while (run.levels.back().size() > 1) {
    const std::vector<Hash>& below = run.levels.back();
    std::vector<Hash> level;
    for (size_t i = 0; i + 1 < below.size(); i += 2) {
      level.push_back(MerkleNode(below[i], below[i + 1]));
    }
    run.levels.push_back(std::move(level));
  }
}

void Sprinter::Close(Run& run) {
  run.ended = true;
  for (const auto& [place, request] : run.in_flight) run.engines[place.first]->Cancel(request);
  run.in_flight.clear();
}

uint64_t Sprinter::computed() const {
  uint64_t sum = 0;
  for (const auto& [model, run] : runs_) sum += run.results.size();
  return sum;
}

absl::StatusOr<OpenedResult> Sprinter::OpenResult(const Run& run, SprintOpening opening) const {
  const verify::SprintResult& result = run.results.at(opening.index);
  opening.result = result.result;
  opening.path = MerkleProve(Tree(run), run.covered, opening.index);
  // Signing what does not lead to the root would be fraud. It does not where this machine computes
  // otherwise than before a restart.
  if (!VerifySprintOpening(opening, run.covered)) {
    return absl::DataLossError(
        fmt::format("result {} is not what was committed to", opening.index));
  }
  return OpenedResult{.block = result.block,
                      .path = opening.path,
                      .signature = self_.key.Sign(SprintOpeningHash(opening))};
}

absl::StatusOr<SprintOpenings> Sprinter::Open(const AccountId& caller, const SprintQuery& query) {
  const auto view = ledger_.snapshot();
  const auto entry = ledger::FindSprintEntry(*view, query.epoch, self_.account, query.model);
  if (!entry || !MayAsk(*entry, caller)) {
    return absl::PermissionDeniedError(
        fmt::format("{} does not check the Sprint of epoch {} here", Hex(caller), query.epoch));
  }
  const auto found = runs_.find(query.model);
  if (found == runs_.end() || found->second.epoch != query.epoch ||
      CountReady(found->second) < entry->count) {
    return absl::UnavailableError("the results are not there, or not yet again");
  }
  Run& run = found->second;
  Cover(run, entry->count);
  SprintOpenings answer{.kernel_class = Text<64>(run.kernel_class), .opened = {}};
  for (const uint32_t input :
       ledger::SprintSamples(*view, query.epoch, self_.account, query.model)) {
    GONKA_ASSIGN_OR_RETURN(OpenedResult opened, OpenResult(run, {.network = network_,
                                                                 .epoch = query.epoch,
                                                                 .participant = self_.account,
                                                                 .model = query.model,
                                                                 .root = entry->root,
                                                                 .index = input,
                                                                 .result = {},
                                                                 .path = {}}));
    answer.opened.push_back(std::move(opened));
  }
  return answer;
}

void Sprinter::OnOpen(const Hash& caller, Bytes request, std::shared_ptr<Reply> reply) {
  const auto query = Decode<SprintQuery>(request);
  if (!query.ok()) return reply->Finish(query.status());
  const auto openings = Open(AccountId{caller}, *query);
  if (!openings.ok()) return reply->Finish(openings.status());
  reply->Send(Encode(*openings));
  reply->Finish(absl::OkStatus());
}

}  // namespace gonka::node
