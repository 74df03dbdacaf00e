// Skip: alone, it makes connections
// Skip: valgrind, it lets one thread run at a time and takes a process apart at each fork
// Object: fork_loader_object -DOBJECT
/*
 * A process forks while another of its threads is inside the loader, and the child makes the first context of all. The loader
 * is as that thread left it: a lock of glibc's that its fork does not reset stays held, and where an object was being loaded,
 * the next dlopen ends the process. libssl needs neither.
 */
#ifdef OBJECT

int nothing;

#else

#include "process.h"
#include "tls.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/wait.h>

enum { CHILD_SECONDS = 60 };

static sem_t is_inside, is_over;
static atomic_int stop;

static int stay_inside(struct dl_phdr_info *info UNUSED, size_t size UNUSED, void *argument UNUSED) {
  sem_post(&is_inside);
  sem_wait(&is_over);
  return 1;
}

static void *list_objects(void *argument UNUSED) {
  dl_iterate_phdr(stay_inside, NULL);
  return NULL;
}

static void *load_objects(void *argument UNUSED) {
  while (!atomic_load(&stop)) {
    void *object = dlopen("fork_loader_object.so", RTLD_NOW | RTLD_LOCAL);
    REQUIRE(object != NULL && dlclose(object) == 0);
    sem_post(&is_inside);
  }
  return NULL;
}

/* Ends well if two connections resume as they should. */
static void first_context_of_all(void) {
  SSL_CTX *client, *server;
  SSL_SESSION *session = NULL;
  int is_right;

  alarm(longest_silence(CHILD_SECONDS));
  client = new_client(TLS1_3_VERSION);
  server = new_stateful_server(TLS1_3_VERSION);
  is_right = strcmp(exchange(client, server, &session), "new") == 0;
  is_right &= strcmp(exchange(client, server, &session), "resumed") == 0 && SSL_CTX_sess_hits(server) == 1;
  _exit(!is_right);
}

static int ends_well(void) {
  int status;
  pid_t child = fork();

  REQUIRE(child >= 0);
  if (child == 0) first_context_of_all();
  REQUIRE(waitpid(child, &status, 0) == child);
  return status == 0;
}

static void fork_while(void *(*work)(void *), int times) {
  pthread_t thread;
  int well = 0;

  atomic_store(&stop, 0);
  REQUIRE(pthread_create(&thread, NULL, work, NULL) == 0);
  sem_wait(&is_inside);
  while (well < times && ends_well()) well++;
  atomic_store(&stop, 1);
  sem_post(&is_over);
  pthread_join(thread, NULL);
  CHECK("fork", times - well, 0);
}

int main(void) {
  /* libcrypto makes itself ready, and the certificate is made, by the parent; a context is not. */
  make_identity();
  REQUIRE(OPENSSL_init_ssl(0, NULL) && sem_init(&is_inside, 0, 0) == 0 && sem_init(&is_over, 0, 0) == 0);
  printf("-- while a thread lists objects\n");
  fork_while(list_objects, 1);
  printf("-- while a thread loads objects\n");
  fork_while(load_objects, rounds(60, 20));
  return failed;
}

#endif
