/* csv.c -- see csv.h */
#include "ref/csv.h"

int csv_text(Bytes *out, const char *text, Err *err)
{
    bytes_byte(out, '"', err);
    for (; *text != '\0'; text++) bytes_put(out, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1, err);
    return bytes_byte(out, '"', err);
}
