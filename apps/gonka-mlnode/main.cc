// gonka-mlnode: runs one model for its participant's network node. It sees token ids only.

#include "common/ml_node_flags.h"

int main(int argc, char** argv) {
  CLI::App app("gonka-mlnode: runs a model for a gonka network node");
  gonka::apps::MlNodeOptions options;
  gonka::apps::AddMlNodeFlags(app, options);
  CLI11_PARSE(app, argc, argv);
  gonka::apps::WaitPassively(options, argv);
  return gonka::apps::RunMlNode(options, [&](auto checkpoint, const auto& local) {
    return gonka::apps::MakeLocalEngine(options, std::move(checkpoint), local);
  });
}
