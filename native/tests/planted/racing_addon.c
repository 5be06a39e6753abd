/* An addon of two threads that write to one place at once: what scripts/sanitized-node has to find. */
#include <node_api.h>
#include <pthread.h>

static int shared;

static void* write_shared(void* unused) {
  (void)unused;
  for (int i = 0; i < 100000; ++i) ++shared;
  return NULL;
}

NAPI_MODULE_INIT() {
  (void)env;
  pthread_t thread;
  if (pthread_create(&thread, NULL, write_shared, NULL) != 0) return exports;
  write_shared(NULL);
  pthread_join(thread, NULL);
  return exports;
}
