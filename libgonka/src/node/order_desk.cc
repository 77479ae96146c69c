#include "node/order_desk.h"

#include <fmt/format.h>

namespace gonka::node {
namespace {

constexpr uint8_t kTopLogprobsMax = 20;

void SendFrame(Reply& reply, OrderFrame frame) {
  reply.Send(Encode(frame));
}

absl::Status CheckCaller(const AccountId& key, const AccountId& caller, const Order& order) {
  const Request& request = order.order.request;
  if (caller != request.developer && key != request.signer) {
    return absl::PermissionDeniedError(
        fmt::format("the request is {}'s, the caller is {}", Hex(request.developer), Hex(caller)));
  }
  if (order.top_logprobs > kTopLogprobsMax) {
    return absl::InvalidArgumentError(fmt::format("top_logprobs is {}, at most {} are shown",
                                                  order.top_logprobs, kTopLogprobsMax));
  }
  return absl::OkStatus();
}

void SendDone(Reply& reply, const absl::StatusOr<Answer>& answer) {
  if (answer.ok()) {
    SendFrame(reply, {Answered{.finish = answer->finish,
                               .output_salt = answer->output_salt,
                               .artifact_root = answer->artifact_root,
                               .executor_signature = answer->executor_signature}});
  }
  reply.Finish(answer.status());
}

}  // namespace

void OrderDesk::OnOrder(const AccountId& caller_key, const AccountId& caller, const Bytes& bytes,
                        std::shared_ptr<Reply> reply) {
  auto order = Decode<Order>(bytes);
  absl::Status status = order.status();
  if (status.ok()) status = CheckCaller(caller_key, caller, *order);
  if (!status.ok()) return reply->Finish(status);

  ClientRequest client{.developer = order->order.request.developer,
                       .order = order->order,
                       .model = order->order.request.model,
                       .request = std::move(order->request),
                       .top_logprobs = order->top_logprobs};
  // The ticket is known only after the agent has the request.
  const auto ticket = std::make_shared<Agent::Ticket>(0);
  *ticket = agent_.OnRequest(
      std::move(client),
      {.on_accepted =
           [reply](const InferenceId&, const AccountId& executor, uint8_t attempt,
                   uint32_t prompt_tokens) {
             SendFrame(*reply, {Ordered{.executor = executor,
                                        .attempt = attempt,
                                        .prompt_tokens = prompt_tokens}});
           },
       .on_tokens =
           [this, reply, ticket](std::span<const ProducedToken> tokens) {
             if (!reply->Cancelled()) {
               return SendFrame(*reply, {Produced{.tokens = {{tokens.begin(), tokens.end()}}}});
             }
             // Not at once: the agent is in the middle of this very request.
             env_.loop.Post([this, ticket = *ticket, alive = alive_] {
               if (*alive) agent_.Cancel(ticket);
             });
           },
       .on_done = [reply](absl::StatusOr<Answer> answer) { SendDone(*reply, answer); }});
}

}  // namespace gonka::node
