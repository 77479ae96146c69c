// Those who do nothing where something is expected of them.

#include <algorithm>

#include "gonka/node/messages.h"
#include "testing/strategies/all.h"

namespace gonka::testing::strategies {
namespace {

class Refuses final : public Strategy {
  std::optional<size_t> InFlightMax() const override { return 0; }
};

// Passes the Accept on, and nothing after it; the connection stays open.
class MuteReply final : public Reply {
 public:
  explicit MuteReply(std::shared_ptr<Reply> inner) : inner_(std::move(inner)) {}
  void Send(Bytes bytes) override {
    const auto frame = Decode<node::ExecuteFrame>(bytes);
    const bool accepts = frame.ok() && std::holds_alternative<node::Accepted>(frame->frame);
    if (accepts) inner_->Send(std::move(bytes));
  }
  void Finish(absl::Status) override { kept_open_ = inner_; }
  bool Cancelled() const override { return false; }

 private:
  const std::shared_ptr<Reply> inner_;
  std::shared_ptr<Reply> kept_open_;
};

class GoesSilent final : public Strategy {
  std::shared_ptr<Reply> OnCall(const std::string& method, const Hash&, const Bytes& request,
                                std::shared_ptr<Reply> reply) override {
    if (method != node::kExecuteMethod || !Acts()) return reply;
    if (const auto order = Decode<node::Execute>(request); order.ok()) {
      silent_.push_back(InferenceIdOf(order->assignment.assignment));
    }
    return std::make_shared<MuteReply>(std::move(reply));
  }
  // It has nothing to show for the record, so it claims nothing.
  bool OnEvent(Event& event) override {
    const auto* finish = std::get_if<Finish>(&event);
    return finish == nullptr ||
           std::find(silent_.begin(), silent_.end(), finish->inference) == silent_.end();
  }
  std::vector<InferenceId> silent_;
};

class WithholdsPayload final : public Strategy {
  std::shared_ptr<Reply> OnCall(const std::string& method, const Hash&, const Bytes&,
                                std::shared_ptr<Reply> reply) override {
    const bool shows = method == node::kPayloadMethod || method == node::kOpenMethod;
    if (!shows || !Acts()) return reply;
    reply->Finish(absl::UnavailableError("not today"));
    return nullptr;
  }
};

class NeverChecks final : public Strategy {
  void OnBlock(node::BlockFacts& block) override {
    std::erase_if(block.notices, [this](const Notice& notice) {
      const bool drawn = std::holds_alternative<CheckDrawn>(notice) ||
                         std::holds_alternative<RecheckDrawn>(notice);
      return drawn && Acts();
    });
  }
};

class WithholdsLinks final : public Strategy {
  bool RevealsLink(uint64_t) override { return !Acts(); }
};

}  // namespace

std::unique_ptr<Strategy> MakeRefuses() {
  return std::make_unique<Refuses>();
}
std::unique_ptr<Strategy> MakeGoesSilent() {
  return std::make_unique<GoesSilent>();
}
std::unique_ptr<Strategy> MakeWithholdsPayload() {
  return std::make_unique<WithholdsPayload>();
}
std::unique_ptr<Strategy> MakeNeverChecks() {
  return std::make_unique<NeverChecks>();
}
std::unique_ptr<Strategy> MakeWithholdsLinks() {
  return std::make_unique<WithholdsLinks>();
}

}  // namespace gonka::testing::strategies
