/* To be loaded before a program: threads fail to start as long as the environment's FAILING_THREADS is above
 * 0, which counts down. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

typedef int (*Create)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*),
                   void* argument) {
  const char* const text = getenv("FAILING_THREADS");
  const int left = text == NULL ? 0 : atoi(text);
  if (left > 0) {
    char less[16];
    snprintf(less, sizeof less, "%d", left - 1);
    setenv("FAILING_THREADS", less, 1);
    return EAGAIN;
  }
  return ((Create)dlsym(RTLD_NEXT, "pthread_create"))(thread, attributes, start, argument);
}
