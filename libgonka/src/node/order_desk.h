#pragma once

// The transfer agent's counter for developers that sign their own requests (kOrderMethod).

#include "gonka/node/agent.h"
#include "gonka/node/environment.h"

namespace gonka::node {

class OrderDesk {
 public:
  OrderDesk(Environment env, Agent& agent) : env_(env), agent_(agent) {}
  ~OrderDesk() { *alive_ = false; }

  // caller_key: whose key the call is sealed with; caller: for whom that key speaks.
  void OnOrder(const AccountId& caller_key, const AccountId& caller, const Bytes& request,
               std::shared_ptr<Reply> reply);

 private:
  Environment env_;
  Agent& agent_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace gonka::node
