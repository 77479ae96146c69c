#include "testing/sim_state.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

#include "testing/sim_genesis.h"

namespace gonka::testing {
namespace {

constexpr size_t kEventsMax = 256;  // Of a transaction.

}  // namespace

SimWorld::State::State(SimOptions given)
    : options(std::move(given)),
      developers(KeysOf(options, "developer", options.developers)),
      newcomers(KeysOf(options, "newcomer", options.newcomers)),
      random(options.sim_seed),
      network(clock, random.Next(), options.links) {}

void SimWorld::State::Abort(const std::string& why) const {
  std::string log;
  for (const auto& node : nodes) {
    for (const std::string& line : node->log().lines()) log += line + "\n";
  }
  std::fprintf(stderr, "%sSimWorld, sim_seed %llu, at %lld us: %s\n", log.c_str(),
               static_cast<unsigned long long>(options.sim_seed),
               static_cast<long long>(clock.now_us()), why.c_str());
  std::abort();
}

void SimWorld::State::OnBlock(size_t place, const consensus::CommittedBlockPtr& block) {
  const uint64_t height = block->header.height;
  const auto [known, is_new] = app_hashes.emplace(height, block->app_hash);
  if (known->second != block->app_hash) {
    Abort(fmt::format("node {} has app hash {} at height {}, others have {}", place,
                      Hex(block->app_hash), height, Hex(known->second)));
  }
  if (!is_new) return;
  notices.insert(notices.end(), block->notices.begin(), block->notices.end());
  for (const Receipt& receipt : block->receipts) {
    if (receipt.code != TxCode::kOk) refusals.push_back(receipt.code);
    if (const auto own = codes.find(receipt.tx); own != codes.end()) own->second = receipt.code;
  }
  const auto view = nodes[place]->Snapshot();
  const absl::Status status = ledger::CheckInvariants(*view);
  if (!status.ok()) Abort(fmt::format("height {}: {}", height, ToString(status)));
  for (const Notice& notice : block->notices) {
    if (const auto* record = std::get_if<RecordOpened>(&notice)) opened.insert(record->inference);
    if (const auto* record = std::get_if<RecordFinished>(&notice)) {
      if (!finished.insert(record->inference).second) {
        Abort(fmt::format("{} finishes twice", Hex(record->inference)));
      }
    }
    if (const auto* convicted = std::get_if<Convicted>(&notice)) CheckConviction(*convicted);
    if (std::holds_alternative<EpochSettled>(notice)) CheckOutcomes(*view);
  }
  if (options.one_ledger) Tell(block);
  if (habits.empty()) return;
  clock.At(clock.now_us(), [this, told = block->notices] {
    if (!first().running()) return;
    for (const auto& habit : habits) habit->OnBlock(told);
  });
}

void SimWorld::State::Tell(const consensus::CommittedBlockPtr& block) {
  for (const auto& node : nodes) {
    if (node->has_ledger()) continue;
    clock.At(clock.now_us() + options.links.delay_min_us,
             [node = node.get(), block] { node->Hear(block); });
  }
}

void SimWorld::State::CheckConviction(const Convicted& convicted) const {
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i]->id() == convicted.accused && nodes[i]->WasAlwaysHonest()) {
      Abort(fmt::format("participant {} is convicted of epoch {}, and is honest", i,
                        convicted.epoch));
    }
  }
}

void SimWorld::State::CheckOutcomes(const ledger::View& view) {
  using ledger::InferenceStatus;
  std::erase_if(opened, [&](const InferenceId& id) {
    const auto record = ledger::FindSettledRecord(view, id);
    if (!record) return false;
    const bool good = record->status == InferenceStatus::kValidated ||
                      record->status == InferenceStatus::kUnchecked;
    const bool served = finished.erase(id) > 0;
    if (record->paid > Amount(0) && (!good || !served)) {
      Abort(fmt::format("{} was {} and {}, and {} was paid for it", Hex(id),
                        served ? "finished" : "never finished", NameOf(record->status),
                        record->paid.units()));
    }
    return true;
  });
}

TxCode SimWorld::State::Submit(const SignedTx& tx) {
  const auto code = first().chain().SubmitTx(tx);
  GONKA_CHECK(code.ok());
  return *code;
}

SignedTx SimWorld::State::SignFor(size_t developer, Event event) {
  return SignTx(developers.at(developer), NetworkIdOf(genesis), sequences[developer]++,
                {std::move(event)});
}

// One transaction of every developer, straight into the pool.
void SimWorld::State::SendAllowances(const SimWorld& world) {
  if (options.allowance == Amount(0)) return;
  for (size_t i = 0; i < developers.size(); ++i) {
    for (size_t ta = 0; ta < options.participants;) {
      std::vector<Event> events;
      for (; ta < options.participants && events.size() < kEventsMax; ++ta) {
        events.push_back(world.AllowOf(i, ta, options.allowance));
      }
      const TxCode code = Submit(
          SignTx(developers[i], first().chain().network(), sequences[i]++, std::move(events)));
      if (code != TxCode::kOk) Abort("the allowances are refused");
    }
  }
}

bool SimWorld::State::AllowancesReady() {
  if (options.allowance == Amount(0)) return true;
  for (const auto& node : nodes) {
    if (!node->running() || !node->has_ledger()) continue;
    const auto view = node->Snapshot();
    for (const KeyPair& developer : developers) {
      const AccountId account = AccountOf(developer.public_key());
      for (size_t i = 0; i < options.participants; ++i) {
        const auto allowance = ledger::FindAllowance(*view, nodes[i]->id(), account);
        if (!allowance || allowance->salt.IsZero()) return false;
      }
    }
  }
  return true;
}

void SimWorld::State::MakeHabits(SimWorld& world) {
  for (const auto& [place, conduct] : options.habits) {
    GONKA_CHECK(place < options.developers);
    for (const Conduct& one : conduct) {
      auto habit = MakeHabit(one.strategy);
      if (!habit.ok()) Abort(ToString(habit.status()));
      (*habit)->Join(world, place, one, random.Next());
      habits.push_back(*std::move(habit));
    }
  }
}

}  // namespace gonka::testing
