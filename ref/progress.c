/* progress.c -- one line on the terminal that says how far long work is
 *
 * The time left is (steps left) x (mean time of the steps so far). The line is drawn with a carriage return, and
 * removed with the "erase to the end of the line" sequence, which every terminal that is not dumb knows.
 */
#include "ref/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const double redraw = 0.1;                         /* seconds between two drawings, at least */

double progress_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void progress_start(Progress *p, const char *unit, long first, long total, int quiet)
{
    const char *term = getenv("TERM");
    *p = (Progress){ .unit = unit, .first = first, .total = total, .start = progress_clock() };
    p->on = !quiet && isatty(STDERR_FILENO) && term != NULL && term[0] != '\0' && strcmp(term, "dumb") != 0;
}

/* "0:06", "12:34", "1:02:03" */
static void clock_text(char out[32], double seconds)
{
    long s = seconds < 1e9 ? (long)(seconds + 0.5) : 1000000000;
    if (s >= 3600) snprintf(out, 32, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else snprintf(out, 32, "%ld:%02ld", s / 60, s % 60);
}

void progress_line(char line[PROGRESS_WIDTH + 1], const Progress *p, long done, const char *note, double elapsed)
{
    char rate[64] = "", left[32];
    if (done > p->first && elapsed > 0) {
        double each = elapsed / (double)(done - p->first);
        clock_text(left, each * (double)(p->total - done));
        if (each < 1) snprintf(rate, sizeof rate, "  %.3g ms/%s  %s left", 1e3 * each, p->unit, left);
        else snprintf(rate, sizeof rate, "  %.3g s/%s  %s left", each, p->unit, left);
    }
    snprintf(line, PROGRESS_WIDTH + 1, "%s %ld/%ld%s%s%s", p->unit, done, p->total, note == NULL ? "" : "  ",
             note == NULL ? "" : note, rate);
}

void progress_step(Progress *p, long done, const char *note)
{
    char line[PROGRESS_WIDTH + 1];
    double now;
    if (!p->on) return;
    now = progress_clock();
    if (p->shown > 0 && now - p->shown < redraw) return;
    p->shown = now;
    p->drawn = 1;
    progress_line(line, p, done, note, now - p->start);
    fprintf(stderr, "\r%s\033[K", line);
    fflush(stderr);
}

void progress_clear(Progress *p)
{
    if (!p->drawn) return;
    p->drawn = 0;
    p->shown = 0;
    fprintf(stderr, "\r\033[K");
    fflush(stderr);
}

void progress_end(Progress *p)
{
    progress_clear(p);
    p->on = 0;
}
