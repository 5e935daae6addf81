/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A card that returns errors: reads, writes or syncs of a node's files fail with EIO (errno(3)), while a file says so.
 * Loaded before the C library (ld.so(8), LD_PRELOAD).
 *
 *   CARD_ROOT    the folder whose files are on that card
 *   CARD_FAILS   a file that says what fails now: any of r, w, s, a blank, and a part of the paths of the files that
 *                it fails for (all, if nothing follows the blank); nothing fails where there is no such file
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SAID_BYTES_MAX 128

/* Whether this is to fail now, for a file of this path. */
static int told(char kind, const char *place) {
    char said[SAID_BYTES_MAX] = "";
    const char *path = getenv("CARD_FAILS");
    long file = path ? syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        return 0;
    long count = syscall(SYS_read, file, said, sizeof said - 1);
    syscall(SYS_close, file);
    char *blank = count > 0 ? strchr(said, ' ') : NULL;
    return blank && memchr(said, kind, (size_t)(blank - said)) && strstr(place, blank + 1);
}

static int fails(char kind, int file) {
    char link[32], place[PATH_MAX] = "";
    const char *root = getenv("CARD_ROOT");
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    if (!root || readlink(link, place, sizeof place - 1) < 0)
        return 0;
    size_t bytes = strlen(root);
    if (strncmp(place, root, bytes) != 0 || place[bytes] != '/' || !told(kind, place))
        return 0;
    errno = EIO;
    return 1;
}

#define FAILING(kind, file, otherwise) return fails(kind, file) ? -1 : (otherwise)

ssize_t read(int file, void *data, size_t length) { FAILING('r', file, syscall(SYS_read, file, data, length)); }
ssize_t pread(int file, void *data, size_t length, off_t at) {
    FAILING('r', file, syscall(SYS_pread64, file, data, length, at));
}
ssize_t pread64(int file, void *data, size_t length, off_t at) {
    FAILING('r', file, syscall(SYS_pread64, file, data, length, at));
}
ssize_t write(int file, const void *data, size_t length) {
    FAILING('w', file, syscall(SYS_write, file, data, length));
}
ssize_t pwrite(int file, const void *data, size_t length, off_t at) {
    FAILING('w', file, syscall(SYS_pwrite64, file, data, length, at));
}
ssize_t pwrite64(int file, const void *data, size_t length, off_t at) {
    FAILING('w', file, syscall(SYS_pwrite64, file, data, length, at));
}
int fsync(int file) { FAILING('s', file, (int)syscall(SYS_fsync, file)); }
int fdatasync(int file) { FAILING('s', file, (int)syscall(SYS_fdatasync, file)); }
