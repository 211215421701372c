"""``modules.scripts``: the base class of scripts."""

AlwaysVisible = object()


class Script:
    is_img2img = False

    def elem_id(self, item):
        return f"script_{self.title().lower().replace(' ', '_')}_{item}"
