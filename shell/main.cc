#include "base/memory.h"
#include "shell/commands.h"

int main(int argc, char** argv) {
  millrace::KeepFreedMemory();
  return millrace::RunCommandLine(argc, argv);
}
