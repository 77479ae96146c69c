#pragma once

// A network of three participants in one process: whole ParticipantNodes with ledgers on disk, over
// loopback HTTP, each with an ML node that serves a scripted engine under the tiny checkpoint's
// tokenizer. A block every 100 ms. "Ann" has an API key for participant 0, "Ben" only coins.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>

#include "gonka/engine/scripted.h"
#include "gonka/host/loop.h"
#include "gonka/host/system.h"
#include "gonka/http/sse.h"
#include "gonka/model/checkpoint.h"
#include "gonka/model/manifest.h"
#include "gonka/net/ml_server.h"
#include "gonka/net/participant_node.h"
#include "unit/host/temp_dir.h"

namespace gonka::net {

using Json = nlohmann::json;

inline constexpr const char* kAnnsKey = "sk-ann-of-the-small-network";
inline constexpr auto kPatience = std::chrono::seconds(60);

class QuietLog final : public Log {
 public:
  void Write(LogLevel level, std::string_view message) override {
    if (level >= LogLevel::kError) MESSAGE(std::string(message));
  }
};

// What a client received as a stream, while it comes.
class StreamReader {
 public:
  StreamReader(http::Client& client, http::ClientRequest request) {
    call_ = client.Start(std::move(request),
                         {.on_head =
                              [this](int status, const http::Headers& headers) {
                                const std::lock_guard lock(mutex_);
                                status_ = status;
                                headers_ = headers;
                              },
                          .on_data = [this](std::string_view data) { OnData(data); },
                          .on_done =
                              [this](absl::Status status) {
                                const std::lock_guard lock(mutex_);
                                done_ = std::move(status);
                                changed_.notify_all();
                              }});
  }
  ~StreamReader() {
    call_->Cancel();
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kPatience, [&] { return done_.has_value(); });
  }

  // All events, once the stream has ended.
  std::vector<http::SseEvent> ReadAll() {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, kPatience, [&] { return done_.has_value(); }));
    return events_;
  }
  // The first event that this is true for.
  http::SseEvent WaitFor(const std::function<bool(const http::SseEvent&)>& wanted) {
    std::unique_lock lock(mutex_);
    const http::SseEvent* found = nullptr;
    REQUIRE(changed_.wait_for(lock, kPatience, [&] {
      for (const http::SseEvent& event : events_) {
        if (found == nullptr && wanted(event)) found = &event;
      }
      return found != nullptr || done_.has_value();
    }));
    REQUIRE(found != nullptr);
    return *found;
  }
  // What has come so far.
  std::vector<http::SseEvent> Events() {
    const std::lock_guard lock(mutex_);
    return events_;
  }
  int status() {
    const std::lock_guard lock(mutex_);
    return status_;
  }
  http::Headers headers() {
    const std::lock_guard lock(mutex_);
    return headers_;
  }

 private:
  void OnData(std::string_view data) {
    const std::lock_guard lock(mutex_);
    const absl::Status status =
        parser_.Push(data, [&](const http::SseEvent& event) { events_.push_back(event); });
    CHECK(status.ok());
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  http::SseParser parser_;
  std::vector<http::SseEvent> events_;
  int status_ = 0;
  http::Headers headers_;
  std::optional<absl::Status> done_;
  std::shared_ptr<http::OngoingCall> call_;
};

class SmallNetwork {
 public:
  static constexpr size_t kSize = 3;
  static constexpr uint32_t kBeaconLength = 256;

  SmallNetwork() : client_(http::ClientOptions{.allow_private_addresses = true}) {
    const std::string path = std::string(GONKA_SOURCE_DIR) + "/examples/tiny/tiny.gguf";
    const auto checkpoint = model::Checkpoint::Open(path);
    REQUIRE(checkpoint.ok());
    manifest_ = model::ManifestHash(**checkpoint).value();
    tokenizer_ = (*checkpoint)->LoadTokenizer().value();
    StartMlNodes();
    MakeGenesis();
    for (size_t i = 0; i < kSize; ++i) StartNode(i, path);
    OpenAllowance();
  }
  ~SmallNetwork() {
    nodes_.clear();
    for (auto& server : ml_servers_) server->Stop();
    RunOn(ml_loop_, [&] { engines_.clear(); });
  }

  std::string Url(size_t node, const std::string& path) const {
    return fmt::format("http://127.0.0.1:{}{}", ports_[node], path);
  }
  http::Client& client() { return client_; }
  const KeyPair& ann() const { return ann_; }
  const KeyPair& ben() const { return ben_; }
  const Genesis& genesis() const { return genesis_; }
  AccountId Id(size_t node) const { return AccountOf(keys_[node].public_key()); }
  const model::Tokenizer& tokenizer() const { return *tokenizer_; }
  const NetworkId& network() const { return nodes_[0]->network(); }
  const Hash& manifest() const { return manifest_; }
  std::vector<std::unique_ptr<engine::ScriptedEngine>>& engines() { return engines_; }

  http::ClientResponse Get(size_t node, const std::string& path, const char* key = nullptr) {
    return SendTo({.url = Url(node, path), .headers = Authorization(key)});
  }
  Json GetJson(size_t node, const std::string& path) {
    const http::ClientResponse response = Get(node, path);
    CHECK_MESSAGE(response.status == 200, path, ": ", response.body);
    return Json::parse(response.body);
  }
  // Until the page is there and says what is wanted of it.
  Json WaitFor(size_t node, const std::string& path,
               const std::function<bool(const Json&)>& wanted) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < deadline) {
      const http::ClientResponse response = Get(node, path);
      if (response.status == 200) {
        Json json = Json::parse(response.body);
        if (wanted(json)) return json;
      }
      WaitForBlock(node);
    }
    FAIL(path << " never said what was waited for; last: " << Get(node, path).body);
    return {};
  }
  void WaitForBlock(size_t node) {
    const Json status = GetJson(node, "/gonka/v1/status");
    SendTo({.url = Url(node, fmt::format("/gonka/v1/blocks?from={}&wait_ms=5000",
                                         status["height"].get<uint64_t>() + 1))});
  }

  // From now on every node answers calls through this; nothing: honestly again.
  using Tamper =
      std::function<std::shared_ptr<Reply>(const std::string& method, std::shared_ptr<Reply>)>;
  void SetTamper(Tamper tamper) {
    const std::lock_guard lock(tamper_mutex_);
    tamper_ = std::move(tamper);
  }

  http::ClientRequest ApiRequest(const std::string& path, const std::string& body,
                                 const char* key = kAnnsKey) const {
    return {.method = "POST", .url = Url(0, path), .body = body, .headers = Authorization(key)};
  }
  http::ClientResponse Post(const std::string& path, const std::string& body,
                            const char* key = kAnnsKey) {
    // As stock clients do: 503 says to try again. On a busy machine executors may lag behind.
    http::ClientResponse response = SendTo(ApiRequest(path, body, key));
    for (int retry = 0; retry < 5 && response.status == 503; ++retry) {
      WaitForBlock(0);
      response = SendTo(ApiRequest(path, body, key));
    }
    return response;
  }
  http::ClientResponse Chat(const std::string& fields) {
    return Post("/v1/chat/completions", ChatBody(fields));
  }
  static std::string ChatBody(const std::string& fields) {
    return R"({"model":"tiny","messages":[{"role":"user","content":"Tell me about Emma."}],)" +
           fields + "}";
  }
  http::ClientResponse SendTo(http::ClientRequest request) {
    auto response = client_.Send(std::move(request));
    REQUIRE_MESSAGE(response.ok(), ToString(response.status()));
    return *response;
  }

 private:
  static http::Headers Authorization(const char* key) {
    if (key == nullptr) return {};
    return {{"Authorization", std::string("Bearer ") + key}};
  }
  static KeyPair KeyOf(uint8_t name) {
    FixedBytes<32> seed;
    seed.bytes.fill(name);
    return KeyPair::FromSeed(seed);
  }
  static void RunOn(Loop& loop, const std::function<void()>& task) {
    std::mutex mutex;
    std::condition_variable done_signal;
    bool done = false;
    loop.Post([&] {
      task();
      const std::lock_guard lock(mutex);
      done = true;
      done_signal.notify_all();
    });
    std::unique_lock lock(mutex);
    done_signal.wait(lock, [&] { return done; });
  }
  // A port that was free a moment ago.
  static uint16_t FreePort() {
    http::Server server(http::ServerOptions{});
    REQUIRE(server.Start().ok());
    return server.port();
  }

  void StartMlNodes() {
    for (size_t i = 0; i < kSize; ++i) {
      engine::ScriptedOptions options;
      options.info = {.model = "tiny",
                      .manifest = manifest_,
                      .kernel_class = "scripted/1",
                      .vocabulary = tokenizer_->vocab(),
                      .context = 512};
      options.us_per_prompt_token = 1;
      options.us_per_token = 500;
      engines_.push_back(std::make_unique<engine::ScriptedEngine>(ml_loop_, options));
      ml_servers_.push_back(std::make_unique<http::Server>(http::ServerOptions{}));
      ServeEngine(*ml_servers_.back(), *engines_.back());
      REQUIRE(ml_servers_.back()->Start().ok());
    }
  }

  void MakeGenesis() {
    for (size_t i = 0; i < kSize; ++i) keys_.push_back(KeyOf(static_cast<uint8_t>(i + 1)));
    std::sort(keys_.begin(), keys_.end(),
              [](const KeyPair& a, const KeyPair& b) { return a.public_key() < b.public_key(); });
    for (size_t i = 0; i < kSize; ++i) {
      ports_.push_back(FreePort());
      GenesisParticipant participant;
      participant.id = Id(i);
      participant.endpoint = Url(i, "");
      participant.weight = 100;
      participant.models.push_back(ModelId{manifest_});
      participant.beacon_chain_end =
          consensus::BeaconChain(BeaconSeed(keys_[i]), kBeaconLength).End(0);
      genesis_.participants.push_back(participant);
    }
    ModelInfo info;
    info.id = ModelId{manifest_};
    info.name = "tiny";
    info.price = Amount(2);
    info.context = 512;
    genesis_.models.push_back(info);
    for (const KeyPair* developer : {&ann_, &ben_}) {
      GenesisAccount account;
      account.id = AccountOf(developer->public_key());
      account.balance = Amount(1'000'000);
      genesis_.accounts.push_back(account);
    }
    std::ranges::sort(genesis_.accounts, {}, &GenesisAccount::id);
    genesis_.name = "small";
    genesis_.time_us = 1'750'000'000'000'000;
    genesis_.sequencer = Id(0);
    genesis_.params.block_interval_ms = 100;
    genesis_.params.money.accusation_bond = Amount(0);
    genesis_.params.money.challenge_bond = Amount(0);
    genesis_.params.money.refused_event_fee = Amount(0);
    genesis_.params.time = {.epoch_blocks = 60,
                            .settle_blocks = 45,
                            .grace_blocks = 40,
                            .check_window_blocks = 10,
                            .vote_window_blocks = 10,
                            .hearing_window_blocks = 20,
                            .expiry_base_blocks = 40,
                            .expiry_tokens_per_block = 4,
                            .retained_epochs = 8};
    const absl::Status status = CheckGenesis(genesis_);
    REQUIRE_MESSAGE(status.ok(), ToString(status));
  }

  void StartNode(size_t i, const std::string& checkpoint) {
    ParticipantOptions options;
    options.data_directory = directory_.File(fmt::format("node{}", i));
    std::filesystem::create_directories(options.data_directory);
    options.genesis = genesis_;
    options.server.port = ports_[i];
    options.server.stop_grace_us = 50'000;
    options.models = {checkpoint};
    options.ml_nodes = {fmt::format("http://127.0.0.1:{}", ml_servers_[i]->port())};
    options.allow_private_addresses = true;
    options.beacon_chain_length = kBeaconLength;
    options.node.recorder.gather_us = 5'000;
    options.on_fatal = [](const std::string& why) { MESSAGE("fatal: ", why); };
    options.wrap_reply = [this](const std::string& method, const Bytes&,
                                std::shared_ptr<Reply> reply) {
      const std::lock_guard lock(tamper_mutex_);
      return tamper_ ? tamper_(method, std::move(reply)) : reply;
    };
    loops_.push_back(std::make_unique<host::ThreadLoop>());
    auto node = ParticipantNode::Start(*loops_.back(), clock_, entropy_, log_, keys_[i],
                                       std::move(options));
    REQUIRE_MESSAGE(node.ok(), ToString(node.status()));
    nodes_.push_back(*std::move(node));
  }

  void OpenAllowance() {
    Allow allow;
    allow.ta = Id(0);
    allow.amount = Amount(100'000);
    allow.expires_epoch = 1'000;
    allow.key_digest = ApiKeyDigest(AsBytes(kAnnsKey));
    const SignedTx tx = SignTx(ann_, network(), 0, {allow});
    const http::ClientResponse response = SendTo({.method = "POST",
                                                  .url = Url(0, "/gonka/v1/tx"),
                                                  .content_type = "application/octet-stream",
                                                  .body = std::string(AsText(Encode(tx)))});
    REQUIRE_MESSAGE(response.status == 200, response.body);
    for (size_t i = 0; i < kSize; ++i) {
      WaitFor(i, "/gonka/v1/accounts/" + Hex(ann_.public_key()), [](const Json& account) {
        return !account["allowances"].empty() && account["allowances"][0]["ready"] == true;
      });
    }
  }

  host::TempDir directory_;
  host::SystemClock clock_;
  host::SystemEntropy entropy_;
  QuietLog log_;
  host::ThreadLoop ml_loop_;
  std::vector<std::unique_ptr<host::ThreadLoop>> loops_;
  http::Client client_;
  Hash manifest_;
  std::shared_ptr<const model::Tokenizer> tokenizer_;
  std::vector<std::unique_ptr<engine::ScriptedEngine>> engines_;
  std::vector<std::unique_ptr<http::Server>> ml_servers_;
  std::vector<KeyPair> keys_;
  const KeyPair ann_ = KeyOf(99);
  const KeyPair ben_ = KeyOf(98);
  std::vector<uint16_t> ports_;
  std::mutex tamper_mutex_;
  Tamper tamper_;
  Genesis genesis_;
  std::vector<std::unique_ptr<ParticipantNode>> nodes_;
};

// One for all tests of a process: it takes a second to start.
inline SmallNetwork& Network() {
  static SmallNetwork network;
  return network;
}

}  // namespace gonka::net
