// At reputation 0 every single inference is verified by at least one participant other than its
// executor: not on average, and not only as long as everybody is awake.

#include <doctest/doctest.h>

#include <algorithm>

#include "unit/ledger/test_network.h"

namespace gonka::ledger {
namespace {

constexpr size_t kInferences = 100'000;
constexpr size_t kPerBlock = 2'500;
constexpr size_t kDevelopers = 12;

enum class Habit { kAwake, kCrashed, kSilent, kUnable };

// Of twelve participants: the last seven are of no use as validators.
Habit HabitOf(size_t place) {
  if (place < 5) return Habit::kAwake;
  if (place < 8) return Habit::kCrashed;  // Do nothing.
  return place < 10 ? Habit::kSilent      // Commit, and never reveal.
                    : Habit::kUnable;     // Come to no verdict.
}

NetworkOptions Options() {
  NetworkOptions options{.participants = 12, .developers = kDevelopers};
  options.audit = false;  // Of the whole state, after every block: too much for so many records.
  options.balance = Amount(1'000'000'000);
  options.params.time.epoch_blocks = 2'000;
  options.params.time.check_window_blocks = 2;
  options.params.check.recheck_rate = Ppm{0};
  return options;
}

class Network {
 public:
  Network() : net_(Options()) {
    for (size_t i = 0; i < kDevelopers; ++i) {
      std::vector<Event> events;
      for (size_t ta = 0; ta < net_.size(); ++ta) {
        events.push_back(Allow{.ta = net_.id(ta),
                               .amount = Amount(50'000'000),
                               .expires_epoch = 9,
                               .key_digest = ApiKeyDigest(net_.developer_id(i).value.span())});
      }
      net_.Send(net_.developer(i), std::move(events));
    }
    net_.MakeBlocks(3);
  }

  void Run() {
    for (size_t opened = 0; opened < kInferences || !open_.empty();) {
      if (opened < kInferences) {
        for (size_t i = 0; i < kPerBlock; ++i) Ask(opened++);
      }
      for (size_t i = 0; i < open_.size(); ++i) Judge(open_[i]);
      SendAll();
      for (const TxCode code : net_.MakeBlock()) REQUIRE(code == TxCode::kOk);
      std::erase_if(open_, [](const Open& record) { return record.done; });
      REQUIRE(net_.epoch() == 0);
    }
  }
  size_t verified() const { return verified_; }
  size_t substituted() const { return substituted_; }

 private:
  struct Open {
    InferenceId id;
    std::vector<AccountId> order;
    bool done = false;
  };

  void Ask(size_t number) {
    Job job = net_.NewJob(number % kDevelopers, number / kDevelopers % net_.size());
    job.assignment.developer_signature.reset();  // The allowance names a key.
    starts_[job.ta].push_back(net_.StartOf(job, false));
    others_[job.executor].push_back(net_.FinishOf(job));
    open_.push_back({.id = job.id, .order = {}, .done = false});
  }

  void Judge(Open& open) {
    const std::optional<InferenceRecord> record = FindRecord(net_.view(), open.id);
    if (!record || record->check_seed.IsZero()) return;
    if (record->check_closed) return Count(open, *record);
    const uint64_t next = net_.height() + 1;
    if (!record->verdicts.empty() && !record->verdicts.back().reveal) {
      const VerdictCommit& commit = record->verdicts.back();
      const size_t who = net_.PlaceOf(commit.validator);
      if (HabitOf(who) != Habit::kSilent && commit.reveal_from == next) {
        others_[who].push_back(VerdictOf(who, open.id));
      }
      if (next < commit.reveal_from + 2) return;
    }
    if (open.order.empty()) open.order = ValidatorOrder(net_.view(), *record);
    for (const AccountId& id : open.order) {
      const size_t who = net_.PlaceOf(id);
      if (HabitOf(who) == Habit::kCrashed) continue;
      const TxCode code = DutyOf(net_.view(), *record, id, next).code;
      if (code == TxCode::kTooEarly) return;  // So it is for all after it.
      if (code != TxCode::kOk) continue;
      others_[who].push_back(ValidateCommit{
          .inference = open.id, .commitment = VerdictCommitment(id, VerdictOf(who, open.id))});
      return;
    }
  }

  static ValidateReveal VerdictOf(size_t who, const InferenceId& id) {
    const bool awake = HabitOf(who) == Habit::kAwake;
    return {.inference = id,
            .verdict = awake ? Verdict::kPass : Verdict::kInconclusive,
            .evidence_millinats = 0,
            .scores_root = {},
            .salt = {}};
  }

  void Count(Open& open, const InferenceRecord& record) {
    open.done = true;
    substituted_ += record.verdicts.size() > 1;
    verified_ += std::any_of(record.verdicts.begin(), record.verdicts.end(),
                             [&](const VerdictCommit& commit) {
                               return commit.reveal && commit.reveal->verdict == Verdict::kPass &&
                                      commit.validator != record.assignment.executor;
                             });
  }

  // Starts first: an executor's Finish needs its record.
  void SendAll() {
    for (auto* events : {&starts_, &others_}) {
      for (auto& [who, waiting] : *events) {
        for (size_t i = 0; i < waiting.size(); i += 256) {
          const size_t end = std::min(waiting.size(), i + 256);
          net_.Send(net_.participant(who), {waiting.begin() + static_cast<ptrdiff_t>(i),
                                            waiting.begin() + static_cast<ptrdiff_t>(end)});
        }
      }
      events->clear();
    }
  }

  TestNetwork net_;
  std::vector<Open> open_;
  std::map<size_t, std::vector<Event>> starts_;
  std::map<size_t, std::vector<Event>> others_;
  size_t verified_ = 0;
  size_t substituted_ = 0;
};

}  // namespace

TEST_CASE("each of 100,000 newcomers' answers is verified by somebody else, though most sleep") {
  Network network;
  network.Run();
  CHECK(network.verified() == kInferences);
  CHECK(network.substituted() > kInferences / 4);
}

}  // namespace gonka::ledger
