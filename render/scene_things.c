/* scene_things.c -- objects: things of the house. See scene_shapes.h for the solids and scene.h for the frame. */
#include "render/scene_shapes.h"

/* Lens and flash in front, a screen behind; the grip is on its right. */
Surf scene_camera(Vec p)
{
    Surf s = { R(10.0), MAIN };
    put(&s, box(p, V(-0.14, 0.0, -0.10), V(0.28, 0.80, 0.50), R(0.08)), MAIN);
    put(&s, box(p, V(-0.14, 0.0, 0.40), V(0.22, 0.30, 0.18), R(0.07)), MAIN);
    if (p.z > R(0.20) && p.z < R(0.28)) s.material = WHITE;
    put(&s, box(p, V(-0.10, -0.66, -0.12), V(0.32, 0.18, 0.44), R(0.08)), DARK);
    if (within(&s, p, V(0.30, 0.0, -0.12), R(0.56))) {
        put(&s, drum_x(p, V(0.22, 0.0, -0.12), R(0.42), R(0.16), R(0.03)), GREY);
        put(&s, drum_x(p, V(0.42, 0.0, -0.12), R(0.35), R(0.16), R(0.03)), BLACK);
        put(&s, ball(p, V(0.32, 0.0, -0.12), R(0.31)), GLASS);
        if (s.material == GLASS && spot(p.y, p.z + R(0.12), R(0.14), R(0.14))) s.material = BLUE;
    }
    put(&s, box(p, V(0.07, 0.0, 0.42), V(0.04, 0.20, 0.09), R(0.02)), WHITE);
    put(&s, drum_z(p, V(-0.12, -0.58, 0.43), R(0.12), R(0.06), R(0.02)), RED);
    put(&s, drum_z(p, V(-0.12, 0.56, 0.42), R(0.16), R(0.05), R(0.02)), GREY);
    if (within(&s, p, V(-0.42, 0.0, -0.10), R(0.80))) {
        put(&s, box(p, V(-0.42, 0.12, -0.14), V(0.03, 0.46, 0.34), R(0.02)), DARK);
        put(&s, box(p, V(-0.44, 0.12, -0.14), V(0.02, 0.40, 0.28), R(0.01)), GLASS);
        if (s.material == GLASS && p.x < R(-0.4) && p.z < R(-0.20)) s.material = GREEN;
        put(&s, drum_x(p, V(-0.43, -0.60, 0.10), R(0.10), R(0.03), R(0.01)), GREY);
        put(&s, drum_x(p, V(-0.43, -0.60, -0.24), R(0.07), R(0.03), R(0.01)), RED);
    }
    return s;
}

/* The back rest has slots; a white cushion; one arm rest, on the left. */
Surf scene_chair(Vec p)
{
    Surf s = { R(10.0), MAIN };
    const Vec q = fold_y(p);
    put(&s, box(p, V(0.0, 0.0, -0.14), V(0.50, 0.48, 0.08), R(0.04)), MAIN);
    const real rest = box(p, V(-0.46, 0.0, 0.40), V(0.08, 0.48, 0.52), R(0.06));
    put(&s, cut(rest, box(q, V(-0.46, 0.20, 0.38), V(0.3, 0.09, 0.28), R(0.05))), MAIN);
    put(&s, box(p, V(0.04, 0.0, -0.03), V(0.40, 0.40, 0.08), R(0.07)), WHITE);
    put(&s, capsule(fold_xy(p), V(0.42, 0.40, -0.20), V(0.44, 0.42, -0.86), R(0.075)), BROWN);
    if (within(&s, p, V(0.0, 0.48, 0.1), R(0.54))) {
        put(&s, capsule(p, V(0.36, 0.48, -0.1), V(0.36, 0.48, 0.24), R(0.06)), BROWN);
        put(&s, box(p, V(-0.02, 0.48, 0.26), V(0.46, 0.08, 0.05), R(0.04)), BROWN);
    }
    return s;
}

/* An alarm clock at four; a winding key on the back. */
Surf scene_clock(Vec p)
{
    Surf s = { R(10.0), MAIN };
    const Vec q = fold_y(p);
    put(&s, drum_x(p, V(0.0, 0.0, -0.12), R(0.66), R(0.26), R(0.08)), MAIN);
    if (within(&s, p, V(0.26, 0.0, -0.12), R(0.60))) {
        put(&s, drum_x(p, V(0.24, 0.0, -0.12), R(0.54), R(0.06), R(0.02)), WHITE);
        const real y = p.y, z = p.z + R(0.12), edge = len2(y, z);
        if (s.material == WHITE && edge > R(0.40) && edge < R(0.50) && r_min(r_abs(y), r_abs(z)) < R(0.035))
            s.material = BLACK;
        put(&s, capsule(p, V(0.31, 0.0, -0.12), V(0.31, 0.0, 0.24), R(0.035)), BLACK);
        put(&s, capsule(p, V(0.31, 0.0, -0.12), V(0.31, 0.24, -0.24), R(0.045)), BLACK);
        put(&s, ball(p, V(0.31, 0.0, -0.12), R(0.065)), RED);
    }
    if (within(&s, q, V(0.0, 0.30, 0.60), R(0.46))) {
        put(&s, r_max(ball(q, V(0.0, 0.42, 0.54), R(0.26)), R(0.70710678) * (R(0.96) - q.y - p.z)), YELLOW);
        put(&s, capsule(p, V(0.0, 0.0, 0.5), V(0.0, 0.0, 0.76), R(0.04)), GREY);
        put(&s, ball(p, V(0.0, 0.0, 0.78), R(0.09)), GREY);
    }
    put(&s, capsule(q, V(0.0, 0.36, -0.56), V(0.0, 0.50, -0.84), R(0.08)), DARK);
    if (within(&s, p, V(-0.30, 0.0, -0.12), R(0.44))) {
        put(&s, drum_x(p, V(-0.29, 0.0, -0.12), R(0.36), R(0.05), R(0.02)), GREY);
        put(&s, box(p, V(-0.37, 0.0, -0.12), V(0.04, 0.20, 0.07), R(0.03)), DARK);
    }
    return s;
}

/* Strings in front; a cutaway on its left, a white guard on its right. */
Surf scene_guitar(Vec p)
{
    Surf s = { R(10.0), MAIN };
    const real lower = drum_x(p, V(0.0, 0.0, -0.48), R(0.42), R(0.17), R(0.05));
    const real upper = drum_x(p, V(0.0, 0.0, 0.02), R(0.31), R(0.17), R(0.05));
    put(&s, cut(blend(lower, upper, R(0.12)), drum_x(p, V(0.0, 0.30, 0.24), R(0.17), R(0.5), R(0.0))), MAIN);
    if (p.x > R(0.1) && spot(p.y, p.z + R(0.20), R(0.15), R(0.15))) s.material = BLACK;
    else if (p.x > R(0.1) && spot(p.y + R(0.18), p.z + R(0.34), R(0.15), R(0.22))) s.material = WHITE;
    if (p.x < R(-0.1) && r_abs(p.y) < R(0.025)) s.material = BROWN;
    put(&s, box(p, V(0.19, 0.0, -0.62), V(0.03, 0.17, 0.045), R(0.01)), DARK);
    if (within(&s, p, V(0.14, 0.0, 0.44), R(0.60))) {
        put(&s, box(p, V(0.15, 0.0, 0.36), V(0.055, 0.07, 0.42), R(0.02)), BROWN);
        if (s.material == BROWN && p.x > R(0.18) && p.z * R(8.0) - r_floor(p.z * R(8.0)) < R(0.25)) s.material = WHITE;
        put(&s, box(p, V(0.13, 0.0, 0.80), V(0.05, 0.12, 0.13), R(0.03)), DARK);
        const Vec peg = { p.x, r_abs(p.y), r_abs(p.z - R(0.80)) };
        put(&s, capsule(peg, V(0.12, 0.10, 0.06), V(0.12, 0.18, 0.06), R(0.035)), WHITE);
    }
    put(&s, capsule(fold_y(p), V(0.225, 0.035, -0.62), V(0.225, 0.035, 0.72), R(0.012)), WHITE);
    return s;
}

/* Door and window in front, two windows on the left, a garage on the right, one wide window and bushes behind. */
Surf scene_house(Vec p)
{
    Surf s = { R(10.0), MAIN };
    const Vec q = fold_y(p), l = { r_abs(p.x), p.y, p.z };
    put(&s, drum_z(p, V(0.0, 0.0, -0.72), R(0.88), R(0.06), R(0.02)), GREEN);
    if (p.x > R(0.4) && r_abs(p.y - R(0.20)) < R(0.13)) s.material = CREAM;
    /* walls up to the gable; the roof is two planes y + z = const with the ridge along x */
    const real slope = (q.y + p.z) * R(0.70710678);
    const real wall = r_max(r_abs(p.x) - R(0.56), q.y - R(0.56));
    put(&s, r_max(r_max(wall, slope - R(0.52)), R(-0.70) - p.z), MAIN);
    put(&s, r_max(r_max(r_abs(slope - R(0.55)) - R(0.05), r_abs(p.x) - R(0.66)), R(0.06) - p.z), RED);
    put(&s, box(p, V(-0.22, -0.32, 0.62), V(0.11, 0.11, 0.26), R(0.01)), GREY);
    if (within(&s, p, V(0.58, 0.0, -0.16), R(0.64))) {
        put(&s, box(p, V(0.56, 0.20, -0.42), V(0.03, 0.14, 0.26), R(0.01)), BROWN);
        put(&s, ball(p, V(0.60, 0.28, -0.42), R(0.035)), YELLOW);
        put(&s, box(p, V(0.56, -0.25, -0.30), V(0.03, 0.18, 0.17), R(0.01)), WHITE);
        put(&s, box(p, V(0.57, -0.25, -0.30), V(0.03, 0.13, 0.12), R(0.01)), GLASS);
        put(&s, drum_x(p, V(0.56, 0.0, 0.24), R(0.15), R(0.04), R(0.01)), GLASS);
    }
    if (within(&s, p, V(0.0, 0.57, -0.26), R(0.52))) {
        put(&s, box(l, V(0.27, 0.56, -0.26), V(0.19, 0.03, 0.18), R(0.01)), WHITE);
        put(&s, box(l, V(0.27, 0.57, -0.26), V(0.14, 0.03, 0.13), R(0.01)), GLASS);
    }
    put(&s, box(p, V(0.0, -0.56, -0.38), V(0.38, 0.03, 0.30), R(0.01)), DARK);
    if (s.material == DARK && p.z * R(8.0) - r_floor(p.z * R(8.0)) < R(0.25)) s.material = GREY;
    put(&s, box(p, V(-0.56, 0.0, -0.18), V(0.03, 0.38, 0.17), R(0.01)), YELLOW);
    put(&s, ball(q, V(-0.63, 0.34, -0.56), R(0.16)), GREEN);
    return s;
}

/* On a post; the flag is on its right, a letter looks out of the front, a reflector behind. */
Surf scene_mailbox(Vec p)
{
    Surf s = { R(10.0), MAIN };
    const real tunnel = len2(p.y, pos(p.z - R(0.18))) - R(0.42);
    put(&s, r_max(r_max(tunnel, R(-0.16) - p.z), r_abs(p.x) - R(0.70)), MAIN);
    if (p.x > R(0.69) && tunnel < R(-0.05) && p.z > R(-0.11)) s.material = GREY;
    if (p.x < R(-0.69) && spot(p.y, p.z - R(0.20), R(0.14), R(0.14))) s.material = YELLOW;
    if (within(&s, p, V(0.74, 0.0, 0.16), R(0.40))) {
        put(&s, box(p, V(0.72, 0.0, 0.14), V(0.10, 0.27, 0.17), R(0.01)), WHITE);
        if (s.material == WHITE && p.x > R(0.8) && r_abs(p.z - R(0.31) + R(0.55) * r_abs(p.y)) < R(0.025))
            s.material = DARK;
        if (s.material == WHITE && p.x > R(0.8) && spot(p.y, p.z - R(0.13), R(0.06), R(0.06))) s.material = RED;
    }
    if (within(&s, p, V(0.14, -0.46, 0.44), R(0.46))) {
        put(&s, box(p, V(0.24, -0.46, 0.42), V(0.05, 0.03, 0.36), R(0.01)), RED);
        put(&s, box(p, V(0.08, -0.46, 0.66), V(0.20, 0.03, 0.13), R(0.01)), RED);
    }
    put(&s, box(p, V(0.0, 0.0, -0.50), V(0.13, 0.13, 0.40), R(0.02)), BROWN);
    put(&s, box(p, V(0.0, 0.0, -0.20), V(0.50, 0.20, 0.05), R(0.02)), BROWN);
    put(&s, egg(p, V(0.0, 0.0, -0.86), V(0.20, 0.26, 0.14)), GREEN);
    return s;
}

/* The handle is on its left, a white heart on the front. */
Surf scene_mug(Vec p)
{
    Surf s = { R(10.0), MAIN };
    const real y = p.y + R(0.18), rho = len2(p.x, y);
    const real cup = drum(rho, p.z, R(0.60), R(0.72), R(0.06));
    put(&s, cut(cup, drum(rho, p.z - R(0.3), R(0.51), R(0.9), R(0.05))), MAIN);
    put(&s, drum(rho, p.z - R(0.42), R(0.54), R(0.03), R(0.0)), BROWN);
    put(&s, cut(ring_x(p, V(0.0, 0.42, 0.0), R(0.36), R(0.10)), cup + R(0.03)), MAIN);
    if (p.x > R(0.2) && s.material == MAIN && p.y < R(0.3)) {
        const real side = r_abs(y), z = p.z - R(0.10);
        if (spot(side - R(0.13), z, R(0.165), R(0.165)) || (z < R(0.0) && side - R(0.8) * z < R(0.26))) s.material = WHITE;
    }
    return s;
}

/* White dots on the cap, a face on the stalk, some grass on its left. */
Surf scene_mushroom(Vec p)
{
    Surf s = { R(10.0), MAIN };
    const Vec q = fold_y(p);
    put(&s, r_max(egg(p, V(0.0, 0.0, 0.08), V(0.80, 0.80, 0.72)), R(0.06) - p.z), MAIN);
    if (p.z < R(0.08)) s.material = CREAM;
    if (spot(p.y, p.z - R(0.50), R(0.20), R(0.17)) && p.x > R(0.0)) s.material = WHITE;
    if (spot(q.y - R(0.48), p.z - R(0.26), R(0.14), R(0.13)) && p.x > R(0.0)) s.material = WHITE;
    if (spot(q.y - R(0.30), p.z - R(0.40), R(0.17), R(0.15)) && p.x < R(0.0)) s.material = WHITE;
    if (spot(p.x, p.z - R(0.36), R(0.18), R(0.17)) && p.y > R(0.0)) s.material = WHITE;
    if (spot(p.x - R(0.24), p.z - R(0.30), R(0.13), R(0.12)) && p.y < R(0.0)) s.material = WHITE;
    if (spot(p.x + R(0.24), p.z - R(0.50), R(0.15), R(0.13)) && p.y < R(0.0)) s.material = WHITE;
    put(&s, taper(p, V(0.0, 0.0, -0.44), V(0.0, 0.0, 0.1), R(0.42), R(0.34)), CREAM);
    if (s.material == CREAM && p.x > R(0.1) && p.z < R(0.02)) {
        if (spot(q.y - R(0.16), p.z + R(0.22), R(0.075), R(0.115))) s.material = BLACK;
        if (spot(q.y - R(0.27), p.z + R(0.40), R(0.07), R(0.055))) s.material = PINK;
        if (spot(p.y, p.z + R(0.40), R(0.09), R(0.08)) && p.z < R(-0.38)) s.material = RED;
    }
    put(&s, taper(p, V(0.15, 0.42, -0.80), V(0.20, 0.60, -0.48), R(0.08), R(0.02)), GREEN);
    put(&s, taper(p, V(0.05, 0.40, -0.80), V(-0.05, 0.48, -0.40), R(0.08), R(0.02)), GREEN);
    return s;
}

/* The spout is on its left, the handle on its right, a flower on the front. */
Surf scene_teapot(Vec p)
{
    Surf s = { R(10.0), MAIN };
    const real body = egg(p, V(0.0, -0.06, -0.16), V(0.54, 0.54, 0.48));
    put(&s, body, MAIN);
    if (p.x > R(0.2)) {
        const real y = r_abs(p.y + R(0.06)), z = r_abs(p.z + R(0.14));
        if (spot(y, z - R(0.14), R(0.095), R(0.10)) || spot(y - R(0.14), z, R(0.10), R(0.095))) s.material = WHITE;
        if (spot(y, z, R(0.08), R(0.08))) s.material = YELLOW;
    }
    if (within(&s, p, V(0.0, -0.06, 0.40), R(0.42))) {
        put(&s, egg(p, V(0.0, -0.06, 0.27), V(0.32, 0.32, 0.17)), MAIN);
        put(&s, ring_z(p, V(0.0, -0.06, 0.27), R(0.32), R(0.04)), WHITE);
        put(&s, ball(p, V(0.0, -0.06, 0.50), R(0.11)), WHITE);
    }
    if (within(&s, p, V(0.0, 0.60, 0.0), R(0.56))) {
        const real low = taper(p, V(0.0, 0.34, -0.26), V(0.0, 0.66, -0.02), R(0.18), R(0.11));
        const real high = taper(p, V(0.0, 0.66, -0.02), V(0.0, 0.84, 0.28), R(0.11), R(0.08));
        put(&s, blend(low, high, R(0.06)), MAIN);
        put(&s, ball(p, V(0.0, 0.865, 0.32), R(0.06)), BLACK);
    }
    put(&s, cut(ring_x(p, V(0.0, -0.58, -0.06), R(0.27), R(0.075)), body + R(0.03)), MAIN);
    put(&s, drum_z(p, V(0.0, -0.06, -0.62), R(0.34), R(0.06), R(0.02)), WHITE);
    return s;
}

/* The knobs are on the right of the screen as one looks at it, that is on its left. */
Surf scene_television(Vec p)
{
    Surf s = { R(10.0), MAIN };
    const Vec q = fold_y(p);
    put(&s, box(p, V(0.04, 0.0, -0.12), V(0.36, 0.80, 0.54), R(0.08)), MAIN);
    if (within(&s, p, V(0.40, 0.0, -0.12), R(0.86))) {
        put(&s, box(p, V(0.38, -0.18, -0.12), V(0.04, 0.54, 0.43), R(0.03)), DARK);
        put(&s, box(p, V(0.40, -0.18, -0.12), V(0.04, 0.47, 0.36), R(0.03)), GLASS);
        if (s.material == GLASS && p.x > R(0.3)) {
            /* on the screen: sun and two hills */
            if (spot(p.y + R(0.40), p.z - R(0.08), R(0.11), R(0.11))) s.material = YELLOW;
            if (spot(p.y - R(0.10), p.z + R(0.52), R(0.34), R(0.34))) s.material = GREEN;
            if (spot(p.y + R(0.46), p.z + R(0.56), R(0.36), R(0.28))) s.material = GREEN;
        }
        put(&s, drum_x(p, V(0.40, 0.58, 0.16), R(0.11), R(0.06), R(0.02)), WHITE);
        put(&s, drum_x(p, V(0.40, 0.58, -0.12), R(0.11), R(0.06), R(0.02)), WHITE);
        put(&s, box(p, V(0.39, 0.58, -0.42), V(0.03, 0.13, 0.12), R(0.02)), DARK);
    }
    put(&s, box(p, V(-0.42, 0.0, -0.14), V(0.18, 0.50, 0.34), R(0.08)), DARK);
    if (s.material == DARK && p.x < R(-0.55) && q.y < R(0.36) && p.z * R(7.0) - r_floor(p.z * R(7.0)) < R(0.4))
        s.material = GREY;
    if (within(&s, p, V(0.0, 0.0, 0.62), R(0.60))) {
        put(&s, capsule(q, V(0.0, 0.04, 0.42), V(0.0, 0.44, 0.86), R(0.035)), GREY);
        put(&s, ball(q, V(0.0, 0.45, 0.87), R(0.06)), RED);
        put(&s, r_max(ball(p, V(0.0, 0.0, 0.40), R(0.17)), R(0.4) - p.z), DARK);
    }
    put(&s, capsule((Vec){ r_abs(p.x - R(0.04)), q.y, p.z }, V(0.20, 0.50, -0.6), V(0.26, 0.60, -0.86), R(0.06)), BROWN);
    return s;
}
