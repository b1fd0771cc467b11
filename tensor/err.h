/* err.h -- two kinds of trouble
 *
 * What the world can cause (files, arguments, memory, NaN) is returned: a function that can fail so takes an
 * `Err *` as its last argument and returns 0 when all is well, -1 when not; the first message stays. Nothing in
 * the library prints or exits. A message is one line: the file, flag or tensor; what was found; what was expected.
 *
 * What only our own code can cause (a wrong internal shape) is a bug: BUG_IF names it and calls the one
 * replaceable handler, which by default prints and aborts.
 */
#ifndef SDREF_ERR_H
#define SDREF_ERR_H

#if defined(__GNUC__)
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#else
#define PRINTF_LIKE(f, a)
#endif

typedef struct { int set; char msg[768]; } Err;          /* start as {0} */

/* Records the message, control bytes as '?', unless one is there already. Always -1, so that `return err_set(...)` reads well. */
int err_set(Err *err, const char *format, ...) PRINTF_LIKE(2, 3);
/* Puts words before the message, if there is one: where it happened, which who found it did not know. */
void err_before(Err *err, const char *format, ...) PRINTF_LIKE(2, 3);

typedef void BugHandler(const char *file, int line, const char *message);
void bug_handler_set(BugHandler *handler);               /* NULL: back to print and abort; a handler must not return */
void bug(const char *file, int line, const char *format, ...) PRINTF_LIKE(3, 4);
#define BUG_IF(condition, ...) do { if (condition) bug(__FILE__, __LINE__, __VA_ARGS__); } while (0)

#endif
