"""``modules.scripts_postprocessing``: the base class of Extras scripts, and the picture they are given."""


class PostprocessedImage:
    def __init__(self, image):
        self.image, self.info, self.extra_images = image, {}, []
        self.nametags, self.disable_processing = [], False

    def create_copy(self, new_image, *, nametags=None, disable_processing=False):
        copy = PostprocessedImage(new_image)
        copy.nametags = [*self.nametags, *(nametags or [])]
        copy.disable_processing = disable_processing
        return copy


class ScriptPostprocessing:
    name = None
    order = 1000
