// gonka: looks at a network and acts in it, from the command line.

#include <cstdlib>
#include <optional>

#include "common/program.h"
#include "gonka/commands.h"

int main(int argc, char** argv) {
  using namespace gonka;
  CLI::App app("gonka: looks at a network and acts in it");
  app.require_subcommand(1);
  app.set_version_flag("--version", "gonka 0.1.0");
  cli::Context context;
  app.add_option("--node", context.node, "URL of any network node")
      ->envname("GONKA_NODE")
      ->capture_default_str();
  app.add_flag("--json", context.json, "print JSON");
  cli::AddKeyCommands(app, context);
  cli::AddLookCommands(app, context);
  cli::AddProofCommands(app, context);
  cli::AddEventCommands(app, context);
  cli::AddNodeCommands(app, context);
  cli::AddGovernanceCommands(app, context);
  cli::AddAuditCommand(app, context);
  cli::AddProxyCommand(app, context);
  cli::AddJoinCommands(app, context);
  cli::AddDoctorCommand(app, context);
  cli::AddModelCommands(app, context);
  cli::AddSimCommand(app, context);
  app.fallthrough();
  CLI11_PARSE(app, argc, argv);
  std::optional<apps::UntilSignal> signal;
  if (context.stays) context.signal = &signal.emplace();
  context.client =
      std::make_shared<http::Client>(http::ClientOptions{.allow_private_addresses = true});
  const absl::Status status = context.run();
  return status.ok() ? EXIT_SUCCESS : apps::Fail(status);
}
