#!/bin/sh
# t_lint.sh BUILD -- the rules of structure that a compiler does not check; `make test` runs it after the build
#
# Works on a copy of the sources in three forms: as they are, `text` (comments gone), `code` (strings gone too), `notes` (comments
# alone). A lint prints what breaks its rule, one line each; nothing is a pass. Then every lint is shown one planted
# violation and must print it: a lint that has never failed is not known to work.
set -u
LC_ALL=C; export LC_ALL
build=${1:-build}
passed=0 failed=0
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM
[ -f tensor/real.h ] || { echo "t_lint.sh: tensor/real.h is not here; expected to run in the project's folder" >&2; exit 2; }

product="tensor weights nn sampler render ref"
libs="$PWD/$build/libsdref.a $PWD/$build/libsdref-f64.a"
case $build in /*) libs="$build/libsdref.a $build/libsdref-f64.a" ;; esac

# ---- the copy ----

# Writes the three forms of the C files named, which lie under $tmp/tree.
split_c() {
    (cd "$tmp/tree" && awk -v out="$tmp" '
    FNR == 1 {
        if (name != "") { close(out "/text/" name); close(out "/code/" name); close(out "/notes/" name) }
        name = FILENAME; comment = 0
    }
    {
        line = $0; text = code = note = ""
        while (line != "") {
            if (comment) {
                i = index(line, "*/")
                if (i == 0) { note = note line; line = ""; continue }
                note = note substr(line, 1, i - 1); line = substr(line, i + 2); comment = 0
                text = text " "; code = code " "
                continue
            }
            if (!match(line, /"|\047|\/\*|\/\//)) { text = text line; code = code line; break }
            head = substr(line, 1, RSTART - 1); token = substr(line, RSTART, RLENGTH); line = substr(line, RSTART + RLENGTH)
            text = text head; code = code head
            if (token == "/*") { comment = 1; continue }
            if (token == "//") { note = note line; line = ""; continue }
            if (token == "\"") closed = match(line, /^([^"\\]|\\.)*"/)
            else closed = match(line, /^([^\047\\]|\\.)*\047/)
            if (!closed) RLENGTH = length(line)
            text = text token substr(line, 1, RLENGTH); code = code token token; line = substr(line, RLENGTH + 1)
        }
        print text > (out "/text/" name); print code > (out "/code/" name); print note > (out "/notes/" name)
    }' "$@")
}

for form in tree text code notes; do
    for folder in $product tests .ci; do mkdir -p "$tmp/$form/$folder"; done
done
for file in $(find Makefile README.md .ci $product tests -type f \( -name '*.[ch]' -o -name '*.sh' -o -name '*.py' -o -name '*.md' \
              -o -name '*.in' -o -name Makefile -o -path .ci/run \) 2>/dev/null); do
    mkdir -p "$tmp/tree/$(dirname "$file")" && cp "$file" "$tmp/tree/$file"
done
split_c $(cd "$tmp/tree" && find $product tests -maxdepth 1 -name '*.[ch]')

# grep -n over the C files of some folders, in one form.
search() {   # form, pattern, folder...
    form=$1; pattern=$2; shift 2
    (cd "$tmp/$form" && find "$@" -maxdepth 1 -name '*.[ch]' -exec grep -nE -e "$pattern" /dev/null {} +)
}
but() { grep -vE "^($1):"; }                                           # lines of files other than these
edge='(^|[^A-Za-z0-9_])'

# ---- the lints ----

# Arrows between folders run one way.
lint_arrows() {
    quoted='^[[:space:]]*#[[:space:]]*include[[:space:]]*"'
    search text "$quoted" tensor | grep -vE '"tensor/[a-z0-9_]+\.h"'
    for folder in weights sampler render; do search text "$quoted" $folder | grep -vE "\"(tensor|$folder)/[a-z0-9_]+\.h\""; done
    search text "$quoted" nn | grep -vE '"(tensor|weights|nn)/[a-z0-9_]+\.h"'
    search text "$quoted" ref | grep -vE '"(tensor|weights|nn|sampler|render|ref)/[a-z0-9_]+\.h"'
}

# Headers of C11 and of POSIX files; threads and vector instructions in their one place each.
lint_headers() {
    search text '^[[:space:]]*#[[:space:]]*include[[:space:]]*[^"[:space:]]' $product |
        grep -vE '<(dirent|errno|fcntl|float|inttypes|limits|math|signal|stdarg|stddef|stdint|stdio|stdlib|string|time|unistd|sys/mman|sys/stat|sys/types)\.h>' |
        grep -vE '^tensor/par\.h:.*<omp\.h>|^tensor/gemm_[a-z0-9]+\.h:.*<immintrin\.h>'
}

# The functions of math.h that round in their own way. What may be called: fma, sqrt, fabs, floor, ceil, trunc, round, rint,
# nearbyint, fmin, fmax, copysign, ldexp, scalbn, frexp, modf, nextafter, which are exact or correctly rounded.
rounded='exp|exp2|exp10|expm1|log|log2|log10|log1p|logb|pow|pow10|sin|cos|tan|sincos|sinpi|cospi|asin|acos|atan|atan2|sinh|cosh|tanh|asinh|acosh|atanh|erf|erfc|tgamma|lgamma|gamma|cbrt|hypot|fmod|remainder|remquo|fdim|j0|j1|jn|y0|y1|yn|cexp|clog|cpow|csqrt|cabs|carg'
lint_libm_calls() { search code "${edge}($rounded)[fl]?[[:space:]]*\\(" $product; }

# The same, as the compiler saw it (it may turn sin and cos into sincos, and a name without a call is a use too).
lint_libm_symbols() {
    for lib in $libs; do
        nm -u "$lib" >"$tmp/nm" 2>&1 || { echo "$lib: cannot be read: $(tail -n 1 "$tmp/nm")"; continue; }
        [ -s "$tmp/nm" ] || echo "$lib: has no undefined symbol, which cannot be"
        awk -v lib="$lib" -v pattern="^(__)?($rounded)[fl]?(_finite)?(@.*)?\$" '
            /^[^ ]+:$/ { object = $0 } $1 == "U" && $2 ~ pattern { print lib ": " object " " $2 }' "$tmp/nm"
    done
}

# No state that outlives a call, but for the bug handler, the failures that tests ask for and the interrupt.
lint_state() {
    for lib in $libs; do
        nm -f sysv "$lib" >"$tmp/nm" 2>&1 || { echo "$lib: cannot be read: $(tail -n 1 "$tmp/nm")"; continue; }
        grep -q '|\.text' "$tmp/nm" || echo "$lib: nm names no section .text"
        awk -F'|' -v lib="$lib" '/:$/ { object = $0 } NF >= 7 && $4 ~ /OBJECT|TLS/ {
            symbol = $1; section = $7; gsub(/ /, "", symbol); gsub(/[ \t]/, "", section)
            if (section !~ /^(\.(data|bss|tdata|tbss)(\.|$)|\*COM\*)/ || section ~ /^\.data\.rel\.ro/) next
            where = object; sub(/^.*[[]/, "", where); sub(/[]]?:$/, "", where)
            if (symbol == "handler" && where == "err.o" || symbol == "fail_countdown" && where ~ /^(mem|file)\.o$/) next
            if (symbol == "interrupted" && where ~ /^cmd_/) next
            print lib ": " where ": " symbol " in " section }' "$tmp/nm"
    done
}

# Bits do not depend on which thread comes first.
lint_order() { search text 'reduction[[:space:]]*\(|omp[[:space:]]+(atomic|critical|ordered)|stdatomic|__atomic_|__sync_|_Atomic' $product tests; }
lint_threads() { search text "${edge}omp_[a-z]|_Pragma|#[[:space:]]*pragma|pthread" $product | but 'tensor/par\.h'; }
lint_long_double() { search code "${edge}long[[:space:]]+double" $product; }

# POSIX keeps names in _t for itself.
lint_names() {
    search code "[A-Za-z0-9_]_t([^A-Za-z0-9_]|\$)" $product tests |
        sed -E "s/$edge((u?int(8|16|32|64|ptr|max)|size|ssize|ptrdiff|off|sig_atomic|wchar|time|mode|pid|mpfr)_t($|[^A-Za-z0-9_]))+/\1 /g; s/$edge((u?int(8|16|32|64|ptr|max)|size|ssize|ptrdiff|off|sig_atomic|wchar|time|mode|pid|mpfr)_t($|[^A-Za-z0-9_]))+/\1 /g" |
        grep -E '[A-Za-z0-9_]_t([^A-Za-z0-9_]|$)'
}

lint_memory() {
    search code "${edge}(malloc|calloc|realloc|reallocarray|strdup|strndup|aligned_alloc|posix_memalign|alloca|asprintf|open_memstream|getline|free)[[:space:]]*\\(" $product |
        but 'tensor/mem\.c'
}

# The library neither prints nor ends the program.
lint_output() {
    search code "${edge}(v?f?printf|puts|fputs|putc|fputc|putchar|perror|exit|_exit|_Exit|quick_exit|abort|assert)[[:space:]]*\\(|${edge}(stdout|stderr)(\$|[^A-Za-z0-9_])" $product |
        but 'ref/cmd_[a-z_]+\.c|ref/cli\.c|ref/main\.c|ref/options\.[ch]|ref/progress\.c|ref/vocabulary\.[ch]|tensor/err\.c'
}

lint_paths() { (cd "$tmp/tree" && find . -type f -exec grep -nE '(^|[^A-Za-z0-9_})])/(ho[m]e|ro[o]t|wo[r]k|Us[e]rs|mn[t]|sr[v])/[A-Za-z0-9_.]' /dev/null {} + | sed 's,^\./,,'); }

# #ifndef SDREF_..NAME_H, #define of the same, #endif at the end; no guard twice.
lint_guards() {
    (cd "$tmp/text" && for file in $(find $product tests -maxdepth 1 -name '*.h'); do
        awk -v tail="$(basename "$file" .h | tr a-z A-Z)_H" '
            /^[[:space:]]*$/ { next }
            { n++; last = $0 }
            n == 1 { guard = $2; if ($1 != "#ifndef" || guard !~ /^SDREF_/ || substr(guard, length(guard) - length(tail)) != "_" tail) bad = 1 }
            n == 2 && ($1 != "#define" || $2 != guard) { bad = 1 }
            END { if (bad || n < 3 || last !~ /^#endif/) print FILENAME ": no include guard SDREF_.._" tail ": found " guard; else print guard > "/dev/stderr" }
        ' "$file"
    done 2>"$tmp/guards")
    sort "$tmp/guards" | uniq -d | sed 's/^/guard used twice: /'
}

# Every [ABC22 Eq.3] in a comment is defined in ref/REFERENCES.md, in a table row that starts with | ABC22 |.
lint_citations() {
    [ -f "$tmp/tree/ref/REFERENCES.md" ] || echo "ref/REFERENCES.md: not there, so no citation is defined"
    (cd "$tmp/notes" && find $product -maxdepth 1 -name '*.[ch]' -exec awk -v references="$tmp/tree/ref/REFERENCES.md" '
        BEGIN { while ((getline line < references) > 0) if (match(line, /^[|] *[A-Z][A-Za-z]+[0-9][0-9][a-z]? *[|]/)) {
                    id = substr(line, RSTART, RLENGTH); gsub(/[| ]/, "", id); known[id] = 1 } }
        {
            line = $0
            while (match(line, /\[[A-Z][^][]*\]/)) {
                n = split(substr(line, RSTART + 1, RLENGTH - 2), part, /[,;] */); line = substr(line, RSTART + RLENGTH)
                for (i = 1; i <= n; i++) {
                    id = part[i]; sub(/ .*/, "", id)
                    cited = id ~ /^[A-Z][A-Za-z]+[0-9][0-9][a-z]?$/ && id !~ /^(B?F|U|I)(8|16|32|64)$/
                    if (part[i] ~ /^[A-Z][A-Za-z0-9]* (Eq|Eqs|Sec|App|Alg|Fig|Tab|Table|Thm|Prop|Lemma)[. ]/) cited = 1
                    if (cited && !(id in known)) print FILENAME ":" FNR ": " id " is not in ref/REFERENCES.md"
                }
            }
        }' {} +)
}

lints="arrows headers libm_calls libm_symbols state order threads long_double names memory output paths guards citations"

for lint in $lints; do
    lint_$lint >"$tmp/found" 2>"$tmp/trouble"
    cat "$tmp/trouble" >>"$tmp/found"
    if [ -s "$tmp/found" ]; then
        failed=$((failed + 1)); printf 'FAIL %s (%d)\n' "$lint" "$(wc -l <"$tmp/found")"; head -n 20 "$tmp/found" | sed 's/^/  /'
    else passed=$((passed + 1)); fi
done

# ---- each lint sees its violation ----

caught() {   # lint, where: the planted text must be reported with this name
    lint_"$1" 2>&1 | grep -qF "$2" && { passed=$((passed + 1)); return; }
    failed=$((failed + 1)); printf 'FAIL %s does not see %s\n' "$1" "$2"
}
missed() {   # lint, where: must not be reported
    lint_"$1" 2>&1 | grep -F "$2" || { passed=$((passed + 1)); return; }
    failed=$((failed + 1)); printf 'FAIL %s reports what is fine in %s\n' "$1" "$2"
}
plant() {   # caught or missed, lint, file, text
    printf '%b' "$4" >"$tmp/tree/$3"
    case $3 in *.[ch]) split_c "$3" ;; esac
    $1 "$2" "$3"
    rm -f "$tmp/tree/$3" "$tmp/text/$3" "$tmp/code/$3" "$tmp/notes/$3"
}
plant_object() {   # lint, file, text, words of the report: compiled, and in place of the libraries
    printf '%b' "$3" >"$tmp/$2"
    (cd "$tmp" && ${CC:-cc} -O1 -c "$2" -o "${2%.c}.o" && ar rcs "lib_${2%.c}.a" "${2%.c}.o")
    libs="$tmp/lib_${2%.c}.a"
    caught "$1" "$4"
}
plant caught arrows       tensor/planted_a.c   '#include "weights/json.h"\n'
plant caught arrows       sampler/planted_b.c  '  #  include "render/png.h"\n'
plant caught arrows       nn/planted_c.c       '#include "sampler/schedule.h"\n'
plant caught arrows       ref/planted_d.c      '#include "tests/harness.h"\n'
plant caught arrows       render/planted_e.c   '#include "png.h"\n'
plant caught headers      weights/planted_a.c  '#include <complex.h>\n'
plant caught headers      ref/planted_b.c      '#include <omp.h>\n'
plant caught libm_calls   tensor/planted_a.c   'double f(double x) { return exp(x); }\n'
plant caught libm_calls   render/planted_b.c   '/* a\n b */ float f(float x) { return -powf (x, 2); }\n'
plant missed libm_calls   tensor/planted_c.c   '/* exp(x) */ // sin(x)\nchar *s = "a\\"tanh(x)"; real y = r_exp(x) + d_sin(x);\n'
plant caught order        tensor/planted_a.c   '_Pragma("omp parallel for reduction(+:sum)")\n'
plant caught order        render/planted_b.c   '#pragma omp  atomic\n'
plant caught order        render/planted_c.c   '#pragma omp critical\n'
plant caught threads      ref/planted_a.c      '_Pragma("omp parallel")\n'
plant caught threads      ref/planted_b.c      'int n = omp_get_num_threads();\n'
plant caught long_double  sampler/planted_a.c  'long  double x;\n'
plant caught names        render/planted_a.c   'typedef struct { size_t n; } field_t;\n'
plant caught names        sampler/planted_b.c  'size_t uint8_t, x_t;\n'
plant missed names        sampler/planted_c.c  '/* x_t */ size_t n; uint8_t a, b; const int64_t *p; (size_t)(uint32_t)c; "abar_t";\n'
plant caught memory       weights/planted_a.c  'p = malloc(8);\n'
plant caught memory       nn/planted_b.c       'q = strdup (s);\n'
plant missed memory       nn/planted_c.c       'mem_free(p); /* malloc(8) */\n'
plant caught output       sampler/planted_a.c  'printf("x");\n'
plant caught output       tensor/planted_b.c   'if (x) exit(1);\n'
plant caught output       ref/planted_c.c      'fprintf(stderr, "x");\n'
plant missed output       ref/cmd_planted.c    'printf("x");\n'
plant missed output       weights/planted_d.c  'snprintf(s, n, "exit(1)");\n'
plant caught paths        tests/planted_a.sh   'cd /ho''me/someone/project\n'
plant caught paths        ref/planted_b.c      'char *s = "/wo''rk/main";\n'
plant caught guards       render/planted_a.h   '/* a */\nint f(void);\n'
plant caught guards       render/planted_b.h   '#ifndef SDREF_RENDER_OTHER_H\n#define SDREF_RENDER_OTHER_H\n#endif\n'
plant caught citations    ref/planted_a.c      '/* x = y  [NONE99 Eq.3] */\n'
plant caught citations    tensor/planted_b.c   '// [NoYear Alg.1]\n'
plant missed citations    tensor/planted_c.c   'int x = a[NONE99]; /* [F16] [BF16, F32] [N,C] */\n'
plant_object libm_symbols planted_libm.c 'double sin(double); double (*f)(double) = sin; int g(int x) { return x; }\n' 'planted_libm.o: sin'
plant_object state planted_state.c 'static int count; int g(void) { return ++count; }\n' 'count in .bss'

printf '%d passed, %d failed\n' $passed $failed
[ $failed -eq 0 ] && [ $passed -gt 0 ]
