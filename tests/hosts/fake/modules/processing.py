"""``modules.processing``: what a script is given, and what it gives back."""

import types

from PIL import Image


class Processed:
    def __init__(self, images, infotexts, first):
        self.images, self.infotexts, self.index_of_first_image = images, infotexts, first
        self.info, self.comments = infotexts[0], ""


def picture(number, mode="RGB", size=(96, 64)):
    image = Image.linear_gradient("L").resize(size).rotate(90 * number)
    return Image.merge("RGB", [image, image.rotate(180), image]).convert(mode)


def make(folder, **more):
    values = dict(
        outpath_samples=str(folder),
        all_prompts=["a cup", "a drum"],
        all_seeds=[11, 12],
        do_not_save_samples=False,
        override_settings={},
        extra_generation_params={},
        mask_for_overlay=None,
        init_images=[picture(0)],
        width=48,
        height=32,
        resize_mode=0,
        batch_size=1,
        image_mask=None,
    )
    return types.SimpleNamespace(**{**values, **more})


# A test puts in what "generating" gives.
result = None


def process_images(p):
    return result(p)
