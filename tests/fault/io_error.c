/* A disk that fails when it is told to: preload this into a process. io_error.py tells it, by a file that both map.
 *
 * Only files below the directory $IO_ERROR_DIRECTORY are touched. Of each kind of call that fails, the first `skip` pass, then
 * `times` fail (or all, if it is negative). A write that fails may have written its first half.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { kWrite = 1, kSync = 2, kTear = 4 };

/* io_error.py knows this layout. */
struct Control {
  int32_t calls;  /* which fail: kWrite, kSync; kTear: the half of a write is written */
  int32_t error;  /* errno of those that fail */
  int32_t skip;   /* that still pass */
  int32_t times;  /* that still fail; negative: all */
  int32_t failed; /* that failed so far */
};

static struct Control *control;
static const char *directory;
static pthread_mutex_t control_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t set_up_once = PTHREAD_ONCE_INIT;

static void *real(const char *name) {
  void *function = dlsym(RTLD_NEXT, name);
  if (function == NULL) abort();
  return function;
}

static void set_up(void) {
  const char *path = getenv("IO_ERROR_CONTROL");
  directory = getenv("IO_ERROR_DIRECTORY");
  const int file = path != NULL && directory != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
  if (file < 0) {
    fprintf(stderr, "io_error: no control file\n");
    abort();
  }
  control = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (control == MAP_FAILED) abort();
}

static int is_below_directory(int fd) {
  char link[32], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = '\0';
  const size_t prefix = strlen(directory);
  return strncmp(path, directory, prefix) == 0 && path[prefix] == '/';
}

/* The errno that this call is to fail with, or 0. */
static int fails(int fd, int kind, int *tear) {
  pthread_once(&set_up_once, set_up);
  if ((__atomic_load_n(&control->calls, __ATOMIC_ACQUIRE) & kind) == 0 || !is_below_directory(fd)) return 0;
  pthread_mutex_lock(&control_mutex);
  int error = 0;
  if ((control->calls & kind) == 0 || control->times == 0) {
    error = 0;
  } else if (control->skip > 0) {
    --control->skip;
  } else {
    if (control->times > 0) --control->times;
    ++control->failed;
    *tear = control->calls & kTear;
    error = control->error;
  }
  pthread_mutex_unlock(&control_mutex);
  return error;
}

typedef ssize_t (*Write)(int, const void *, size_t);
typedef ssize_t (*PositionedWrite)(int, const void *, size_t, off64_t);

ssize_t write(int fd, const void *data, size_t size) {
  const Write call = (Write)real("write");
  int tear = 0;
  const int error = fails(fd, kWrite, &tear);
  if (error == 0) return call(fd, data, size);
  if (tear && call(fd, data, size / 2) < 0) return -1;
  errno = error;
  return -1;
}

static ssize_t write_at(const char *name, int fd, const void *data, size_t size, off64_t offset) {
  const PositionedWrite call = (PositionedWrite)real(name);
  int tear = 0;
  const int error = fails(fd, kWrite, &tear);
  if (error == 0) return call(fd, data, size, offset);
  if (tear && call(fd, data, size / 2, offset) < 0) return -1;
  errno = error;
  return -1;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) { return write_at("pwrite", fd, data, size, offset); }
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) { return write_at("pwrite64", fd, data, size, offset); }

static int sync_with(const char *name, int fd) {
  int tear = 0;
  const int error = fails(fd, kSync, &tear);
  if (error == 0) return ((int (*)(int))real(name))(fd);
  errno = error;
  return -1;
}

int fsync(int fd) { return sync_with("fsync", fd); }
int fdatasync(int fd) { return sync_with("fdatasync", fd); }
