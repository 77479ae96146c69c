// Signs one output for the developer and another one for the ledger.

#include "gonka/node/messages.h"
#include "testing/sim_parts.h"
#include "testing/strategies/all.h"

namespace gonka::testing::strategies {
namespace {

// Between an executor and its transfer agent: every token is another one, and the end is signed
// again to match.
class TamperingReply final : public Reply {
 public:
  TamperingReply(std::shared_ptr<Reply> inner, const KeyPair& key, const InferenceId& inference)
      : inner_(std::move(inner)), key_(key), inference_(inference) {}

  void Send(Bytes bytes) override {
    auto frame = Decode<node::ExecuteFrame>(bytes);
    GONKA_CHECK(frame.ok());
    if (auto* produced = std::get_if<node::Produced>(&frame->frame)) {
      for (node::ProducedToken& token : produced->tokens) {
        if (token.id != kByteStopId) token.id ^= 1;
        sent_.push_back(token.id);
      }
    } else if (auto* completed = std::get_if<node::Completed>(&frame->frame)) {
      completed->output_digest = OutputDigest(sent_, completed->finish, completed->output_salt);
      completed->signature = key_.Sign(DeliverySigningHash(inference_, completed->output_digest,
                                                           static_cast<uint32_t>(sent_.size())));
    }
    inner_->Send(Encode(*frame));
  }
  void Finish(absl::Status status) override { inner_->Finish(std::move(status)); }
  bool Cancelled() const override { return inner_->Cancelled(); }

 private:
  const std::shared_ptr<Reply> inner_;
  const KeyPair& key_;
  const InferenceId inference_;
  OutputTokens sent_;
};

class Tampers final : public Strategy {
  std::shared_ptr<Reply> OnCall(const std::string& method, const Hash&, const Bytes& request,
                                std::shared_ptr<Reply> reply) override {
    if (method != node::kExecuteMethod) return reply;
    const auto order = Decode<node::Execute>(request);
    if (!order.ok() || !Acts()) return reply;
    return std::make_shared<TamperingReply>(std::move(reply), insider().key,
                                            InferenceIdOf(order->assignment.assignment));
  }
};

}  // namespace

std::unique_ptr<Strategy> MakeTampers() {
  return std::make_unique<Tampers>();
}

}  // namespace gonka::testing::strategies
