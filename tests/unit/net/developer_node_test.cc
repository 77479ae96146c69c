// A developer that trusts nobody, against a real, small network: its own endpoint signs, draws the
// transfer agent and checks what comes back.

#include "gonka/net/developer_node.h"

#include <doctest/doctest.h>

#include "small_network.h"

namespace gonka::net {
namespace {

constexpr const char* kLocalKey = "local";

struct Developer {
  explicit Developer(SmallNetwork& network, const KeyPair& key, Amount allow) {
    DeveloperOptions options;
    options.data_directory = directory.File("proxy");
    std::filesystem::create_directories(options.data_directory);
    options.genesis = network.genesis();
    options.models = {std::string(GONKA_SOURCE_DIR) + "/examples/tiny/tiny.gguf"};
    options.api_key = kLocalKey;
    options.allow = allow;
    options.transfer_agents = 2;
    options.allow_private_addresses = true;
    options.on_news = [this](const News& one) {
      const std::lock_guard lock(mutex);
      news.push_back(one);
    };
    options.on_fatal = [](const std::string& why) { MESSAGE("fatal: ", why); };
    auto started = DeveloperNode::Start(loop, clock, entropy, log, key, std::move(options));
    REQUIRE_MESSAGE(started.ok(), ToString(started.status()));
    node = *std::move(started);
  }

  http::ClientRequest Request(const std::string& path, const std::string& body,
                              const std::string& api_key = kLocalKey) const {
    return {.method = body.empty() ? "GET" : "POST",
            .url = fmt::format("http://127.0.0.1:{}{}", node->port(), path),
            .body = body,
            .headers = {{"Authorization", "Bearer " + api_key}}};
  }
  // Until it answers with 200.
  Json Ask(SmallNetwork& network, const std::string& path, const std::string& body = "") {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    http::ClientResponse response;
    while (std::chrono::steady_clock::now() < deadline) {
      response = network.SendTo(Request(path, body));
      if (response.status == 200) return Json::parse(response.body);
      network.WaitForBlock(0);
    }
    FAIL(path << ": " << response.body);
    return {};
  }
  std::vector<News> Heard() {
    const std::lock_guard lock(mutex);
    return news;
  }

  host::TempDir directory;
  host::SystemClock clock;
  host::SystemEntropy entropy;
  QuietLog log;
  host::ThreadLoop loop;
  std::mutex mutex;
  std::vector<News> news;
  std::unique_ptr<DeveloperNode> node;
};

TEST_CASE("a developer's own node allows, signs, asks, checks and hears what became of it") {
  SmallNetwork& network = Network();
  Developer ben(network, network.ben(), Amount(60'000));
  const Json json = ben.Ask(network, "/v1/chat/completions",
                            SmallNetwork::ChatBody(R"("max_tokens":8,"seed":7)"));
  CHECK(json["usage"]["completion_tokens"].get<int>() > 0);
  const Json& receipt = json["gonka"];
  const std::string id = receipt["inference_id"];

  // The ledger has it with the developer's own signature, by a drawn transfer agent.
  const Json page = network.WaitFor(0, "/gonka/v1/inferences/" + id, [](const Json& inference) {
    return inference["status"] == "validated";
  });
  CHECK(page["developer"] == Hex(AccountOf(network.ben().public_key())));
  CHECK(page["transfer_agent"] == receipt["transfer_agent"]);
  CHECK(page["executor"] == receipt["executor"]);
  CHECK_FALSE(page["record"]["assignment"]["developer_signature"].is_null());

  // And so does the developer's own copy, with what happened to it.
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  Json mine;
  do {
    mine = ben.Ask(network, "/gonka/v1/answers")["answers"][0];
    network.WaitForBlock(0);
  } while (mine["status"] != "validated" && std::chrono::steady_clock::now() < deadline);
  CHECK(mine["inference_id"] == id);
  CHECK(mine["status"] == "validated");
  CHECK(mine["committed_as_sent"] == true);
  CHECK(mine["news"].size() >= 3);
  CHECK(std::ranges::any_of(
      ben.Heard(), [](const News& one) { return one.text.find("checked") != std::string::npos; }));
}

TEST_CASE("a developer's own node: streams, wrong local keys, bad requests") {
  SmallNetwork& network = Network();
  Developer ben(network, network.ben(), Amount(60'000));
  ben.Ask(network, "/v1/chat/completions", SmallNetwork::ChatBody(R"("max_tokens":2)"));
  StreamReader stream(network.client(),
                      ben.Request("/v1/chat/completions",
                                  SmallNetwork::ChatBody(R"("max_tokens":6,"stream":true)")));
  const auto events = stream.ReadAll();
  REQUIRE(stream.status() == 200);
  REQUIRE(events.size() > 2);
  CHECK(events.back().data == "[DONE]");

  const auto wrong = network.SendTo(ben.Request(
      "/v1/chat/completions", SmallNetwork::ChatBody(R"("max_tokens":2)"), "not the local key"));
  CHECK(wrong.status == 401);
  const auto list = network.SendTo(ben.Request("/gonka/v1/answers", "", "not the local key"));
  CHECK(list.status == 401);
  const auto long_one = network.SendTo(
      ben.Request("/v1/chat/completions", SmallNetwork::ChatBody(R"("max_tokens":600)")));
  CHECK(long_one.status == 400);
  CHECK(long_one.body.find("context_length_exceeded") != std::string::npos);
}

// A transfer agent that changes what it passes on.
class ForgingReply final : public Reply {
 public:
  using Forge = std::function<void(node::OrderFrame&)>;
  ForgingReply(std::shared_ptr<Reply> inner, Forge forge)
      : inner_(std::move(inner)), forge_(std::move(forge)) {}

  void Send(Bytes bytes) override {
    auto frame = Decode<node::OrderFrame>(bytes);
    REQUIRE(frame.ok());
    forge_(*frame);
    inner_->Send(Encode(*frame));
  }
  void Finish(absl::Status status) override { inner_->Finish(std::move(status)); }
  bool Cancelled() const override { return inner_->Cancelled(); }

 private:
  const std::shared_ptr<Reply> inner_;
  const Forge forge_;
};

TEST_CASE("what a transfer agent forged does not reach the developer as an answer") {
  SmallNetwork& network = Network();
  Developer ben(network, network.ben(), Amount(60'000));
  const std::string body = SmallNetwork::ChatBody(R"("max_tokens":4)");
  ben.Ask(network, "/v1/chat/completions", body);
  const std::pair<ForgingReply::Forge, const char*> forgeries[] = {
      {[](node::OrderFrame& frame) {
         if (auto* produced = std::get_if<node::Produced>(&frame.frame))
           produced->tokens[0].id ^= 1;
       },
       "has not signed what transfer agent"},
      {[](node::OrderFrame& frame) {
         if (auto* ordered = std::get_if<node::Ordered>(&frame.frame)) {
           ordered->executor.value.bytes[0] ^= 1;
         }
       },
       "the ledger draws"},
      {[](node::OrderFrame& frame) {
         if (auto* ordered = std::get_if<node::Ordered>(&frame.frame)) ++ordered->prompt_tokens;
       },
       "the transfer agent says"}};
  for (const auto& [forge, complaint] : forgeries) {
    network.SetTamper([forge = forge](const std::string& method, std::shared_ptr<Reply> reply) {
      if (method != node::kOrderMethod) return reply;
      return std::shared_ptr<Reply>(std::make_shared<ForgingReply>(std::move(reply), forge));
    });
    const auto refused = network.SendTo(ben.Request("/v1/chat/completions", body));
    network.SetTamper(nullptr);
    CHECK_MESSAGE(refused.status == 502, refused.body);
    CHECK_MESSAGE(refused.body.find(complaint) != std::string::npos, refused.body);
  }
}

TEST_CASE("a developer without allowances is told so, and one with an unknown model never starts") {
  SmallNetwork& network = Network();
  FixedBytes<32> seed;
  seed.bytes.fill(97);
  Developer nobody(network, KeyPair::FromSeed(seed), Amount(0));
  while (!nobody.node->caught_up()) network.WaitForBlock(0);
  const auto refused = network.SendTo(
      nobody.Request("/v1/chat/completions", SmallNetwork::ChatBody(R"("max_tokens":2)")));
  CHECK(refused.status == 402);
  CHECK(refused.body.find("no allowance with any transfer agent") != std::string::npos);

  host::TempDir directory;
  DeveloperOptions options;
  options.data_directory = directory.File("proxy");
  std::filesystem::create_directories(options.data_directory);
  options.genesis = network.genesis();
  ModelId& model = options.genesis.models[0].id;
  model.value.bytes[0] ^= 1;
  for (GenesisParticipant& participant : options.genesis.participants) {
    participant.models = {model};
  }
  options.models = {std::string(GONKA_SOURCE_DIR) + "/examples/tiny/tiny.gguf"};
  options.on_fatal = [](const std::string&) {};
  const auto node = DeveloperNode::Start(nobody.loop, nobody.clock, nobody.entropy, nobody.log,
                                         network.ben(), std::move(options));
  CHECK_MESSAGE(absl::IsFailedPrecondition(node.status()), ToString(node.status()));
  CHECK(Message(node.status()).find("which this network does not know") != std::string::npos);
}

}  // namespace
}  // namespace gonka::net
