/* names.h -- a configuration string to a value, for the files of this folder */
#ifndef SDREF_SAMPLER_NAMES_H
#define SDREF_SAMPLER_NAMES_H

#include "tensor/err.h"

typedef struct { const char *name; int value; } NameValue;

/* The value of `name` in table (n). -1 with "key "name": not known, expected a, b or c" when it is not there. */
int name_parse(int *value, const char *key, const char *name, const NameValue *table, int n, Err *err);

#endif
