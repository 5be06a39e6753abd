/* An addon that leaks when it is loaded: what has to be in the reports of scripts/sanitized-node. */
#include <node_api.h>
#include <stdlib.h>

static void* volatile last;

NAPI_MODULE_INIT() {
  (void)env;
  for (int i = 0; i < 3; ++i) last = malloc(64);
  last = NULL;
  return exports;
}
