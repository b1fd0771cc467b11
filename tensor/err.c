/* err.c -- messages for the world's errors, one handler for our own */
#include "tensor/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a message quotes (a prompt, a path) may hold anything; it stays one line that no terminal obeys. */
static void one_line(char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 32 || *text == 127) *text = '?';
}

int err_set(Err *err, const char *format, ...)
{
    if (err == NULL || err->set) return -1;
    va_list args;
    va_start(args, format);
    vsnprintf(err->msg, sizeof err->msg, format, args);
    va_end(args);
    one_line(err->msg);
    err->set = 1;
    return -1;
}

void err_before(Err *err, const char *format, ...)
{
    const Err found = *err;
    va_list args;
    if (!err->set) return;
    va_start(args, format);
    vsnprintf(err->msg, sizeof err->msg, format, args);
    va_end(args);
    const size_t at = strlen(err->msg);
    snprintf(err->msg + at, sizeof err->msg - at, "%s", found.msg);
    one_line(err->msg);
}

static BugHandler *handler;

void bug_handler_set(BugHandler *h) { handler = h; }

void bug(const char *file, int line, const char *format, ...)
{
    char message[768];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (handler != NULL) handler(file, line, message);
    fprintf(stderr, "sdref: bug at %s:%d: %s\n", file, line, message);
    abort();
}
