#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "gonka/base/json.h"
#include "gonka/commands.h"
#include "gonka/consensus/replay.h"

namespace gonka::cli {
namespace {

struct AuditFlags {
  std::string directory;
  std::string network;
  uint64_t until = UINT64_MAX;
  bool every_block = false;
  bool quiet = false;
};

// A page whose content was damaged can lead the database's reader anywhere, and the process ends
// with a signal. Then this is said instead of nothing.
char damaged_message[512];

void OnFatalSignal(int) {
  const ssize_t written = write(STDERR_FILENO, damaged_message, std::strlen(damaged_message));
  _exit(written < 0 ? 2 : 1);
}

void ExplainFatalSignals(const std::string& directory) {
  const auto end =
      fmt::format_to_n(damaged_message, sizeof(damaged_message) - 1,
                       "error: {}/data.mdb is damaged: its pages cannot be followed\n", directory);
  *end.out = '\0';
  for (const int number : {SIGBUS, SIGSEGV, SIGABRT}) signal(number, OnFatalSignal);
}

// Sums may be beyond what a JSON number holds: those become text.
Json ToNumber(unsigned __int128 value) {
  if (value <= UINT64_MAX) return static_cast<uint64_t>(value);
  std::string digits;
  for (; value > 0; value /= 10) digits.insert(digits.begin(), static_cast<char>('0' + value % 10));
  return digits;
}

Json SumsToJson(const std::map<std::string, consensus::AmountSum>& sums) {
  Json json = Json::object();
  for (const auto& [name, sum] : sums) {
    json[name] = {{"count", sum.count}, {"amount", ToNumber(sum.amount)}};
  }
  return json;
}

Json ReportToJson(const consensus::ReplayReport& report, const store::Tip& tip) {
  const consensus::ReplayTotals& totals = report.totals;
  Json events = Json::object();
  for (const auto& [kind, count] : totals.events) {
    events[kind] = {{"accepted", count.accepted}, {"refused", count.refused}};
  }
  Json json = {{"network", Hex(tip.network)},
               {"tip", tip.height},
               {"height", report.height},
               {"block_hash", Hex(report.hash)},
               {"app_hash", Hex(report.app_hash)},
               {"agrees", !report.differs_at},
               {"transactions", report.txs},
               {"events", report.events},
               {"events_by_kind", events},
               {"refusals", totals.refusals},
               {"notices", totals.notices},
               {"records", totals.settled},
               {"open_records", totals.open_records},
               {"refunds", SumsToJson(totals.refunds)},
               {"withheld", SumsToJson(totals.withheld)},
               {"paid",
                {{"executor_fees", ToNumber(totals.executor_fees.amount)},
                 {"ta_fees", ToNumber(totals.ta_fees.amount)},
                 {"validator_fees", ToNumber(totals.validator_fees.amount)},
                 {"emission", ToNumber(totals.emission.amount)}}},
               {"slashed", ToNumber(totals.slashed.amount)},
               {"coins", Json::parse(ToJson(totals.coins))}};
  json["differs_at"] = report.differs_at ? Json(*report.differs_at) : Json();
  json["difference"] = report.differs_at ? Json(report.difference) : Json();
  return json;
}

// One line a group: "refunds  expired 3 (1200)".
void PrintGroup(const char* name, const Json& group) {
  fmt::print("{:<13}", name);
  if (group.empty()) fmt::print("none");
  for (const auto& [key, value] : group.items()) {
    if (value.is_object() && value.contains("amount")) {
      fmt::print("{} {} ({})  ", key, value["count"].dump(), value["amount"].dump());
    } else if (value.is_object()) {
      fmt::print("{} {} (+{} refused)  ", key, value["accepted"].dump(), value["refused"].dump());
    } else {
      fmt::print("{} {}  ", key, value.dump());
    }
  }
  fmt::print("\n");
}

void PrintReport(const Json& json) {
  fmt::print("network      {}\n", json.value("network", ""));
  fmt::print("blocks       {} of {} agree; the last has hash {}\n", json["height"].dump(),
             json["tip"].dump(), json.value("block_hash", ""));
  fmt::print("app hash     {}\n", json.value("app_hash", ""));
  fmt::print("transactions {} with {} events\n", json["transactions"].dump(),
             json["events"].dump());
  for (const auto& [name, key] :
       {std::pair("events", "events_by_kind"), std::pair("refusals", "refusals"),
        std::pair("records", "records"), std::pair("refunds", "refunds"), std::pair("paid", "paid"),
        std::pair("withheld", "withheld"), std::pair("coins", "coins")}) {
    PrintGroup(name, json[key]);
  }
  fmt::print("open records {}   slashed {}\n", json["open_records"].dump(), json["slashed"].dump());
}

absl::Status Audit(const Context& context, const AuditFlags& flags) {
  // A node's data directory has the ledger in a folder of its own.
  std::string directory = flags.directory;
  std::error_code error;
  if (std::filesystem::exists(directory + "/ledger/data.mdb", error)) directory += "/ledger";
  ExplainFatalSignals(directory);
  GONKA_ASSIGN_OR_RETURN(const auto database,
                         store::Database::OpenLmdb(directory, {.read_only = true}));
  if (!flags.network.empty()) {
    GONKA_ASSIGN_OR_RETURN(const auto network, ParseHash("--network", flags.network));
    GONKA_RETURN_IF_ERROR(database->CheckNetwork(NetworkId{network}));
  }
  consensus::ReplayOptions options{.until = flags.until,
                                   .check_invariants = flags.every_block,
                                   .check_invariants_by_epoch = true,
                                   .check_recording = true};
  if (isatty(STDERR_FILENO) != 0 && !flags.quiet) {
    options.progress = [](uint64_t height, uint64_t of) {
      if (height % 100 == 0 || height == of) fmt::print(stderr, "\rblock {} of {}", height, of);
      if (height == of) fmt::print(stderr, "\n");
    };
  }
  GONKA_ASSIGN_OR_RETURN(const std::optional<store::Tip> tip, database->ReadTip());
  GONKA_ASSIGN_OR_RETURN(const consensus::ReplayReport report,
                         consensus::Replay(*database, options));
  GONKA_CHECK(tip.has_value());  // Replay has said so otherwise.
  const Json json = ReportToJson(report, *tip);
  if (context.json) {
    fmt::print("{}\n", json.dump(2));
  } else {
    PrintReport(json);
  }
  if (report.differs_at) {
    return absl::DataLossError(fmt::format("{} does not agree: {}", directory, report.difference));
  }
  if (!context.json) fmt::print("everything agrees\n");
  return absl::OkStatus();
}

}  // namespace

void AddAuditCommand(CLI::App& app, Context& context) {
  CLI::App* audit = app.add_subcommand(
      "audit", "execute a ledger's data directory again from genesis and compare; no node needed");
  auto flags = std::make_shared<AuditFlags>();
  audit->add_option("DIR", flags->directory, "a copied data directory; nothing in it is changed")
      ->required();
  audit->add_option("--network", flags->network, "refuse a ledger of another network");
  audit->add_option("--until", flags->until, "stop after this height (the state is not compared)");
  audit->add_flag("--every-block", flags->every_block,
                  "recompute all invariants after every block, not once an epoch; slow");
  audit->add_flag("--quiet", flags->quiet, "no progress");
  audit->callback(
      [flags, &context] { context.run = [flags, &context] { return Audit(context, *flags); }; });
}

}  // namespace gonka::cli
