// hearth: the command line. Each verb registers itself; flags.cc parses.
#include "hearth/flags.h"
#include "hearth/interrupt.h"
#include "hearth/verbs.h"

int main(int argc, char** argv) {
  using namespace hearth::cli;
  Context context;
  catch_interrupts();
  Program program(context);
  for (const auto add : kVerbs) add(program.app(), context);
  return program.run(argc, argv);
}
