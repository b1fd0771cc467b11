/* file.c -- atomic writing (temporary, fsync, rename, fsync of the folder), whole reading, read-only maps */
#include "weights/file.h"
#include "tensor/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WRITE_CHUNK = 1 << 30 };                           /* one write(2) takes at most 2 GiB - 4 KiB on Linux */

static long fail_countdown;                               /* test hook, see file_fail_at */

void file_fail_at(long n) { fail_countdown = n; }

/* 1 when the hook says that this step fails; errno is then EIO. */
static int step_fails(void)
{
    if (fail_countdown == 0) return 0;
    fail_countdown--;
    if (fail_countdown > 0) return 0;
    errno = EIO;
    return 1;
}

static int system_error(const char *path, const char *doing, Err *err)
{
    return err_set(err, "%s: %s: %s", path, doing, strerror(errno));
}

/* ---- writing ---- */

static int bytes_put(int fd, const char *path, const void *bytes, size_t n, Err *err)
{
    const char *p = bytes;
    while (n > 0) {
        const size_t chunk = n < WRITE_CHUNK ? n : WRITE_CHUNK;
        const ssize_t done = step_fails() ? -1 : write(fd, p, chunk);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return system_error(path, "cannot write", err);
        p += done;
        n -= (size_t)done;
    }
    return 0;
}

/* Opens the temporary beside `path`; its name goes to `name`. One left behind by a kill is written over, so none pile up. */
static int temporary_open(char *name, size_t room, const char *path, Err *err)
{
    snprintf(name, room, "%s.sdref-tmp", path);
    const int fd = step_fails() ? -1 : open(name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0) system_error(path, "cannot make a temporary file beside it", err);
    return fd;
}

static int folder_sync(char *scratch, const char *path, Err *err)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL) strcpy(scratch, ".");
    else {
        const size_t n = slash == path ? 1 : (size_t)(slash - path);
        memcpy(scratch, path, n);
        scratch[n] = '\0';
    }
    const int fd = step_fails() ? -1 : open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return system_error(path, "cannot open its folder", err);
    int status = 0;
    /* EINVAL: a file system whose folders cannot be synced; the rename is then as safe as it gets there */
    if (step_fails() || fsync(fd) != 0) status = errno == EINVAL ? 0 : system_error(path, "cannot sync its folder", err);
    close(fd);
    return status;
}

/* What a rename would replace must be a file: not a folder, and above all not a device. */
static int replaceable(const char *path, Err *err)
{
    struct stat st;
    if (stat(path, &st) != 0 || S_ISREG(st.st_mode)) return 0;
    return err_set(err, "%s: found a %s, expected a file or nothing", path, S_ISDIR(st.st_mode) ? "folder" : "device or pipe");
}

int file_write_parts(const char *path, const FilePart *part, size_t parts, Err *err)
{
    if (replaceable(path, err) != 0) return -1;
    const size_t room = strlen(path) + 64;
    char *name = mem_new(room, 1, path, err);
    if (name == NULL) return -1;
    const int fd = temporary_open(name, room, path, err);
    if (fd < 0) { mem_free(name); return -1; }
    int status = 0;
    for (size_t i = 0; i < parts && status == 0; i++) status = bytes_put(fd, path, part[i].bytes, part[i].n, err);
    if (status == 0 && (step_fails() || fsync(fd) != 0)) status = system_error(path, "cannot sync", err);
    const int close_failed = close(fd) != 0 || step_fails();   /* closed in any case, also when the hook says no */
    if (status == 0 && close_failed) status = system_error(path, "cannot close", err);
    if (status == 0 && (step_fails() || rename(name, path) != 0)) status = system_error(path, "cannot rename to it", err);
    if (status != 0) unlink(name);
    else status = folder_sync(name, path, err);
    mem_free(name);
    return status;
}

int file_write(const char *path, const void *bytes, size_t n, Err *err)
{
    const FilePart part = { bytes, n };
    return file_write_parts(path, &part, 1, err);
}

/* ---- reading ---- */

/* Opens a regular file and says how long it is. */
static int regular_open(size_t *n, const char *path, Err *err)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);   /* O_NONBLOCK: a FIFO must not hang us */
    if (fd < 0) { system_error(path, "cannot open", err); return -1; }
    struct stat st;
    int status = 0;
    if (fstat(fd, &st) != 0) status = system_error(path, "cannot stat", err);
    else if (S_ISDIR(st.st_mode)) status = err_set(err, "%s: found a folder, expected a regular file", path);
    else if (!S_ISREG(st.st_mode)) status = err_set(err, "%s: found a device or pipe, expected a regular file", path);
    if (status != 0) { close(fd); return -1; }
    *n = (size_t)st.st_size;
    return fd;
}

int file_read(void **bytes, size_t *n, const char *path, size_t cap, Err *err)
{
    size_t size = 0;
    const int fd = regular_open(&size, path, err);
    if (fd < 0) return -1;
    int status = 0;
    char *p = NULL;
    if (size > cap) status = err_set(err, "%s: found %zu bytes, expected at most %zu", path, size, cap);
    else if ((p = mem_new(size + 1, 1, path, err)) == NULL) status = -1;
    size_t have = 0;
    while (status == 0 && have < size) {
        const ssize_t got = read(fd, p + have, size - have < WRITE_CHUNK ? size - have : WRITE_CHUNK);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) status = system_error(path, "cannot read", err);
        else if (got == 0) status = err_set(err, "%s: found %zu bytes, expected %zu: it shrank", path, have, size);
        else have += (size_t)got;
    }
    close(fd);
    if (status != 0) { mem_free(p); return -1; }
    *bytes = p;
    *n = size;
    return 0;
}

int file_map(FileMap *map, const char *path, Err *err)
{
    *map = (FileMap){ (const unsigned char *)"", 0 };
    size_t size = 0;
    const int fd = regular_open(&size, path, err);
    if (fd < 0) return -1;
    int status = 0;
    if (size > 0) {                                       /* mmap refuses to map nothing */
        void *p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED) status = system_error(path, "cannot map", err);
        else *map = (FileMap){ p, size };
    }
    close(fd);                                            /* the map keeps the file */
    return status;
}

void file_unmap(FileMap *map)
{
    /* munmap takes away the const that file_map put on */
    if (map->n > 0) munmap((void *)(uintptr_t)map->bytes, map->n);
    *map = (FileMap){ (const unsigned char *)"", 0 };
}

int file_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

/* ---- folders ---- */

static int folder_make(const char *path, Err *err)
{
    struct stat st;
    if (mkdir(path, 0777) == 0) return 0;
    const int reason = errno;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) return 0;
    if (reason == EEXIST) return err_set(err, "%s: found a file, expected a folder or nothing", path);
    errno = reason;
    return system_error(path, "cannot make the folder", err);
}

int dir_make(const char *path, Err *err)
{
    const size_t n = strlen(path);
    if (n == 0) return err_set(err, "folder: found an empty path, expected a name");
    char *part = mem_new(n + 1, 1, path, err);
    if (part == NULL) return -1;
    int status = 0;
    for (size_t i = 1; i <= n && status == 0; i++) {
        if (path[i] != '/' && path[i] != '\0') continue;
        if (path[i - 1] == '/') continue;                 /* a//b and a trailing slash */
        memcpy(part, path, i);
        part[i] = '\0';
        status = folder_make(part, err);
    }
    mem_free(part);
    return status;
}
