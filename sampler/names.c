/* names.c -- a configuration string to a value, with a message that lists what is known */
#include "sampler/names.h"

#include <stdio.h>
#include <string.h>

int name_parse(int *value, const char *key, const char *name, const NameValue *table, int n, Err *err)
{
    char known[256] = "";
    size_t length = 0;
    for (int i = 0; i < n; i++) {
        if (strcmp(name, table[i].name) == 0) { *value = table[i].value; return 0; }
        const char *before = i == 0 ? "" : i == n - 1 ? " or " : ", ";
        int more = snprintf(known + length, sizeof known - length, "%s%s", before, table[i].name);
        BUG_IF(more < 0 || length + (size_t)more >= sizeof known, "names of %s: more than %zu bytes", key, sizeof known);
        length += (size_t)more;
    }
    return err_set(err, "%s \"%.80s\": not known, expected %s", key, name, known);
}
