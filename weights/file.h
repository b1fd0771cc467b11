/* file.h -- whole files: they appear complete or not at all, and are read through a read-only map
 *
 * Paths are the system's byte strings. Every message begins with the path and ends with the system's reason.
 */
#ifndef SDREF_WEIGHTS_FILE_H
#define SDREF_WEIGHTS_FILE_H

#include "tensor/err.h"

#include <stddef.h>

typedef struct { const void *bytes; size_t n; } FilePart;

/* Makes `path` hold exactly bytes[0..n) (or the parts in order): a temporary beside it is written, synced, renamed over
 * it, and the folder synced. On error the old file, or its absence, is untouched and the temporary is gone; only
 * when the last step (syncing the folder) fails does the new file stand. A new file has mode 0666 less the umask. Refused: a folder, device or pipe
 * of that name; a link is replaced. */
int file_write(const char *path, const void *bytes, size_t n, Err *err);
int file_write_parts(const char *path, const FilePart *part, size_t parts, Err *err);
/* For tests: let the n-th step of file_write from now on fail (0: none); open, each write, sync, close, rename count. */
void file_fail_at(long n);

/* The whole regular file into *bytes (mem_free it), with a NUL behind the n bytes. More than `cap` bytes: an error. */
int file_read(void **bytes, size_t *n, const char *path, size_t cap, Err *err);

/* A read-only map of a regular file; an empty file gives n = 0 and bytes = "".
 * TRAP: a file that another process shortens while it is mapped ends the program (SIGBUS): replace files, as
 * file_write does, and never cut them. */
typedef struct { const unsigned char *bytes; size_t n; } FileMap;
int  file_map(FileMap *map, const char *path, Err *err);
void file_unmap(FileMap *map);                            /* leaves it empty; a zeroed map is fine */

int file_exists(const char *path);                        /* 1: something of that name is there; a broken link is not */
int dir_make(const char *path, Err *err);                 /* the folder and those above it; there already: fine */

#endif
