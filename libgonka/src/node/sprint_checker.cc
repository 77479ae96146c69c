#include "gonka/node/sprint_checker.h"

#include <fmt/format.h>

#include <algorithm>

namespace gonka::node {

using ledger::SprintPhase;

struct SprintChecker::Job {
  uint64_t epoch = 0;
  Subject subject;
  SprintParams params;
  ledger::SprintEntry entry;
  Hash seed;
  std::vector<uint32_t> inputs;
  ModelInfo model;
  engine::Engine* engine = nullptr;
  verify::ArtifactShape artifact;
  SprintShape shape;
  std::string kernel_class;  // The participant's.
  std::vector<verify::SprintSample> samples;
  std::deque<size_t> to_score;  // Samples that the engine is still to be asked for.
  size_t in_flight = 0;
  size_t scored = 0;
  uint32_t fetch_rounds = 0;
  uint32_t score_rounds = 0;
  bool exposed = false;
  bool done = false;
};

namespace {

const ledger::SprintBallot* BallotOf(const ledger::SprintEntry& entry, const AccountId& checker) {
  for (const ledger::SprintBallot& ballot : entry.ballots) {
    if (ballot.checker == checker) return &ballot;
  }
  return nullptr;
}

bool MayCommit(SprintPhase phase) {
  return phase == SprintPhase::kCheck || phase == SprintPhase::kAppeal;
}
bool MayReveal(SprintPhase phase) {
  return phase == SprintPhase::kReveal || phase == SprintPhase::kAppealReveal;
}

}  // namespace

SprintChecker::SprintChecker(Environment env, LedgerPort ledger, const Identity& self,
                             NetworkId network, const ServedModels& models, Recorder& recorder,
                             SprintCheckerOptions options)
    : env_(env),
      ledger_(std::move(ledger)),
      self_(self),
      network_(network),
      models_(models),
      recorder_(recorder),
      options_(options),
      alive_(std::make_shared<bool>(true)) {}

SprintChecker::~SprintChecker() {
  *alive_ = false;
}

void SprintChecker::Resume() {
  const auto view = ledger_.snapshot();
  const uint64_t epoch = ledger::ReadChain(*view).epoch;
  for (const ledger::ListedSprint& listed : ledger::ListSprint(*view, epoch)) {
    Learn(*view, epoch, listed.participant, listed.model);
  }
}

void SprintChecker::OnBlock(const BlockFacts& block) {
  const auto view = ledger_.snapshot();
  for (const Notice& notice : block.notices) {
    if (const auto* drawn = std::get_if<SprintCheckDrawn>(&notice)) {
      Learn(*view, drawn->epoch, drawn->participant, drawn->model);
    } else if (std::holds_alternative<EpochStarted>(notice)) {
      duties_.clear();
      waiting_.clear();
    }
  }
  if (!duties_.empty()) Advance(*view);
}

void SprintChecker::Learn(const ledger::View& view, uint64_t epoch, const AccountId& participant,
                          const ModelId& model) {
  const auto entry = ledger::FindSprintEntry(view, epoch, participant, model);
  if (!entry || entry->outcome) return;
  const ledger::SprintBallot* ballot = BallotOf(*entry, self_.account);
  if (ballot == nullptr || ballot->votes == 0 || ballot->finding) return;
  const Subject subject(participant, model);
  const auto [duty, is_new] = duties_.try_emplace(subject, Duty{.epoch = epoch});
  // In an appeal a commit that was never revealed may be made anew.
  if (!ballot->commitment) duty->second.committed = false;
  if (!is_new) return;
  const auto job = std::make_shared<Job>();
  job->epoch = epoch;
  job->subject = subject;
  waiting_.push_back(job);
  env_.loop.Post([this, alive = alive_] {
    if (*alive) Next();
  });
}

void SprintChecker::Advance(const ledger::View& view) {
  const auto sprint = ledger::FindSprint(view, duties_.begin()->second.epoch);
  if (!sprint) return;
  for (auto& [subject, duty] : duties_) Step(view, sprint->phase, subject, duty);
}

void SprintChecker::Step(const ledger::View& view, SprintPhase phase, const Subject& subject,
                         Duty& duty) {
  if (!duty.verdict) return;
  const auto entry = ledger::FindSprintEntry(view, duty.epoch, subject.first, subject.second);
  const ledger::SprintBallot* ballot =
      entry && !entry->outcome ? BallotOf(*entry, self_.account) : nullptr;
  if (ballot == nullptr || ballot->votes == 0 || ballot->finding) return;
  const Hash commitment = SprintVerdictCommitment(self_.account, *duty.verdict);
  if (!ballot->commitment && MayCommit(phase) && !duty.committed) {
    duty.committed = true;
    recorder_.Add(SprintVerdictCommit{.epoch = duty.epoch,
                                      .participant = subject.first,
                                      .model = subject.second,
                                      .commitment = commitment});
  }
  // Another one is from before a restart, and was another verdict.
  if (ballot->commitment == commitment && MayReveal(phase) && !duty.revealed) {
    duty.revealed = true;
    recorder_.Add(*duty.verdict);
  }
}

void SprintChecker::Next() {
  while (running_ < options_.running_max && !waiting_.empty()) {
    const std::shared_ptr<Job> job = waiting_.front();
    waiting_.pop_front();
    ++running_;
    if (Prepare(*job)) {
      Fetch(job);
    } else {
      Finish(job, Verdict::kInconclusive, 0, "this node does not run the model");
    }
  }
}

bool SprintChecker::Prepare(Job& job) {
  const auto view = ledger_.snapshot();
  const auto& [participant, model_id] = job.subject;
  const auto sprint = ledger::FindSprint(*view, job.epoch);
  const auto entry = ledger::FindSprintEntry(*view, job.epoch, participant, model_id);
  const auto model = ledger::FindModel(*view, model_id);
  const auto served = models_.find(model_id);
  if (!sprint || !entry || !model || served == models_.end() || served->second.engines.empty()) {
    return false;
  }
  const auto& engines = served->second.engines;
  job.engine = engines[next_engine_++ % engines.size()].get();
  job.params = ledger::ReadParams(*view).sprint;
  job.entry = *entry;
  job.seed = sprint->seed;
  job.inputs = ledger::SprintSamples(*view, job.epoch, participant, model_id);
  job.model = *model;
  job.artifact = {.k = model->top_k, .vocabulary = job.engine->Info().vocabulary};
  job.shape = SprintShapeOf(job.params, *model);
  job.samples.resize(job.inputs.size());
  for (size_t place = 0; place < job.inputs.size(); ++place) job.to_score.push_back(place);
  return true;
}

void SprintChecker::Fetch(const std::shared_ptr<Job>& job) {
  const AccountId& id = job->subject.first;
  const auto participant = ledger::FindParticipant(*ledger_.snapshot(), id);
  if (!participant) return Again(job, absl::NotFoundError("it is no participant"));
  const auto frame = std::make_shared<std::optional<Bytes>>();
  env_.transport.Call(
      Peer{.id = ledger::NodeKeyOf(id, *participant).value, .url = participant->endpoint},
      kSprintMethod, Encode(SprintQuery{.epoch = job->epoch, .model = job->subject.second}),
      {.on_frame = [frame](Bytes bytes) { *frame = std::move(bytes); },
       .on_done =
           [this, job, frame, alive = alive_](absl::Status status) {
             if (!*alive || job->done) return;
             if (status.ok() && !*frame) status = absl::DataLossError("an empty answer");
             if (status.ok()) status = TakeOpenings(*job, **frame);
             if (job->exposed) return Finish(job, Verdict::kFail, 0, ToString(status));
             if (!status.ok()) return Again(job, status);
             Score(job);
           }},
      {.first_frame_timeout_us = options_.fetch_timeout_us,
       .total_timeout_us = 2 * options_.fetch_timeout_us});
}

void SprintChecker::Again(const std::shared_ptr<Job>& job, const absl::Status& why) {
  if (++job->fetch_rounds >= options_.fetch_rounds) {
    return Finish(job, Verdict::kUnavailable, 0, ToString(why));
  }
  env_.loop.PostAfter(options_.fetch_again_us, [this, job, alive = alive_] {
    if (*alive && !job->done) Fetch(job);
  });
}

absl::Status SprintChecker::TakeOpenings(Job& job, const Bytes& frame) {
  const auto openings = Decode<SprintOpenings>(frame);
  if (!openings.ok()) return openings.status();
  if (openings->opened.size() != job.inputs.size()) {
    return absl::DataLossError(fmt::format("{} results are opened, {} were sampled",
                                           openings->opened.size(), job.inputs.size()));
  }
  job.kernel_class = openings->kernel_class;
  for (size_t i = 0; i < job.inputs.size(); ++i) {
    GONKA_RETURN_IF_ERROR(TakeOpening(job, openings->opened[i], i));
  }
  return absl::OkStatus();
}

// What its author has signed, and the root does not cover, is told to the ledger.
absl::Status SprintChecker::TakeOpening(Job& job, const OpenedResult& opened, size_t place) {
  const auto& [participant, model] = job.subject;
  const uint32_t input = job.inputs[place];
  const std::vector<uint32_t> tokens =
      SprintTokens({.seed = job.seed, .participant = participant, .model = model, .index = input},
                   job.shape.tokens, job.artifact.vocabulary);
  const auto ids = std::span(tokens).last(job.shape.positions);
  const SprintOpening opening{.network = network_,
                              .epoch = job.epoch,
                              .participant = participant,
                              .model = model,
                              .root = job.entry.root,
                              .index = input,
                              .result = verify::SprintResultHash(job.artifact, ids, opened.block),
                              .path = opened.path};
  if (!ledger::SigningKeyOf(*ledger_.snapshot(), participant, SprintOpeningHash(opening),
                            opened.signature)) {
    return absl::DataLossError(fmt::format("the opening of result {} is not signed", input));
  }
  job.samples[place].block = opened.block;
  if (VerifySprintOpening(opening, job.entry.count)) return absl::OkStatus();
  job.exposed = true;
  recorder_.Add(SprintExpose{.epoch = job.epoch,
                             .participant = participant,
                             .model = model,
                             .index = input,
                             .result = opening.result,
                             .path = opening.path,
                             .signature = opened.signature});
  return absl::DataLossError(
      fmt::format("the opening of result {} does not lead to the root, and is signed", input));
}

void SprintChecker::Score(const std::shared_ptr<Job>& job) {
  const auto& [participant, model] = job->subject;
  while (!job->to_score.empty() && job->in_flight < options_.in_flight_max) {
    const size_t place = job->to_score.front();
    job->to_score.pop_front();
    auto request = verify::SprintRequest({.seed = job->seed,
                                          .participant = participant,
                                          .model = model,
                                          .index = job->inputs[place]},
                                         job->shape, job->artifact);
    if (!request.ok()) {
      return Finish(job, Verdict::kInconclusive, 0, ToString(request.status()));
    }
    ++job->in_flight;
    job->engine->Score(
        *std::move(request),
        {.on_done = [this, job, place,
                     alive = alive_](absl::StatusOr<std::vector<engine::ScoredToken>> scores) {
          env_.loop.Post([this, job, place, alive, scores = std::move(scores)]() mutable {
            if (*alive && !job->done) OnScores(job, place, std::move(scores));
          });
        }});
  }
  if (job->scored == job->samples.size()) Judge(job);
}

void SprintChecker::OnScores(const std::shared_ptr<Job>& job, size_t place,
                             absl::StatusOr<std::vector<engine::ScoredToken>> scores) {
  --job->in_flight;
  if (scores.ok()) {
    job->samples[place].scores = *std::move(scores);
    ++job->scored;
    return Score(job);
  }
  if (++job->score_rounds >= options_.score_rounds) {
    return Finish(job, Verdict::kInconclusive, 0,
                  fmt::format("this node's engine failed: {}", ToString(scores.status())));
  }
  // Full, or down for a while.
  env_.loop.PostAfter(options_.score_again_us, [this, job, place, alive = alive_] {
    if (!*alive || job->done) return;
    job->to_score.push_front(place);
    Score(job);
  });
}

void SprintChecker::Judge(const std::shared_ptr<Job>& job) {
  const auto calibration = verify::DecodeCalibration(job->model.calibration);
  if (!calibration.ok()) {
    return Finish(job, Verdict::kInconclusive, 0, ToString(calibration.status()));
  }
  const std::string verifier_class = job->engine->Info().kernel_class;
  const auto proven = verify::CountProven(*calibration,
                                          {.artifact = job->artifact,
                                           .executor_class = job->kernel_class,
                                           .verifier_class = verifier_class},
                                          job->samples);
  if (!proven.ok()) return Finish(job, Verdict::kInconclusive, 0, ToString(proven.status()));
  const bool enough =
      uint64_t{*proven} * Ppm::kOne >= uint64_t{job->samples.size()} * job->params.share_min.value;
  Finish(job, enough ? Verdict::kPass : Verdict::kFail, *proven,
         fmt::format("{} of {} results are reproduced", *proven, job->samples.size()));
}

void SprintChecker::Finish(const std::shared_ptr<Job>& job, Verdict verdict, uint32_t proven,
                           const std::string& why) {
  job->done = true;
  --running_;
  env_.loop.Post([this, alive = alive_] {
    if (*alive) Next();
  });
  const auto duty = duties_.find(job->subject);
  if (duty == duties_.end() || duty->second.epoch != job->epoch) return;
  if (verdict != Verdict::kPass) {
    env_.log.Write(LogLevel::kWarning,
                   fmt::format("sprint of {} in epoch {}: {}: {}", ShortHex(job->subject.first),
                               job->epoch, NameOf(verdict), why));
  }
  // The salt follows from the key, so that a node that restarts can still reveal.
  duty->second.verdict =
      SprintVerdictReveal{.epoch = job->epoch,
                          .participant = job->subject.first,
                          .model = job->subject.second,
                          .verdict = verdict,
                          .proven = proven,
                          .salt = TaggedHash("gonka/sprint/verdict-salt/1", self_.key.seed(),
                                             job->epoch, job->subject.first, job->subject.second)};
  const auto view = ledger_.snapshot();
  if (const auto sprint = ledger::FindSprint(*view, job->epoch)) {
    Step(*view, sprint->phase, job->subject, duty->second);
  }
}

}  // namespace gonka::node
