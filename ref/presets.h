/* presets.h -- `--preset NAME`: the settings of a published configuration, scaled to 64 px and to a run of minutes
 *
 * A preset gives options another default: what the command line says wins, and run.json has the values, so --resume needs no preset. How published
 * values are scaled is stated in presets.c; what a configuration has and a run here has not is in `missing`.
 */
#ifndef SDREF_REF_PRESETS_H
#define SDREF_REF_PRESETS_H

#include "ref/options.h"

typedef struct PresetValue {
    const char *option, *value;     /* of `sdref distill` */
    const char *published;          /* before it was scaled; NULL: the same */
} PresetValue;

enum { PRESET_VALUES = 28, PRESET_WORDED = 3 };
typedef struct Preset {
    const char *name;
    const char *paper;              /* with its arXiv id */
    const char *source;             /* the file that the values are from */
    const char *missing;
    PresetValue value[PRESET_VALUES];           /* ends with an option NULL */
    PresetValue worded[PRESET_WORDED];          /* likewise: only where the prior is told of the view in words */
} Preset;

extern const char *const preset_names[];        /* in the table's order, NULL at the end */
int preset_count(void);
const Preset *preset_at(int i);
const Preset *preset_find(const char *name);    /* NULL: none */
/* NULL: the preset leaves that option alone. */
const PresetValue *preset_value(const Preset *p, const char *option);

/* The values of --preset into options that the command line leaves open; without --preset nothing. -1 with err set. */
int preset_apply(Options *o, Err *err);
/* Before a message that finds fault with values of the preset: which those are. The user has not typed them. */
void preset_blame(const Options *o, Err *err);

#endif
