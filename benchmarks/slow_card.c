/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A card that takes its time over every sync, and does one at a time. Loaded before the C library (ld.so(8),
 * LD_PRELOAD): fsync(2) and fdatasync(2) are done, and then waited for.
 *
 *   CARD_MS     how long each takes beyond what the disk below takes
 *   CARD_TURN   a file that the processes of a node take turns by
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

static int slowly(const char *name, int file) {
    int (*sync)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    const char *turn_path = getenv("CARD_TURN"), *text = getenv("CARD_MS");
    long ms = text ? atol(text) : 0;
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
    /* Opened each time: so threads of one process wait for each other too. */
    int turn = turn_path ? open(turn_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (turn >= 0)
        flock(turn, LOCK_EX);
    int result = sync(file);
    while (nanosleep(&pause, &pause) != 0)
        ;
    if (turn >= 0)
        close(turn);
    return result;
}

int fsync(int file) { return slowly("fsync", file); }

int fdatasync(int file) { return slowly("fdatasync", file); }
