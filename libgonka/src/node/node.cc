#include "gonka/node/node.h"

#include <fmt/format.h>

#include "node/order_desk.h"

namespace gonka::node {

Node::Node(Environment env, LedgerPort ledger, const KeyPair& key, NetworkId network,
           ServedModels models, Keep& keep, NodeOptions options)
    : self_{.account = options.account.value_or(AccountOf(key.public_key())), .key = key},
      ledger_(ledger),
      models_(std::move(models)),
      recorder_(env, ledger, self_, network, options.recorder),
      keep_server_(env, ledger, keep),
      executor_(env, ledger, self_, models_, recorder_, keep, options.executor),
      transfer_agent_(env, ledger, self_, network, models_, recorder_, keep,
                      options.transfer_agent),
      orders_(std::make_unique<OrderDesk>(env, transfer_agent_)),
      checker_(env, ledger, self_, models_, options.checker),
      validator_(env, ledger, self_, checker_, recorder_),
      committee_(env, ledger, self_, checker_, recorder_),
      sprinter_(env, ledger, self_, network, models_, recorder_, options.sprinter),
      sprint_checker_(env, ledger, self_, network, models_, recorder_, options.sprint_checker) {}

Node::~Node() = default;

void Node::Resume() {
  validator_.Resume();
  committee_.Resume();
  sprinter_.Resume();
  sprint_checker_.Resume();
}

void Node::OnBlock(const BlockFacts& block) {
  recorder_.OnBlock(block);
  keep_server_.OnBlock(block);
  validator_.OnBlock(block);
  committee_.OnBlock(block);
  sprinter_.OnBlock(block);
  sprint_checker_.OnBlock(block);
}

void Node::OnCall(const std::string& method, const Hash& caller_key, Bytes request,
                  std::shared_ptr<Reply> reply) {
  // A node key speaks for its participant.
  const Hash caller = ledger::AccountBehind(*ledger_.snapshot(), AccountId{caller_key}).value;
  if (method == kExecuteMethod) {
    executor_.OnExecute(caller, std::move(request), std::move(reply));
  } else if (method == kCancelMethod) {
    executor_.OnCancel(caller, std::move(request), std::move(reply));
  } else if (method == kAckMethod) {
    executor_.OnAck(caller, std::move(request), std::move(reply));
  } else if (method == kOrderMethod) {
    orders_->OnOrder(AccountId{caller_key}, AccountId{caller}, request, std::move(reply));
  } else if (method == kPayloadMethod) {
    keep_server_.OnPayload(caller, std::move(request), std::move(reply));
  } else if (method == kOpenMethod) {
    keep_server_.OnOpen(caller, std::move(request), std::move(reply));
  } else if (method == kSprintMethod) {
    sprinter_.OnOpen(caller, std::move(request), std::move(reply));
  } else {
    reply->Finish(absl::UnimplementedError(fmt::format("no method '{}'", method)));
  }
}

}  // namespace gonka::node
