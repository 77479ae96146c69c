#include "gonka/net/developer_node.h"

#include <fmt/format.h>

#include <algorithm>

#include "gonka/base/json.h"
#include "gonka/http/frames.h"
#include "gonka/net/api_error.h"
#include "gonka/net/snapshots.h"
#include "net/personal_notice.h"
#include "net/run_on_loop.h"

namespace gonka::net {
namespace {

// Passes requests on, and hears of every answer.
class ListeningAgent final : public node::Agent {
 public:
  ListeningAgent(node::Agent& inner, std::function<void(const node::Answer&)> on_answer)
      : inner_(inner), on_answer_(std::move(on_answer)) {}

  Ticket OnRequest(node::ClientRequest request, node::AnswerEvents events) override {
    events.on_done = [this,
                      on_done = std::move(events.on_done)](absl::StatusOr<node::Answer> answer) {
      if (answer.ok()) on_answer_(*answer);
      on_done(std::move(answer));
    };
    return inner_.OnRequest(std::move(request), std::move(events));
  }
  void Cancel(Ticket ticket) override { inner_.Cancel(ticket); }

 private:
  node::Agent& inner_;
  const std::function<void(const node::Answer&)> on_answer_;
};

std::optional<InferenceId> InferenceOf(const Notice& notice) {
  return std::visit(
      [](const auto& value) -> std::optional<InferenceId> {
        if constexpr (requires { value.inference; }) {
          return value.inference;
        } else {
          return std::nullopt;
        }
      },
      notice);
}

}  // namespace

DeveloperNode::DeveloperNode(Loop& loop, WallClock& clock, Entropy& entropy, Log& log,
                             const KeyPair& key, DeveloperOptions options)
    : loop_(loop),
      clock_(clock),
      entropy_(entropy),
      log_(log),
      options_(std::move(options)),
      self_{.account = options_.account.value_or(AccountOf(key.public_key())), .key = key},
      sessions_(key) {}

absl::StatusOr<std::unique_ptr<DeveloperNode>> DeveloperNode::Start(Loop& loop, WallClock& clock,
                                                                    Entropy& entropy, Log& log,
                                                                    const KeyPair& key,
                                                                    DeveloperOptions options) {
  std::unique_ptr<DeveloperNode> node(
      new DeveloperNode(loop, clock, entropy, log, key, std::move(options)));
  GONKA_RETURN_IF_ERROR(node->OpenLedger());
  node->StartAgent();
  node->StartApi();
  GONKA_RETURN_IF_ERROR(node->server_->Start());
  GONKA_RETURN_IF_ERROR(node->StartFollowing());
  return node;
}

DeveloperNode::~DeveloperNode() {
  if (server_) server_->Stop();
  fetcher_.reset();
  if (chain_ && subscription_ != 0) chain_->Unsubscribe(subscription_);
  RunOnLoop(loop_, [this] {
    openai_.reset();
    listening_agent_.reset();
    agent_.reset();
    recorder_.reset();
    transport_.reset();
  });
}

absl::Status DeveloperNode::OpenLedger() {
  client_ = std::make_unique<http::Client>(
      http::ClientOptions{.allow_private_addresses = options_.allow_private_addresses});
  GONKA_ASSIGN_OR_RETURN(auto database,
                         store::Database::OpenLmdb(options_.data_directory + "/ledger"));
  if (options_.from_snapshot) {
    GONKA_RETURN_IF_ERROR(BeginWithSnapshot(
        *client_, SnapshotSources(options_.snapshot_sources, options_.genesis, self_.account),
        options_.genesis, options_.data_directory, *database, log_));
  }
  GONKA_ASSIGN_OR_RETURN(chain_, consensus::Chain::Open(std::move(database), options_.genesis));
  news_wanted_ = chain_->height() > 0;
  GONKA_ASSIGN_OR_RETURN(
      texts_, OpenTexts(options_.models, *Snapshot(), options_.data_directory + "/manifests"));
  return absl::OkStatus();
}

std::shared_ptr<const store::Snapshot> DeveloperNode::Snapshot() {
  auto snapshot = chain_->Snapshot();
  if (!snapshot.ok()) {
    options_.on_fatal("the ledger cannot be read: " + ToString(snapshot.status()));
  }
  GONKA_CHECK(snapshot.ok());
  return *snapshot;
}

void DeveloperNode::StartAgent() {
  ledger_port_ = {
      .snapshot = [this]() -> std::shared_ptr<const ledger::View> { return Snapshot(); },
      .submit =
          [this](const SignedTx& tx) {
            // The recorder sends again what does not show up in a block.
            client_->SendAsync({.method = "POST",
                                .url = SequencerUrl(*Snapshot(), options_.genesis) + "/gonka/v1/tx",
                                .content_type = http::kFramesContentType,
                                .body = std::string(AsText(Encode(tx))),
                                .timeout_us = 5'000'000,
                                .repeatable = true},
                               [](const absl::StatusOr<http::ClientResponse>&) {});
          }};
  std::map<ModelId, std::shared_ptr<const node::TextModel>> texts(texts_.begin(), texts_.end());
  RunOnLoop(loop_, [&] {
    transport_ = std::make_unique<HttpTransport>(loop_, entropy_, sessions_, *client_);
    const node::Environment env{
        .loop = loop_, .entropy = entropy_, .transport = *transport_, .log = log_};
    recorder_ = std::make_unique<node::Recorder>(env, ledger_port_, self_, chain_->network());
    agent_ = std::make_unique<node::DeveloperAgent>(env, ledger_port_, self_, std::move(texts),
                                                    options_.agent);
  });
  listening_agent_ = std::make_unique<ListeningAgent>(*agent_, [this](const node::Answer& answer) {
    {
      const std::lock_guard lock(answers_mutex_);
      if (answers_.size() >= kAnswersMax) answers_.pop_front();
      answers_.push_back({.answer = answer, .news = {}});
    }
    CompareWithLedger(*Snapshot(), chain_->height(), answer.inference);
  });
}

void DeveloperNode::StartApi() {
  http::ServerOptions server_options = options_.server;
  if (!server_options.refusal) server_options.refusal = RefusalResponse;
  server_ = std::make_unique<http::Server>(std::move(server_options));
  OpenAiEnvironment openai{
      .loop = loop_,
      .clock = clock_,
      .entropy = entropy_,
      .agent = *listening_agent_,
      .metrics = metrics_,
      .snapshot = ledger_port_.snapshot,
      .self = self_.account,
      .models = {},
      .models_created_s = static_cast<int64_t>(options_.genesis.time_us / 1'000'000),
      .authenticate = [this](const http::Request& request) { return Authenticate(request); }};
  for (const auto& [id, text] : texts_) {
    openai.models[id] = {.text = text, .tokenizer = text->tokenizer()};
  }
  openai_ = std::make_unique<OpenAiServer>(*server_, std::move(openai), options_.openai);
  server_->Route("GET", "/gonka/v1/answers",
                 [this](http::Request request, std::shared_ptr<http::Responder> responder) {
                   const auto caller = Authenticate(request);
                   if (const auto* error = std::get_if<ApiError>(&caller)) {
                     return responder->Send(ToResponse(*error));
                   }
                   responder->Send({.body = AnswersJson()});
                 });
  server_->Route(
      "GET", "/ready", [this](http::Request, std::shared_ptr<http::Responder> responder) {
        responder->Send(
            {.status = caught_up() ? 200 : 503,
             .body = fmt::format("{{\"ready\":{},\"height\":{}}}\n", caught_up(), height())});
      });
}

std::variant<Caller, ApiError> DeveloperNode::Authenticate(const http::Request& request) const {
  if (options_.api_key.empty() || BearerKey(request) == options_.api_key) {
    return Caller{.developer = self_.account};
  }
  return ApiError{.status = 401,
                  .type = "authentication_error",
                  .code = BearerKey(request) ? "invalid_api_key" : "missing_api_key",
                  .message = "this proxy serves whoever sends its own API key"};
}

absl::Status DeveloperNode::StartFollowing() {
  subscription_ = chain_->Subscribe([this](const consensus::CommittedBlockPtr& block) {
    loop_.Post([this, block] { OnBlock(block); });
  });
  GONKA_ASSIGN_OR_RETURN(follower_, consensus::Follower::Create(*chain_));
  fetcher_ = std::make_unique<BlockFetcher>(
      *client_, BlockSources(*Snapshot(), options_.genesis, self_.account), *follower_, log_,
      [this](const consensus::Halt& halt) { options_.on_fatal(halt.reason); });
  return absl::OkStatus();
}

// ---- What the ledger says

void DeveloperNode::OnBlock(const consensus::CommittedBlockPtr& block) {
  if (!recorder_) return;  // Going down.
  const auto view = Snapshot();
  news_wanted_ = news_wanted_ || caught_up();
  recorder_->OnBlock({.header = block->header,
                      .hash = block->hash,
                      .receipts = block->receipts,
                      .notices = block->notices});
  for (const Notice& notice : block->notices) {
    const auto text = TellDeveloper(*view, notice, self_.account);
    if (!text) continue;
    const auto inference = InferenceOf(notice);
    Tell({.height = block->header.height, .inference = inference, .text = *text});
    if (inference && std::holds_alternative<RecordFinished>(notice)) {
      CompareWithLedger(*view, block->header.height, *inference);
    }
  }
  if (!allowed_ && caught_up()) Allow(*view);
}

void DeveloperNode::Tell(News news) {
  if (options_.on_news && news_wanted_) options_.on_news(news);
  if (!news.inference) return;
  const std::lock_guard lock(answers_mutex_);
  const auto found = std::find_if(answers_.rbegin(), answers_.rend(), [&](const Told& told) {
    return told.answer.inference == *news.inference;
  });
  if (found != answers_.rend()) found->news.push_back(std::move(news));
}

// The executor signed what it sent, so another digest on the ledger is a second signed output.
void DeveloperNode::CompareWithLedger(const ledger::View& view, uint64_t height,
                                      const InferenceId& inference) {
  const auto record = ledger::FindRecord(view, inference);
  if (!record || !record->finish) return;
  std::optional<Hash> received;
  {
    const std::lock_guard lock(answers_mutex_);
    for (const Told& told : answers_) {
      if (told.answer.inference == inference) received = told.answer.output_digest;
    }
  }
  if (!received || *received == record->finish->output_digest) return;
  Tell({.height = height,
        .inference = inference,
        .text = fmt::format("Inference {}: executor {} committed to another output than it signed "
                            "and sent here. The receipt proves it.",
                            ShortHex(inference), ShortHex(record->assignment.executor))});
}

std::string DeveloperNode::AnswerJson(const ledger::View& view, const Told& told) const {
  const node::Answer& answer = told.answer;
  const auto record = ledger::FindRecord(view, answer.inference);
  const auto settled = ledger::FindSettledRecord(view, answer.inference);
  std::string news;
  for (const News& one : told.news) {
    news += fmt::format(R"({}{{"height":{},"text":{}}})", news.empty() ? "" : ",", one.height,
                        JsonQuote(one.text));
  }
  return fmt::format(
      R"({{"inference_id":"{}","transfer_agent":"{}","executor":"{}","output_tokens":{},)"
      R"("output_digest":"{}","executor_signature":"{}","status":{},"committed_as_sent":{},)"
      R"("news":[{}]}})",
      Hex(answer.inference), Hex(answer.ta), Hex(answer.executor), answer.output_tokens,
      Hex(answer.output_digest), Hex(answer.executor_signature),
      record    ? JsonQuote(ledger::NameOf(record->status))
      : settled ? JsonQuote(ledger::NameOf(settled->status))
                : "null",
      !record || !record->finish                              ? "null"
      : record->finish->output_digest == answer.output_digest ? "true"
                                                              : "false",
      news);
}

std::string DeveloperNode::AnswersJson() {
  const auto view = Snapshot();
  const std::lock_guard lock(answers_mutex_);
  std::string list;
  for (auto told = answers_.rbegin(); told != answers_.rend(); ++told) {
    if (!list.empty()) list += ",";
    list += AnswerJson(*view, *told);
  }
  return fmt::format("{{\"height\":{},\"answers\":[{}]}}\n", chain_->height(), list);
}

// ---- Allowances

void DeveloperNode::Allow(const ledger::View& view) {
  allowed_ = true;
  if (options_.allow == Amount() || self_.IsWarm()) return;  // A sub-account spends its parent's.
  const ledger::Chain chain = ledger::ReadChain(view);
  std::vector<std::pair<AccountId, Amount>> holders;  // What is allowed to each.
  std::vector<AccountId> others;
  Amount allowed;
  for (const auto& [id, participant] : ledger::ListParticipants(view)) {
    if (participant.removed) continue;
    const auto allowance = ledger::FindAllowance(view, id, self_.account);
    if (allowance && allowance->key_digest) continue;  // It is for whoever has that API key.
    if (allowance && allowance->expires_epoch >= chain.epoch) {
      holders.emplace_back(id, allowance->available);
      allowed += allowance->available;
    } else {
      others.push_back(id);
    }
  }
  while (holders.size() < options_.transfer_agents && !others.empty()) {
    uint64_t dice = 0;
    entropy_.Fill({reinterpret_cast<uint8_t*>(&dice), sizeof dice});
    const size_t drawn = dice % others.size();
    holders.emplace_back(others[drawn], Amount());
    others.erase(others.begin() + static_cast<ptrdiff_t>(drawn));
  }
  if (allowed >= options_.allow || holders.empty()) return;
  const Amount share((options_.allow.units() - allowed.units()) / holders.size());
  for (const auto& [ta, available] : holders) {
    recorder_->Add(gonka::Allow{.ta = ta,
                                .amount = share,
                                .expires_epoch = chain.epoch + options_.allow_epochs,
                                .key_digest = std::nullopt});
    log_.Write(LogLevel::kInfo,
               fmt::format("allowing transfer agent {} another {}", ShortHex(ta), share.units()));
  }
}

}  // namespace gonka::net
