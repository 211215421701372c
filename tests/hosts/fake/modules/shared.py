"""``modules.shared``: options, command line, state."""

import types


class OptionInfo:
    def __init__(self, default=None, label="", component=None, component_args=None, section=None):
        self.default, self.label, self.section = default, label, section
        self.component, self.component_args = component, component_args
        self.reload = False

    def needs_reload_ui(self):
        self.reload = True
        return self


class Options:
    def __init__(self, **data):
        self.__dict__["data"] = data
        self.__dict__["data_labels"] = {}

    def __getattr__(self, name):
        try:
            return self.data[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name, value):
        self.data[name] = value

    def add_option(self, key, info):
        self.data_labels[key] = info
        self.data.setdefault(key, info.default)


class State:
    def __init__(self):
        self.skipped = self.interrupted = self.stopping_generation = False
        self.jobs = []
        self.textinfo = None
        self.job_count = self.job_no = self.sampling_step = self.sampling_steps = 0

    def begin(self, job=""):
        self.jobs.append(job)

    def end(self):
        self.jobs.append("end")


def fresh_options():
    return Options(
        samples_format="png",
        samples_save=True,
        enable_pnginfo=True,
        save_to_dirs=False,
        directories_filename_pattern="[date]",
        samples_filename_pattern="",
        save_images_add_number=True,
        outdir_samples="",
        outdir_extras_samples="extras",
        return_mask=False,
        return_mask_composite=False,
    )


opts = fresh_options()
cmd_opts = types.SimpleNamespace(hide_ui_dir_config=False, api=True, nowebui=False, api_auth=None)
state = State()
