#include <fmt/format.h>

#include "gonka/base/json.h"
#include "gonka/commands.h"
#include "gonka/host/files.h"
#include "gonka/protocol/block.h"

namespace gonka::cli {
namespace {

struct ProveFlags {
  std::string id;
  uint64_t epoch = 0;
  std::string participant;
  std::string out;
};

// Writes the proof to a file (or prints its hex) and says which block hash it leads to.
absl::Status Fetch(const Context& context, const std::string& query, const std::string& out) {
  GONKA_ASSIGN_OR_RETURN(const InclusionProof proof, context.Api().Prove(query));
  const BlockHash hash = HashOf(proof.header);
  GONKA_RETURN_IF_ERROR(VerifyProof(proof, hash));
  const Bytes bytes = Encode(proof);
  if (!out.empty()) GONKA_RETURN_IF_ERROR(host::WriteFileAtomic(out, bytes));
  if (context.json) {
    fmt::print("{}\n", Json{{"proof", Hex(bytes)},
                            {"block_hash", Hex(hash)},
                            {"height", proof.header.height},
                            {"leaf", Json::parse(ToJson(proof.leaf))}}
                           .dump(2));
    return absl::OkStatus();
  }
  fmt::print("{}\n", ToJson(proof.leaf));
  fmt::print("leads to block {} with hash {}; ask somebody else for that hash\n",
             proof.header.height, Hex(hash));
  if (out.empty()) {
    fmt::print("{}\n", Hex(bytes));
  } else {
    fmt::print("gonka verify {} --block {}\n", out, Hex(hash));
  }
  return absl::OkStatus();
}

// The place of the first notice of a kind that fits, in a list of {"height", "index", "notice"}.
absl::StatusOr<std::string> NoticeQuery(const Json& events, const std::string& kind,
                                        const std::function<bool(const Json&)>& fits) {
  for (const Json& event : events) {
    const Json& notice = event.contains("notice") ? event["notice"] : event;
    if (notice.value("kind", kind) != kind || !fits(notice)) continue;
    return fmt::format("notice?height={}&index={}", event.value("height", uint64_t{0}),
                       event.value("index", uint64_t{0}));
  }
  return absl::NotFoundError(fmt::format("there is no such notice of kind {}", kind));
}

absl::Status ProveRefund(const Context& context, const ProveFlags& flags) {
  GONKA_ASSIGN_OR_RETURN(const Json inference,
                         context.Api().Get("/gonka/v1/inferences/" + flags.id));
  // What was refunded for a reason, if anything was; else the unused part of the escrow.
  const Json notices = inference.value("notices", Json::array());
  auto query = NoticeQuery(notices, "refunded", [](const Json& notice) {
    return notice.value("reason", "") != "unused_escrow";
  });
  if (!query.ok()) {
    query = NoticeQuery(notices, "refunded", [](const Json&) { return true; });
  }
  if (!query.ok()) return query.status();
  return Fetch(context, *query, flags.out);
}

absl::Status ProvePayout(const Context& context, const ProveFlags& flags) {
  GONKA_ASSIGN_OR_RETURN(const AccountId participant, ParseAccount(flags.participant));
  GONKA_ASSIGN_OR_RETURN(const Json epoch,
                         context.Api().Get(fmt::format("/gonka/v1/epochs/{}", flags.epoch)));
  for (const Json& member : epoch.value("members", Json::array())) {
    if (member.value("id", "") != Hex(participant)) continue;
    GONKA_ASSIGN_OR_RETURN(
        const std::string query,
        NoticeQuery(member.value("paid", Json::array()), "paid", [](const Json&) { return true; }));
    return Fetch(context, query, flags.out);
  }
  return absl::NotFoundError(
      fmt::format("{} was no member of epoch {}", Hex(participant), flags.epoch));
}

absl::Status Verify(const Context& context, const std::string& path, const std::string& block) {
  GONKA_ASSIGN_OR_RETURN(const auto hash, ParseHash("--block", block));
  GONKA_ASSIGN_OR_RETURN(const std::string bytes, host::ReadFile(path));
  const auto proof = Decode<InclusionProof>(AsBytes(bytes));
  if (!proof.ok()) return Annotate(proof.status(), fmt::format("'{}'", path));
  GONKA_RETURN_IF_ERROR(VerifyProof(*proof, BlockHash{hash}));
  if (context.json) {
    fmt::print("{}\n", Json{{"valid", true}, {"leaf", Json::parse(ToJson(proof->leaf))}}.dump(2));
  } else {
    fmt::print("valid: block {} says {}\n", proof->block.height, ToJson(proof->leaf));
  }
  return absl::OkStatus();
}

}  // namespace

void AddProofCommands(CLI::App& app, Context& context) {
  CLI::App* prove = app.add_subcommand("prove", "get a proof that somebody else can check offline");
  prove->require_subcommand(1);
  auto flags = std::make_shared<ProveFlags>();

  CLI::App* record = prove->add_subcommand("record", "what the ledger holds about an inference");
  record->add_option("ID", flags->id)->required();
  record->add_option("-o,--out", flags->out, "write the proof to this file");
  record->callback([flags, &context] {
    context.run = [flags, &context] {
      return Fetch(context, "state?inference=" + flags->id, flags->out);
    };
  });
  CLI::App* refund = prove->add_subcommand("refund", "that an inference was refunded");
  refund->add_option("ID", flags->id)->required();
  refund->add_option("-o,--out", flags->out, "write the proof to this file");
  refund->callback([flags, &context] {
    context.run = [flags, &context] { return ProveRefund(context, *flags); };
  });
  CLI::App* payout = prove->add_subcommand("payout", "what a participant was paid for an epoch");
  payout->add_option("EPOCH", flags->epoch)->required();
  payout->add_option("PARTICIPANT", flags->participant, "account or key file")->required();
  payout->add_option("-o,--out", flags->out, "write the proof to this file");
  payout->callback([flags, &context] {
    context.run = [flags, &context] { return ProvePayout(context, *flags); };
  });

  CLI::App* verify = app.add_subcommand("verify", "check a proof offline against a block hash");
  auto path = std::make_shared<std::string>();
  auto block = std::make_shared<std::string>();
  verify->add_option("FILE", *path, "the proof")->required();
  verify->add_option("--block", *block, "the hash of the block that it leads to")->required();
  verify->callback([path, block, &context] {
    context.run = [path, block, &context] { return Verify(context, *path, *block); };
  });
}

}  // namespace gonka::cli
