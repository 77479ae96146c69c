// gonkad: a participant's network node.

#include "common/network_node.h"

int main(int argc, char** argv) {
  return gonka::apps::RunNetworkNode(argc, argv, "gonkad: a participant's network node", {});
}
