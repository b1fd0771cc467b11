/* csv.h -- text as a field of a CSV file: in double quotes, its own doubled, so that commas and lines in it separate nothing (RFC 4180) */
#ifndef SDREF_REF_CSV_H
#define SDREF_REF_CSV_H

#include "render/bytes.h"

int csv_text(Bytes *out, const char *text, Err *err);     /* as bytes_put */

#endif
