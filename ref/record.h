/* record.h -- a Trace that is written to a file */
#ifndef SDREF_REF_RECORD_H
#define SDREF_REF_RECORD_H

#include "ref/trace.h"

typedef struct Record { StWriter *w; Arena *arena; } Record;

int  record_open(Record *r, const char *kind, Err *err);              /* metadata format and kind */
void record_close(Record *r);
int  record_put(void *self, const char *name, real *v, Shape s, Err *err);      /* Trace.put: keeps a copy */
void record_number(Record *r, const char *key, double value);         /* metadata */
int  record_write(Record *r, const char *path, Err *err);

#endif
