/* A disk whose cache is lost: preload this into a process, and every file says in an extended attribute how much of it is
 * on the disk for good. power_loss.py cuts the files of a killed process down to that.
 *
 * user.synced       the length that the file had when its newest successful fsync or fdatasync began
 * user.overwritten  set when bytes were changed below the end of the file, where a length alone does not tell what is lost
 *
 * The attributes live with the inode, through renames and until the file is gone. Files that are only grown by mmap are
 * not followed. msync, sync, syncfs and O_DSYNC count as nothing.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static pthread_mutex_t synced_mutex = PTHREAD_MUTEX_INITIALIZER;

static void *real(const char *name) {
  void *function = dlsym(RTLD_NEXT, name);
  if (function == NULL) {
    fprintf(stderr, "power_loss: no %s to call\n", name);
    abort();
  }
  return function;
}

/* The size of a regular file, or -1. */
static int64_t regular_size(int fd) {
  struct stat status;
  return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? (int64_t)status.st_size : -1;
}

static void note(int fd, const char *name, int64_t value) {
  char text[24];
  const int length = snprintf(text, sizeof text, "%lld", (long long)value);
  if (fsetxattr(fd, name, text, (size_t)length, 0) != 0) {
    fprintf(stderr, "power_loss: cannot set %s: %s\n", name, strerror(errno));
    abort();
  }
}

static int64_t noted(int fd, const char *name) {
  char text[24];
  const ssize_t length = fgetxattr(fd, name, text, sizeof text - 1);
  if (length < 0) return 0;
  text[length] = '\0';
  return strtoll(text, NULL, 10);
}

static int sync_with(const char *name, int fd) {
  int (*const call)(int) = (int (*)(int))real(name);
  const int64_t size = regular_size(fd); /* what is written after this need not be covered */
  const int result = call(fd);
  if (result == 0 && size >= 0) {
    const int saved = errno;
    pthread_mutex_lock(&synced_mutex);
    if (size > noted(fd, "user.synced")) note(fd, "user.synced", size);
    pthread_mutex_unlock(&synced_mutex);
    errno = saved;
  }
  return result;
}

int fsync(int fd) { return sync_with("fsync", fd); }
int fdatasync(int fd) { return sync_with("fdatasync", fd); }

static void check_offset(int fd, int64_t offset) {
  const int saved = errno;
  if (offset < regular_size(fd)) note(fd, "user.overwritten", offset);
  errno = saved;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
  check_offset(fd, offset);
  return ((ssize_t(*)(int, const void *, size_t, off_t))real("pwrite"))(fd, data, size, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
  check_offset(fd, offset);
  return ((ssize_t(*)(int, const void *, size_t, off64_t))real("pwrite64"))(fd, data, size, offset);
}

int ftruncate(int fd, off_t length) {
  check_offset(fd, length);
  return ((int (*)(int, off_t))real("ftruncate"))(fd, length);
}

int ftruncate64(int fd, off64_t length) {
  check_offset(fd, length);
  return ((int (*)(int, off64_t))real("ftruncate64"))(fd, length);
}
