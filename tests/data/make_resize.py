#!/usr/bin/env python3
"""Writes resize.npz beside this file: arrays resized and photos preprocessed by PyTorch, for tests/image/.

Needs PyTorch 1.11 or newer and NumPy; the committed file was made with PyTorch 1.13 on x86-64 with AVX2. Keys:
  in.N [3,h,w], MODE.N [3,H,W]     MODE: nearest, bilinear, bicubic, bilinear_aa, bicubic_aa
  photo.N [h,w,3] uint8; aspect.N, last.N [3,H,W]: the two kinds of preprocessing that test_preprocess.c names
"""
import os

import numpy as np
import torch

SIZES = [((5, 7), (11, 3)), ((13, 31), (7, 42)), ((33, 20), (9, 6)), ((1, 9), (4, 2)), ((9, 1), (3, 5)), ((2, 3), (1, 1)),
         ((30, 27), (5, 13)), ((16, 16), (16, 16)), ((14, 11), (6, 7))]
MODES = [("nearest", "nearest-exact", {}),
         ("bilinear", "bilinear", dict(align_corners=False)), ("bicubic", "bicubic", dict(align_corners=False)),
         ("bilinear_aa", "bilinear", dict(align_corners=False, antialias=True)),
         ("bicubic_aa", "bicubic", dict(align_corners=False, antialias=True))]
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
PHOTOS = [((37, 50), (28, 42)), ((19, 23), (28, 28))]  # what 28 x 28 with the aspect kept, multiples of 14, comes to


def resize(x, size, mode, kw):
    return torch.nn.functional.interpolate(x[None], size=size, mode=mode, **kw)[0]


def normalise(x, rescale=1 / 255):
    mean = (torch.tensor(MEAN) * (1.0 / rescale)).view(3, 1, 1)
    std = (torch.tensor(STD) * (1.0 / rescale)).view(3, 1, 1)
    return (x - mean) / std


def main():
    rng = np.random.default_rng(20)
    out = {}
    for i, (small, large) in enumerate(SIZES):
        x = torch.from_numpy(rng.integers(0, 256, (3,) + small).astype(np.float32) if i % 2 else
                             rng.standard_normal((3,) + small).astype(np.float32))
        out["in.%d" % i] = x.numpy()
        for name, mode, kw in MODES:
            out["%s.%d" % (name, i)] = resize(x, large, mode, kw).numpy()
    for i, (size, target) in enumerate(PHOTOS):
        photo = rng.integers(0, 256, size + (3,)).astype(np.uint8)
        x = torch.from_numpy(photo).permute(2, 0, 1).to(torch.float32).contiguous()
        eight = resize(x, target, "bicubic", dict(align_corners=False, antialias=True)).clamp(0, 255).round()
        out["photo.%d" % i] = photo
        out["aspect.%d" % i] = normalise(eight).numpy()
        out["last.%d" % i] = resize(normalise(x).contiguous(), (24, 40), "bilinear", dict(align_corners=False)).numpy()
    np.savez_compressed(os.path.join(os.path.dirname(os.path.abspath(__file__)), "resize.npz"), **out)


if __name__ == "__main__":
    main()
