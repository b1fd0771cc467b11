/* command.h -- a command of the program from a line of options, and what it prints */
#ifndef SDREF_TESTS_COMMAND_H
#define SDREF_TESTS_COMMAND_H

#include "ref/cli.h"
#include "tests/harness.h"

#include <stdint.h>
#include <unistd.h>

enum { WORDS = 64, OUTPUT = 8192 };

/* A line of words with spaces between them, and `prior` for the word PRIOR, `out` for OUT. One more may be added by hand. */
typedef struct Line { char text[2048]; char *word[WORDS + 1]; int n; } Line;
static inline void line_split(Line *line, const char *text, const char *prior, const char *out)
{
    int words = strlen(text) < sizeof line->text ? 0 : WORDS;
    snprintf(line->text, sizeof line->text, "%s", text);
    line->n = 0;
    for (char *at = strtok(line->text, " "); at != NULL; at = strtok(NULL, " ")) {
        if (words++ == WORDS) {
            printf("  a line of more than %d words or %zu bytes: %s\n", WORDS, sizeof line->text, text);
            exit(1);
        }
        if (strcmp(at, "PRIOR") == 0) at = (char *)(uintptr_t)prior;
        else if (strcmp(at, "OUT") == 0) at = (char *)(uintptr_t)out;
        line->word[line->n++] = at;
    }
}

/* A command, with what it prints to stdout and stderr in out. */
static inline int command(char out[OUTPUT], CommandMain *run, const char *prompt, const char *options, const char *prior, const char *folder)
{
    char path[] = "/tmp/sdref-output-XXXXXX";
    Line line;
    line_split(&line, options, prior, folder);
    if (prompt != NULL) line.word[line.n++] = (char *)(uintptr_t)prompt;
    fflush(stdout);
    const int file = mkstemp(path), was_out = dup(1), was_err = dup(2);
    if (file < 0 || was_out < 0 || was_err < 0) exit(1);
    dup2(file, 1);
    dup2(file, 2);
    const int status = run(line.n, line.word);
    fflush(stdout);
    dup2(was_out, 1);
    dup2(was_err, 2);
    lseek(file, 0, SEEK_SET);
    const ssize_t n = read(file, out, OUTPUT - 1);
    out[n < 0 ? 0 : n] = 0;
    close(file);
    close(was_out);
    close(was_err);
    unlink(path);
    return status;
}

static inline void check_says(const char *out, const char *const *says, const char *what)
{
    for (int i = 0; says[i] != NULL; i++) {
        const char *bad = says[i][0] == '!' ? strstr(out, says[i] + 1) : NULL;
        CHECK(says[i][0] == '!' ? bad == NULL : strstr(out, says[i]) != NULL, "%s: '%s' in: %s", what, says[i], out);
    }
}

#endif
