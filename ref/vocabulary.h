/* vocabulary.h -- the words of a trace: metadata keys and tensor names, and the bar each result is held to
 *
 * A trace is a safetensors file with the metadata strings format = sdref-trace-1 and kind; tensors in.* are inputs, every
 * other tensor is a result. The table here is what the code uses and what `sdref help trace` prints.
 */
#ifndef SDREF_REF_VOCABULARY_H
#define SDREF_REF_VOCABULARY_H

#include "weights/safetensors.h"

#include <stdio.h>

typedef enum { WORD_META, WORD_INPUT, WORD_RESULT } WordKind;
/* A result that combines predictions cancels; its error is measured against max(|file|, c |p|), where p is the largest
 * prediction or noise in it and c the factor it enters with. */
typedef enum { COMBINES_NOTHING, COMBINES_PREDICTION, COMBINES_GUIDANCE, COMBINES_WEIGHT, COMBINES_RATIO, COMBINES_STEP, COMBINES_PHI, COMBINES } Combines;
/* Families of bars. */
typedef enum { FAMILY_RENDER, FAMILY_GRADIENT, FAMILY_ESTIMATOR, FAMILY_NETWORK, FAMILY_LEVELS } Family;   /* levels: whole numbers, exact */

typedef struct Word {
    const char *trace;              /* "render", "estimator", "unet" ..., or "" for every trace */
    WordKind kind;
    const char *name, *shape, *meaning;    /* a name that ends in * stands for all that begin so */
    Combines combines;
    Family family;
} Word;

const Word *vocabulary_find(const char *trace, WordKind kind, const char *name);      /* NULL: no such word */
void        vocabulary_print(FILE *out);

/* The bars, by the type of the tensor in the file: accumulated (from the inputs) and local (from the file's own tensors).
 * -1: a type that no bar is set for. */
typedef struct Bar { double accumulated, local; } Bar;
int bar_for(Bar *bar, StDtype dtype, Family family);

#endif
