"""Opens what `sdref export` wrote with an independent reader, and holds the three formats of one mesh to each other.

    build/sdref export RUN --format glb --out mesh.glb        and likewise ply, obj
    python3 tests/oracle/mesh.py mesh.glb mesh.ply mesh.obj [picture.png]

Each file: bounds, closed after merging vertices, one winding, volume > 0, unit normals that agree with the triangles. GLB against PLY: the same
triangles after turning y up back to z up; the texture, filtered bilinearly at the corners of each triangle and in its middle, against the
colours of the vertices. `picture`: the PLY and the GLB from the front and the left, orthographic, lit by their normals. Exit status
is 1 when something is off. Needs trimesh 4.0.5, numpy 1.26, scipy, Pillow; `make test` does not use it.
"""
import sys

import numpy as np
import trimesh
from PIL import Image

bad = []


def check(ok, what):
    print(("ok   " if ok else "OFF  ") + what)
    if not ok:
        bad.append(what)


def opened(path):
    mesh = trimesh.load(path, process=False, force="mesh")
    closed = mesh.copy()
    closed.visual = trimesh.visual.ColorVisuals()
    closed = trimesh.Trimesh(closed.vertices, closed.faces, process=False)
    closed.merge_vertices(merge_tex=True, merge_norm=True)
    print(f"{path}: {len(mesh.vertices)} vertices, {len(closed.vertices)} merged, {len(mesh.faces)} triangles, bounds {mesh.bounds.round(4).tolist()}")
    check(closed.is_watertight and closed.is_winding_consistent, f"{path}: closed, one winding; Euler characteristic {closed.euler_number}")
    check(closed.volume > 0, f"{path}: volume {closed.volume:.6f}, area {closed.area:.6f}")
    normals = mesh.vertex_normals
    check(np.abs(np.linalg.norm(normals, axis=1) - 1).max() < 1e-3, f"{path}: unit normals")
    agree = (normals[mesh.faces].mean(1) * np.cross(*(mesh.triangles[:, k] - mesh.triangles[:, 0] for k in (1, 2)))).sum(1) > 0
    check(agree.mean() > 0.97, f"{path}: {100 * agree.mean():.2f} % of the normals agree with the triangles")
    return mesh


def sampled(picture, uv):
    """-> colours (n,3) by bilinear filtering at glTF coordinates uv (n,2), the origin in the upper left corner"""
    h, w = picture.shape[:2]
    at = uv * (w, h) - 0.5
    low = np.floor(at).astype(int)
    part = at - low
    total = np.zeros((len(uv), 3))
    for dy in (0, 1):
        for dx in (0, 1):
            weight = np.abs(1 - dx - part[:, 0]) * np.abs(1 - dy - part[:, 1])
            total += weight[:, None] * picture[(low[:, 1] + dy).clip(0, h - 1), (low[:, 0] + dx).clip(0, w - 1)]
    return total


def view(mesh, colours, right, up, towards, size=360):
    """-> picture (size,size,3): triangles as dots at their middles, the nearest on top; colours (triangles,3) in 0..255"""
    middle = mesh.triangles_center
    face = np.cross(mesh.triangles[:, 1] - mesh.triangles[:, 0], mesh.triangles[:, 2] - mesh.triangles[:, 0])
    light = 0.35 + 0.65 * np.clip(face @ towards / np.linalg.norm(face, axis=1), 0, 1)
    order = np.argsort(middle @ towards)
    out = np.full((size, size, 3), 128.0)
    column = ((middle @ right + 1) / 2 * size).astype(int)
    row = ((1 - middle @ up) / 2 * size).astype(int)
    for dy in (0, 1):
        for dx in (0, 1):
            out[(row[order] + dy).clip(0, size - 1), (column[order] + dx).clip(0, size - 1)] = (light[:, None] * colours)[order]
    return out


def main(glb, ply, obj, picture=None):
    g, p, o = opened(glb), opened(ply), opened(obj)
    corners = g.vertices[g.faces][:, :, [2, 0, 1]]
    check(np.array_equal(corners, p.vertices[p.faces]), "GLB turned back has the PLY's triangles")
    check(np.abs(o.vertices - p.vertices).max() < 1e-7, "OBJ has the PLY's vertices to 1e-7")
    check(np.array_equal(o.faces, p.faces), "OBJ has the PLY's faces")
    plain = p.visual.vertex_colors[:, :3].astype(float)
    check(np.abs(o.visual.vertex_colors[:, :3] - plain).max() <= 1, "OBJ has the PLY's colours to a 255th")
    material = g.visual.material
    check(material.metallicFactor == 0 and material.roughnessFactor == 1 and not material.doubleSided, "GLB: metallic 0, roughness 1, one-sided")
    texture = np.asarray(material.baseColorTexture.convert("RGB")).astype(float)
    uv = np.stack([g.visual.uv[:, 0], 1 - g.visual.uv[:, 1]], 1)[g.faces]              # trimesh has its origin at the lower left
    gap = np.abs(np.stack([sampled(texture, uv[:, k]) for k in range(3)], 1) - plain[p.faces])
    check(gap.mean() < 1 and np.quantile(gap, 0.99) < 8, f"texture at the corners: off by {gap.mean():.3f} on average, 99 % below {np.quantile(gap, 0.99):.2f}, of 255")
    inner = sampled(texture, uv.mean(1))
    gap = np.abs(inner - plain[p.faces].mean(1))
    check(gap.mean() < 1 and np.quantile(gap, 0.99) < 8, f"texture in the middle: off by {gap.mean():.3f} on average, 99 % below {np.quantile(gap, 0.99):.2f}")
    if picture:
        x, y, z = np.eye(3)
        rows = [[view(p, plain[p.faces].mean(1), y, z, x), view(p, plain[p.faces].mean(1), -x, z, y)],     # our front faces +x, z up
                [view(g, inner, x, y, z), view(g, inner, -z, y, x)]]                                       # theirs faces +z, y up
        Image.fromarray(np.concatenate([np.concatenate(r, 1) for r in rows]).round().astype(np.uint8)).save(picture)
    print(f"{len(bad)} off")
    return 1 if bad else 0


sys.exit(main(*sys.argv[1:5]))
