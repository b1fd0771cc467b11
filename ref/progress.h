/* progress.h -- one line on the terminal that says how far long work is
 *
 *     step 120/500  loss 0.0123  15.2 ms/step  0:06 left
 *
 * On stderr, rewritten in place at most ten times a second, removed at the end; no colour. Silent when stderr is no
 * terminal, when TERM is "dumb" or unset, or when asked to be quiet. Times never enter a result.
 */
#ifndef SDREF_PROGRESS_H
#define SDREF_PROGRESS_H

#include <stddef.h>

#define PROGRESS_WIDTH 79                                 /* columns, so that no terminal of 80 wraps */

typedef struct {
    const char *unit;                                     /* "step" */
    long        first, total;                             /* done when work began (resumed), and in all */
    double      start, shown;                             /* progress_clock at the start and when last drawn */
    int         on, drawn;
} Progress;

double progress_clock(void);                              /* monotonic seconds */

void progress_start(Progress *p, const char *unit, long first, long total, int quiet);
void progress_step(Progress *p, long done, const char *note);   /* note: "loss 0.0123" or NULL */
void progress_clear(Progress *p);                         /* before printing anything else; the next step redraws */
void progress_end(Progress *p);

/* The line itself, cut to PROGRESS_WIDTH: `elapsed` seconds were spent on the steps first..done. */
void progress_line(char line[PROGRESS_WIDTH + 1], const Progress *p, long done, const char *note, double elapsed);

#endif
