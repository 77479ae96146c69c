// Transfer agents that lie about whom they asked, what they got and what they passed on.

#include <set>

#include "gonka/node/messages.h"
#include "testing/strategies/all.h"

namespace gonka::testing::strategies {
namespace {

class Frames final : public Strategy {
  bool OnOutgoing(const AccountId& to, std::string_view method, const Bytes&,
                  CallEvents&) override {
    return method != node::kExecuteMethod || !IsVictim(to) || !Acts();
  }
};

class Steers final : public Strategy {
  bool OnOutgoing(const AccountId& to, std::string_view method, const Bytes&,
                  CallEvents&) override {
    return method != node::kExecuteMethod || IsFriend(to) || !Acts();
  }
};

class NamesFriend final : public Strategy {
  bool OnEvent(Event& event) override {
    auto* start = std::get_if<Start>(&event);
    if (start == nullptr || !Acts()) return true;
    for (const AccountId& other : insider().friends) {
      if (other != insider().self) start->assignment.executor = other;
    }
    start->accept.reset();
    return true;
  }
};

class WithholdsStart final : public Strategy {
  bool OnEvent(Event& event) override {
    const auto* start = std::get_if<Start>(&event);
    if (start == nullptr) return true;
    const InferenceId id = InferenceIdOf(start->assignment);
    if (released_.contains(id) || !Acts()) return true;
    held_[id].push_back(event);
    return false;
  }
  void OnBlock(node::BlockFacts& block) override {
    for (const Notice& notice : block.notices) {
      const auto* drawn = std::get_if<CheckDrawn>(&notice);
      if (drawn == nullptr || !held_.contains(drawn->inference)) continue;
      released_.insert(drawn->inference);
      for (const Event& event : held_[drawn->inference]) insider().say(event);
      held_.erase(drawn->inference);
    }
  }
  std::map<InferenceId, std::vector<Event>> held_;
  std::set<InferenceId> released_;
};

class NeverDelivers final : public Strategy {
  bool OnEvent(Event& event) override {
    return !std::holds_alternative<Delivered>(event) || !Acts();
  }
};

class DeliversOther final : public Strategy {
  bool OnEvent(Event& event) override {
    auto* delivered = std::get_if<Delivered>(&event);
    if (delivered == nullptr || !Acts()) return true;
    delivered->output_digest.bytes[0] ^= 1;
    delivered->executor_signature.reset();
    return true;
  }
};

// Keeps what the executor sends to itself; the node believes that the call broke before Accept.
class TakesAndDenies final : public Strategy {
  bool OnOutgoing(const AccountId& to, std::string_view method, const Bytes&,
                  CallEvents& events) override {
    if (method != node::kExecuteMethod || !IsVictim(to) || !Acts()) return true;
    events.on_frame = [](Bytes) {};
    return true;
  }
};

}  // namespace

std::unique_ptr<Strategy> MakeFrames() {
  return std::make_unique<Frames>();
}
std::unique_ptr<Strategy> MakeSteers() {
  return std::make_unique<Steers>();
}
std::unique_ptr<Strategy> MakeNamesFriend() {
  return std::make_unique<NamesFriend>();
}
std::unique_ptr<Strategy> MakeWithholdsStart() {
  return std::make_unique<WithholdsStart>();
}
std::unique_ptr<Strategy> MakeNeverDelivers() {
  return std::make_unique<NeverDelivers>();
}
std::unique_ptr<Strategy> MakeDeliversOther() {
  return std::make_unique<DeliversOther>();
}
std::unique_ptr<Strategy> MakeTakesAndDenies() {
  return std::make_unique<TakesAndDenies>();
}

}  // namespace gonka::testing::strategies
