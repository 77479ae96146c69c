// gonka-devnet-cheat-gonkad: a network node that delivers another text than it commits to, for the
// devnet's story. It signs what it delivers, so that the transfer agent takes it; its Finish says
// something else.

#include "common/network_node.h"
#include "gonka/node/messages.h"

namespace gonka::apps {
namespace {

// Every tenth token becomes the one before it.
constexpr size_t kTamperEvery = 10;

class TamperingReply final : public Reply {
 public:
  TamperingReply(const KeyPair& key, const InferenceId& inference, std::shared_ptr<Reply> inner)
      : key_(key), inference_(inference), inner_(std::move(inner)) {}

  void Send(Bytes bytes) override {
    auto frame = Decode<node::ExecuteFrame>(bytes);
    GONKA_CHECK(frame.ok());  // Made by our own executor.
    if (auto* produced = std::get_if<node::Produced>(&frame->frame)) Tamper(*produced);
    if (auto* completed = std::get_if<node::Completed>(&frame->frame)) Sign(*completed);
    inner_->Send(Encode(*frame));
  }
  void Finish(absl::Status status) override { inner_->Finish(std::move(status)); }
  bool Cancelled() const override { return inner_->Cancelled(); }

 private:
  void Tamper(node::Produced& produced) {
    for (node::ProducedToken& token : produced.tokens) {
      if (delivered_.size() % kTamperEvery == kTamperEvery - 1) token.id = delivered_.back();
      delivered_.push_back(token.id);
    }
  }
  void Sign(node::Completed& completed) const {
    completed.output_digest = OutputDigest(delivered_, completed.finish, completed.output_salt);
    completed.signature = key_.Sign(DeliverySigningHash(inference_, completed.output_digest,
                                                        static_cast<uint32_t>(delivered_.size())));
  }

  const KeyPair key_;
  const InferenceId inference_;
  const std::shared_ptr<Reply> inner_;
  OutputTokens delivered_;
};

}  // namespace
}  // namespace gonka::apps

int main(int argc, char** argv) {
  using namespace gonka;
  return apps::RunNetworkNode(
      argc, argv, "gonka-devnet-cheat-gonkad: a network node that tampers, for the devnet",
      [](const KeyPair& key, net::ParticipantOptions& options) {
        options.wrap_reply = [key](const std::string& method, const Bytes& request,
                                   std::shared_ptr<Reply> reply) -> std::shared_ptr<Reply> {
          const auto order = Decode<node::Execute>(request);
          if (method != node::kExecuteMethod || !order.ok()) return reply;
          return std::make_shared<apps::TamperingReply>(
              key, InferenceIdOf(order->assignment.assignment), std::move(reply));
        };
      });
}
