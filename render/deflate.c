/* deflate.c -- RFC 1951 compression in an RFC 1950 envelope
 *
 * Method: 1. Matches (3 to 258 bytes, up to 32768 back) through hash chains of three-byte prefixes, at most CHAIN
 * steps, with one byte of patience: a match is taken only when the next position has none longer.
 * 2. Every BLOCK tokens, the cheapest of three encodings by exact count of bits: stored, fixed codes, dynamic codes.
 * 3. Huffman codes: the two rarest trees are joined, ties by the order of making; when a code is longer than allowed,
 * all counts are halved (rounded up) and it is made again.
 * Everything is an integer, so the output depends on the input alone.
 */
#include "render/deflate.h"

#include "tensor/mem.h"

#include <string.h>

enum {
    WINDOW = 32768, HASH = 32768, CHAIN = 128, LONGEST = 258, SHORTEST = 3,
    TOO_FAR = 4096,                                       /* a three-byte match this far back costs more than literals */
    BLOCK = 16384,                                        /* tokens */
    LITERALS = 286, DISTANCES = 30, LENGTHS = 19, END = 256
};

typedef struct { uint16_t code[288]; unsigned char bits[288]; } Code;      /* code: reversed, ready to write */
typedef struct { int symbol, nextra, extra; } Symbol;

typedef struct {
    Bytes   *out;
    Err     *err;
    uint32_t pending;                                     /* bits not yet written, the first one lowest */
    int      npending;
    size_t   head[HASH], before[WINDOW];                  /* newest position of a hash, the one before it; plus 1, 0: none */
    int      ntokens;
    uint32_t token[BLOCK];                                /* distance << 9 | length, or a literal byte */
    uint32_t nliteral[LITERALS], ndistance[DISTANCES];    /* how often, in this block */
} Packer;

/* ---- bits and symbols ---- */

static void put_bits(Packer *k, uint32_t value, int n)    /* n <= 16 */
{
    k->pending |= value << k->npending;
    k->npending += n;
    for (; k->npending >= 8; k->npending -= 8) {
        bytes_byte(k->out, (int)(k->pending & 255), k->err);
        k->pending >>= 8;
    }
}

static void put_align(Packer *k) { if (k->npending > 0) put_bits(k, 0, 8 - k->npending); }

static int log2_floor(int v)
{
    int e = 0;
    while (v >> (e + 1) != 0) e++;
    return e;
}

/* RFC 1951, 3.2.5: four codes for each doubling of the length, two for each doubling of the distance. */
static Symbol length_symbol(int length)
{
    int v = length - SHORTEST;
    if (length == LONGEST) return (Symbol){ 285, 0, 0 };
    if (v < 8) return (Symbol){ 257 + v, 0, 0 };
    int n = log2_floor(v) - 2;
    return (Symbol){ 257 + 4 * n + (v >> n), n, v & ((1 << n) - 1) };
}

static Symbol distance_symbol(int distance)
{
    int v = distance - 1;
    if (v < 4) return (Symbol){ v, 0, 0 };
    int n = log2_floor(v) - 1;
    return (Symbol){ 2 * n + (v >> n), n, v & ((1 << n) - 1) };
}

/* ---- Huffman codes ---- */

/* Code lengths for the counts, not limited; returns the longest. A lone symbol gets one bit. */
static int huffman_lengths(unsigned char *bits, const uint32_t *count, int n)
{
    uint64_t weight[2 * LITERALS];                        /* leaves in order of count, then joined trees as made */
    int leaf[LITERALS], parent[2 * LITERALS], depth[2 * LITERALS], leaves = 0, longest = 1;
    memset(bits, 0, (size_t)n);
    for (int s = 0; s < n; s++) {
        if (count[s] == 0) continue;
        int i = leaves++;
        for (; i > 0 && count[leaf[i - 1]] > count[s]; i--) leaf[i] = leaf[i - 1];
        leaf[i] = s;
    }
    if (leaves == 0) return 0;
    if (leaves == 1) { bits[leaf[0]] = 1; return 1; }
    for (int i = 0; i < leaves; i++) weight[i] = count[leaf[i]];

    int next_leaf = 0, next_tree = leaves, root = 2 * leaves - 2;
    for (int t = leaves; t <= root; t++) {
        weight[t] = 0;
        for (int child = 0; child < 2; child++) {
            int take_leaf = next_leaf < leaves && (next_tree >= t || weight[next_leaf] <= weight[next_tree]);
            int taken = take_leaf ? next_leaf++ : next_tree++;
            weight[t] += weight[taken];
            parent[taken] = t;
        }
    }
    depth[root] = 0;
    for (int t = root - 1; t >= 0; t--) {
        depth[t] = depth[parent[t]] + 1;
        if (t < leaves) bits[leaf[t]] = (unsigned char)depth[t];
        if (depth[t] > longest) longest = depth[t];
    }
    return longest;
}

/* Canonical code of the given lengths: shorter first, then by symbol (RFC 1951, 3.2.2). */
static void assign_codes(Code *c, int n)
{
    int next = 0;
    for (int length = 1; length <= 15; length++) {
        for (int s = 0; s < n; s++) {
            if (c->bits[s] != length) continue;
            uint16_t reversed = 0;
            for (int b = 0; b < length; b++) reversed = (uint16_t)(reversed << 1 | (next >> b & 1));
            c->code[s] = reversed;
            next++;
        }
        next <<= 1;
    }
}

static void make_code(Code *c, const uint32_t *count, int n, int limit)
{
    uint32_t scaled[LITERALS];
    memcpy(scaled, count, (size_t)n * sizeof *scaled);
    while (huffman_lengths(c->bits, scaled, n) > limit)
        for (int s = 0; s < n; s++) scaled[s] = (scaled[s] + 1) / 2;
    assign_codes(c, n);
}

static void fixed_codes(Code *literal, Code *distance)
{
    for (int s = 0; s < 288; s++) literal->bits[s] = s < 144 ? 8 : s < 256 ? 9 : s < 280 ? 7 : 8;
    for (int s = 0; s < 30; s++) distance->bits[s] = 5;
    assign_codes(literal, 288);
    assign_codes(distance, 30);
}

/* ---- one block ---- */

/* The lengths of both codes, run by run: symbol 0..15 a length, 16 the last one again 3..6 times, 17 and 18 zeros.
 * Returns the number of symbols. */
static int run_lengths(Symbol *run, const unsigned char *bits, int n)
{
    int count = 0;
    for (int i = 0; i < n; ) {
        int same = 1, zero = bits[i] == 0;
        while (i + same < n && bits[i + same] == bits[i]) same++;
        if (zero && same >= 3) {
            if (same > 138) same = 138;
            run[count++] = same <= 10 ? (Symbol){ 17, 3, same - 3 } : (Symbol){ 18, 7, same - 11 };
        } else if (!zero && i > 0 && bits[i - 1] == bits[i] && same >= 3) {
            if (same > 6) same = 6;
            run[count++] = (Symbol){ 16, 2, same - 3 };
        } else {
            same = 1;
            run[count++] = (Symbol){ bits[i], 0, 0 };
        }
        i += same;
    }
    return count;
}

typedef struct {
    Code   literal, distance, length;
    Symbol run[LITERALS + DISTANCES];
    int    nliteral, ndistance, nlength, nrun;
} Dynamic;

static const unsigned char length_order[LENGTHS] = { 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15 };

/* Makes the dynamic codes; returns the bits of their description. */
static uint64_t dynamic_codes(Dynamic *d, const Packer *k)
{
    unsigned char bits[LITERALS + DISTANCES];
    uint32_t count[LENGTHS] = {0};
    uint64_t cost = 5 + 5 + 4;
    make_code(&d->literal, k->nliteral, LITERALS, 15);
    make_code(&d->distance, k->ndistance, DISTANCES, 15);
    for (d->nliteral = LITERALS; d->nliteral > 257 && d->literal.bits[d->nliteral - 1] == 0; ) d->nliteral--;
    for (d->ndistance = DISTANCES; d->ndistance > 1 && d->distance.bits[d->ndistance - 1] == 0; ) d->ndistance--;
    memcpy(bits, d->literal.bits, (size_t)d->nliteral);
    memcpy(bits + d->nliteral, d->distance.bits, (size_t)d->ndistance);
    d->nrun = run_lengths(d->run, bits, d->nliteral + d->ndistance);
    for (int i = 0; i < d->nrun; i++) count[d->run[i].symbol]++;
    make_code(&d->length, count, LENGTHS, 7);
    for (d->nlength = LENGTHS; d->nlength > 4 && d->length.bits[length_order[d->nlength - 1]] == 0; ) d->nlength--;
    cost += 3 * (uint64_t)d->nlength;
    for (int i = 0; i < d->nrun; i++) cost += (uint64_t)(d->length.bits[d->run[i].symbol] + d->run[i].nextra);
    return cost;
}

static uint64_t token_bits(const Packer *k, const Code *literal, const Code *distance)
{
    uint64_t cost = literal->bits[END];
    for (int i = 0; i < k->ntokens; i++) {
        int value = (int)(k->token[i] & 511), far = (int)(k->token[i] >> 9);
        if (far == 0) { cost += literal->bits[value]; continue; }
        Symbol l = length_symbol(value), d = distance_symbol(far);
        cost += (uint64_t)(literal->bits[l.symbol] + l.nextra + distance->bits[d.symbol] + d.nextra);
    }
    return cost;
}

static void put_symbol(Packer *k, const Code *c, Symbol s)
{
    put_bits(k, c->code[s.symbol], c->bits[s.symbol]);
    put_bits(k, (uint32_t)s.extra, s.nextra);
}

static void put_tokens(Packer *k, const Code *literal, const Code *distance)
{
    for (int i = 0; i < k->ntokens; i++) {
        int value = (int)(k->token[i] & 511), far = (int)(k->token[i] >> 9);
        put_symbol(k, literal, far == 0 ? (Symbol){ value, 0, 0 } : length_symbol(value));
        if (far != 0) put_symbol(k, distance, distance_symbol(far));
    }
    put_symbol(k, literal, (Symbol){ END, 0, 0 });
}

static void put_description(Packer *k, const Dynamic *d)
{
    put_bits(k, (uint32_t)d->nliteral - 257, 5);
    put_bits(k, (uint32_t)d->ndistance - 1, 5);
    put_bits(k, (uint32_t)d->nlength - 4, 4);
    for (int i = 0; i < d->nlength; i++) put_bits(k, d->length.bits[length_order[i]], 3);
    for (int i = 0; i < d->nrun; i++) put_symbol(k, &d->length, d->run[i]);
}

/* n <= 65535: a token of fixed codes has at most 31 bits, so BLOCK of them beat any longer stored block. */
static void put_stored(Packer *k, const unsigned char *data, size_t n, int final)
{
    put_bits(k, (uint32_t)final, 3);
    put_align(k);
    bytes_le16(k->out, (int)n, k->err);
    bytes_le16(k->out, (int)~n, k->err);
    bytes_put(k->out, data, n, k->err);
}

/* Writes the tokens collected, which stand for data[0..n), and starts anew. */
static void put_block(Packer *k, const unsigned char *data, size_t n, int final)
{
    Code literal, distance;
    Dynamic d;
    k->nliteral[END] = 1;
    fixed_codes(&literal, &distance);
    uint64_t fixed = token_bits(k, &literal, &distance);
    uint64_t dynamic = dynamic_codes(&d, k);
    dynamic += token_bits(k, &d.literal, &d.distance);
    uint64_t stored = 8 * (uint64_t)n + 40;               /* with the longest alignment */
    if (stored <= fixed && stored <= dynamic) put_stored(k, data, n, final);
    else {
        int type = dynamic < fixed ? 2 : 1;
        put_bits(k, (uint32_t)(type << 1 | final), 3);
        if (type == 2) {
            put_description(k, &d);
            put_tokens(k, &d.literal, &d.distance);
        } else put_tokens(k, &literal, &distance);
    }
    k->ntokens = 0;
    memset(k->nliteral, 0, sizeof k->nliteral);
    memset(k->ndistance, 0, sizeof k->ndistance);
}

/* ---- matches ---- */

static unsigned hash3(const unsigned char *p)
{
    uint32_t v = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
    return (unsigned)(v * 2654435761u >> 17);             /* 15 bits */
}

static void remember(Packer *k, const unsigned char *data, size_t n, size_t at)
{
    if (n - at < SHORTEST) return;
    unsigned h = hash3(data + at);
    k->before[at % WINDOW] = k->head[h];
    k->head[h] = at + 1;
}

/* Longest match for data[at..) among earlier positions, the nearest of equals; 0: none. */
static int find_match(int *distance, const Packer *k, const unsigned char *data, size_t n, size_t at)
{
    int most = n - at < LONGEST ? (int)(n - at) : LONGEST, best = SHORTEST - 1;
    if (most < SHORTEST) return 0;
    size_t from = k->head[hash3(data + at)];
    for (int step = 0; step < CHAIN && from != 0 && at - (from - 1) <= WINDOW; step++) {
        const unsigned char *a = data + from - 1, *b = data + at;
        int far = (int)(at - (from - 1)), length = 0;
        if (a[best] == b[best]) while (length < most && a[length] == b[length]) length++;
        if (length > best && !(length == SHORTEST && far > TOO_FAR)) {
            best = length;
            *distance = far;
            if (best == most) break;
        }
        from = k->before[(from - 1) % WINDOW];            /* still its own: `at` and later are not yet remembered */
    }
    return best >= SHORTEST ? best : 0;
}

static void add_token(Packer *k, int value, int distance)
{
    k->token[k->ntokens++] = (uint32_t)distance << 9 | (uint32_t)value;
    if (distance == 0) k->nliteral[value]++;
    else {
        Symbol l = length_symbol(value), d = distance_symbol(distance);
        k->nliteral[l.symbol]++;
        k->ndistance[d.symbol]++;
    }
}

static void deflate(Packer *k, const unsigned char *data, size_t n)
{
    size_t at = 0, start = 0;                             /* start: of this block */
    int far = 0, next_far = 0;
    int length = find_match(&far, k, data, n, 0);
    while (at < n && !k->err->set) {
        remember(k, data, n, at);
        int next = at + 1 < n ? find_match(&next_far, k, data, n, at + 1) : 0;
        if (length == 0 || next > length) {
            add_token(k, data[at], 0);
            at++;
            length = next;
            far = next_far;
        } else {
            add_token(k, length, far);
            for (int i = 1; i < length; i++) remember(k, data, n, at + (size_t)i);
            at += (size_t)length;
            length = at < n ? find_match(&far, k, data, n, at) : 0;
        }
        if (k->ntokens == BLOCK && at < n) {
            put_block(k, data + start, at - start, 0);
            start = at;
        }
    }
    put_block(k, data + start, n - start, 1);
    put_align(k);
}

int zlib_pack(Bytes *out, const unsigned char *data, size_t n, Err *err)
{
    if (err->set) return -1;
    Packer *k = mem_new(1, sizeof *k, "compression", err);
    if (k == NULL) return -1;
    k->out = out;
    k->err = err;
    bytes_byte(out, 0x78, err);                           /* deflate, window 32768 */
    bytes_byte(out, 0x9c, err);                           /* default level; makes the two bytes a multiple of 31 */
    deflate(k, data, n);
    bytes_be32(out, adler32_of(1, data, n), err);
    mem_free(k);
    return err->set ? -1 : 0;
}

/* ---- checksums ---- */

uint32_t adler32_of(uint32_t adler, const unsigned char *data, size_t n)
{
    uint32_t a = adler & 65535, b = adler >> 16;
    for (size_t i = 0; i < n; i++) {
        a = (a + data[i]) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

uint32_t crc32_of(uint32_t crc, const unsigned char *data, size_t n)
{
    uint32_t table[256];                                  /* remainders of one byte; polynomial 0x04c11db7, reversed */
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t r = i;
        for (int bit = 0; bit < 8; bit++) r = r & 1 ? r >> 1 ^ 0xedb88320u : r >> 1;
        table[i] = r;
    }
    crc = ~crc;
    for (size_t i = 0; i < n; i++) crc = table[(crc ^ data[i]) & 255] ^ crc >> 8;
    return ~crc;
}
