#pragma once

// How a participant of a simulation departs from the rules. A strategy sits around the real node
// code: it may swallow, change and add what goes in and out, and choose the model that answers, but
// what it leaves alone is done by the same classes that gonkad runs.
//
//   class Silent final : public Strategy {
//     bool OnEvent(Event& event) override { return !std::holds_alternative<Delivered>(event); }
//   };
//
// The ones that come along are in Strategies(), each a small file in src/testing/strategies; a
// scenario names them. One strategy object belongs to one participant and outlives its crashes.

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gonka/engine/scripted.h"
#include "gonka/node/environment.h"
#include "gonka/testing/sim_clock.h"

namespace gonka::testing {

// A strategy by name, with its numbers; each uses those that its line in Strategies() names.
struct Conduct {
  std::string strategy = "honest";
  Ppm rate{Ppm::kOne};                // Of the occasions, on how many it does so.
  Ppm reputation{0};                  // Only while its own is at least this.
  std::vector<size_t> friends = {};   // Places of participants whom it favours, beside itself,
  std::vector<size_t> victims = {};   // and of those whom it harms; nobody named: everybody else.
  uint64_t from_block = 0;            // Honest before.
  uint64_t until_block = UINT64_MAX;  // And from here on.
};

// What a strategy knows, and how it acts, beside its hooks.
struct Insider {
  AccountId self;
  NetworkId network;
  const KeyPair& key;
  SimRandom& dice;
  std::vector<AccountId> friends;  // Itself included.
  std::vector<AccountId> victims;  // Empty: everybody else.
  std::function<std::shared_ptr<const ledger::View>()> snapshot;
  // An event of its own. It passes OnEvent like any other.
  std::function<void(Event)> say;
};

class Strategy {
 public:
  virtual ~Strategy() = default;

  // Whether whoever follows it keeps to the rules, and so must never be convicted.
  virtual bool IsHonest() const { return false; }

  // Once, before anything else.
  void Join(Insider insider, Conduct conduct) {
    insider_ = std::make_unique<Insider>(std::move(insider));
    conduct_ = std::move(conduct);
  }

  // The model that answers this prompt (executes) or scores it; honest is what it should be.
  virtual engine::ScriptedOptions Model(std::span<const uint32_t> /*tokens*/, bool /*executes*/,
                                        const engine::ScriptedOptions& honest) {
    return honest;
  }
  // Whether its artifact shows the honest model's numbers, whatever model wrote the answer.
  virtual bool Prefills(std::span<const uint32_t> /*tokens*/) { return false; }
  // An event of its own on its way to the ledger. False drops it: the node believes that it was
  // taken.
  virtual bool OnEvent(Event& /*event*/) { return true; }
  // A block, before the node hears of it.
  virtual void OnBlock(node::BlockFacts& /*block*/) {}
  // Somebody calls. Nothing: the call is never answered; another reply changes what is answered.
  virtual std::shared_ptr<Reply> OnCall(const std::string& /*method*/, const Hash& /*caller*/,
                                        const Bytes& /*request*/, std::shared_ptr<Reply> reply) {
    return reply;
  }
  // The node calls somebody. False: the call fails at once, and nobody hears of it. The events may
  // be wrapped.
  virtual bool OnOutgoing(const AccountId& /*to*/, std::string_view /*method*/,
                          const Bytes& /*request*/, CallEvents& /*events*/) {
    return true;
  }
  // Of whoever orders blocks: does this one carry its beacon link?
  virtual bool RevealsLink(uint64_t /*height*/) { return true; }
  // How many answers it takes at once; nothing: as many as others do.
  virtual std::optional<size_t> InFlightMax() const { return std::nullopt; }

 protected:
  const Insider& insider() const { return *insider_; }
  const Conduct& conduct() const { return conduct_; }
  // Does it do so this time: rate, reputation, blocks.
  bool Acts();
  bool IsFriend(const AccountId& who) const;
  bool IsVictim(const AccountId& who) const;

 private:
  std::unique_ptr<Insider> insider_;
  Conduct conduct_;
};

class SimWorld;

// How a developer departs from what developers do. It has no node, so it acts on the world as a
// scenario does: it posts requests and says events, and waits for nothing.
//
// Conduct: rate, friends, victims (places of participants), from_block and until_block.
class Habit {
 public:
  virtual ~Habit() = default;

  void Join(SimWorld& world, size_t developer, Conduct conduct, uint64_t sim_seed) {
    world_ = &world;
    developer_ = developer;
    conduct_ = std::move(conduct);
    dice_ = std::make_unique<SimRandom>(sim_seed);
  }
  // After each block; what it told.
  virtual void OnBlock(std::span<const Notice> told) = 0;

 protected:
  SimWorld& world() { return *world_; }
  size_t developer() const { return developer_; }
  const Conduct& conduct() const { return conduct_; }
  SimRandom& dice() { return *dice_; }
  // Does it do so this time: rate, blocks.
  bool Acts();

 private:
  SimWorld* world_ = nullptr;
  size_t developer_ = 0;
  Conduct conduct_;
  std::unique_ptr<SimRandom> dice_;
};

struct StrategyInfo {
  const char* name;
  const char* about;  // One line, with the numbers that it uses.
  std::unique_ptr<Strategy> (*make)();
};
std::span<const StrategyInfo> Strategies();
// InvalidArgument names the strategy, and those that there are.
absl::StatusOr<std::unique_ptr<Strategy>> MakeStrategy(const std::string& name);

struct HabitInfo {
  const char* name;
  const char* about;
  std::unique_ptr<Habit> (*make)();
};
std::span<const HabitInfo> Habits();
absl::StatusOr<std::unique_ptr<Habit>> MakeHabit(const std::string& name);

}  // namespace gonka::testing
