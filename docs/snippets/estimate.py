"""Depth of a photo as numbers and as a 16-bit picture."""

import rilievo

depth = rilievo.estimate_depth("photo.jpg")
height, width = depth.values.shape  # float32, the network's own numbers; depth.kind says what they mean
near = depth.nearness()  # float32 from 0 to 1, near = 1
print(f"{width}x{height}, {depth.kind}; the middle is at {near[height // 2, width // 2]:.2f}")

rilievo.save_depth("depth.png", depth.to_u16())  # 16 bits, near = bright
rilievo.save_depth("depth.exr", depth)  # the numbers themselves
