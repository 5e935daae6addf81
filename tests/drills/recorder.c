/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Records, in order, what a process does to the files below one folder: for disk.py, which then decides what a pulled
 * plug would have left of it. Loaded before the C library (ld.so(8), LD_PRELOAD); does every call as it was asked.
 *
 *   RECORD_ROOT   the folder; paths below it are recorded, absolute ones and those relative to an open folder
 *   RECORD_LOG    where to: records of `type u8, path length u32, offset u64, data length u32, path, data`
 *
 * Types: C created, W written, T truncated, S synced, R renamed (data: the new path), U unlinked, A said on standard
 * output (data: the bytes). What is mapped into memory is not seen: SQLite's -shm, which no power cut has to keep.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FILES_MAX 4096
#define PATH_BYTES_MAX 1024

static char *paths[FILES_MAX];
static int appends[FILES_MAX];
static int log_fd = -1;
static const char *root;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void begin(void) {
    root = getenv("RECORD_ROOT");
    const char *log = getenv("RECORD_LOG");
    if (root && log)
        log_fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void put(const void *data, size_t length) {
    const char *at = data;
    while (length > 0) {
        long count = syscall(SYS_write, log_fd, at, length);
        if (count <= 0)
            abort();
        at += count;
        length -= (size_t)count;
    }
}

static void record(char type, const char *path, uint64_t offset, const void *data, size_t length) {
    char head[17];
    uint32_t path_length = (uint32_t)strlen(path), data_length = (uint32_t)length;
    head[0] = type;
    memcpy(head + 1, &path_length, 4);
    memcpy(head + 5, &offset, 8);
    memcpy(head + 13, &data_length, 4);
    put(head, sizeof head);
    put(path, path_length);
    put(data, length);
}

/* The absolute path, if it is one to be recorded. */
static const char *below(int folder, const char *path, char *out) {
    if (log_fd < 0 || !path)
        return NULL;
    if (path[0] != '/') {
        if (folder < 0 || folder >= FILES_MAX || !paths[folder])
            return NULL;
        snprintf(out, PATH_BYTES_MAX, "%s/%s", paths[folder], path);
    } else {
        snprintf(out, PATH_BYTES_MAX, "%s", path);
    }
    size_t length = strlen(root);
    return strncmp(out, root, length) == 0 && (out[length] == '/' || !out[length]) ? out : NULL;
}

static const char *known(int fd) {
    return fd >= 0 && fd < FILES_MAX ? paths[fd] : NULL;
}

/* Whoever has the file open writes on into it: under its new name, or under none. */
static void called(const char *before, const char *now) {
    for (int fd = 0; fd < FILES_MAX; fd++)
        if (paths[fd] && strcmp(paths[fd], before) == 0) {
            free(paths[fd]);
            paths[fd] = now ? strdup(now) : NULL;
        }
}

static int opened(int folder, const char *path, int flags, mode_t mode) {
    char place[PATH_BYTES_MAX];
    pthread_mutex_lock(&turn);
    const char *named = below(folder, path, place);
    struct stat before;
    int existed = named && stat(named, &before) == 0;
    int fd = (int)syscall(SYS_openat, folder, path, flags, mode);
    int error = errno;
    if (named && fd >= 0 && fd < FILES_MAX) {
        free(paths[fd]);
        paths[fd] = strdup(named);
        appends[fd] = flags & O_APPEND;
        if (!existed && (flags & O_CREAT))
            record('C', named, 0, "", 0);
        else if (existed && (flags & O_TRUNC))
            record('T', named, 0, "", 0);
    }
    pthread_mutex_unlock(&turn);
    errno = error;
    return fd;
}

#define WITH_MODE                                                                                                      \
    mode_t mode = 0;                                                                                                   \
    if (flags & (O_CREAT | O_TMPFILE)) {                                                                               \
        va_list more;                                                                                                  \
        va_start(more, flags);                                                                                         \
        mode = va_arg(more, mode_t);                                                                                   \
        va_end(more);                                                                                                  \
    }

int open(const char *path, int flags, ...) { WITH_MODE return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { WITH_MODE return opened(AT_FDCWD, path, flags | O_LARGEFILE, mode); }
int openat(int folder, const char *path, int flags, ...) { WITH_MODE return opened(folder, path, flags, mode); }
int openat64(int folder, const char *path, int flags, ...) {
    WITH_MODE return opened(folder, path, flags | O_LARGEFILE, mode);
}

int close(int fd) {
    pthread_mutex_lock(&turn);
    if (fd >= 0 && fd < FILES_MAX) {
        free(paths[fd]);
        paths[fd] = NULL;
    }
    int done = (int)syscall(SYS_close, fd);
    pthread_mutex_unlock(&turn);
    return done;
}

ssize_t write(int fd, const void *data, size_t length) {
    if (log_fd < 0 || (fd != 1 && !known(fd)))
        return syscall(SYS_write, fd, data, length);
    pthread_mutex_lock(&turn);
    off_t at = fd == 1 ? 0 : lseek(fd, 0, appends[fd] ? SEEK_END : SEEK_CUR);
    ssize_t count = syscall(SYS_write, fd, data, length);
    int error = errno;
    if (count > 0)
        record(fd == 1 ? 'A' : 'W', fd == 1 ? "" : paths[fd], (uint64_t)at, data, (size_t)count);
    pthread_mutex_unlock(&turn);
    errno = error;
    return count;
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t at) {
    pthread_mutex_lock(&turn);
    ssize_t count = syscall(SYS_pwrite64, fd, data, length, at);
    int error = errno;
    if (count > 0 && log_fd >= 0 && known(fd))
        record('W', paths[fd], (uint64_t)at, data, (size_t)count);
    pthread_mutex_unlock(&turn);
    errno = error;
    return count;
}
ssize_t pwrite(int fd, const void *data, size_t length, off_t at) { return pwrite64(fd, data, length, at); }

int ftruncate64(int fd, off64_t size) {
    pthread_mutex_lock(&turn);
    int done = (int)syscall(SYS_ftruncate, fd, size);
    int error = errno;
    if (done == 0 && log_fd >= 0 && known(fd))
        record('T', paths[fd], (uint64_t)size, "", 0);
    pthread_mutex_unlock(&turn);
    errno = error;
    return done;
}
int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

static int synced(long call, int fd) {
    pthread_mutex_lock(&turn);
    int done = (int)syscall(call, fd);
    int error = errno;
    if (done == 0 && log_fd >= 0 && known(fd))
        record('S', paths[fd], 0, "", 0);
    pthread_mutex_unlock(&turn);
    errno = error;
    return done;
}
int fsync(int fd) { return synced(SYS_fsync, fd); }
int fdatasync(int fd) { return synced(SYS_fdatasync, fd); }

int renameat(int folder, const char *old, int other, const char *new) {
    char from[PATH_BYTES_MAX], to[PATH_BYTES_MAX];
    pthread_mutex_lock(&turn);
    const char *here = below(folder, old, from), *there = below(other, new, to);
    int done = (int)syscall(SYS_renameat2, folder, old, other, new, 0);
    int error = errno;
    if (done == 0 && here && there) {
        record('R', here, 0, there, strlen(there));
        called(there, NULL);
        called(here, there);
    }
    pthread_mutex_unlock(&turn);
    errno = error;
    return done;
}
int rename(const char *old, const char *new) { return renameat(AT_FDCWD, old, AT_FDCWD, new); }

int unlinkat(int folder, const char *path, int flags) {
    char place[PATH_BYTES_MAX];
    pthread_mutex_lock(&turn);
    const char *named = below(folder, path, place);
    int done = (int)syscall(SYS_unlinkat, folder, path, flags);
    int error = errno;
    if (done == 0 && named) {
        record('U', named, 0, "", 0);
        called(named, NULL);
    }
    pthread_mutex_unlock(&turn);
    errno = error;
    return done;
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
