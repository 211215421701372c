"""Several outputs of one photo, as they come."""

import rilievo

options = rilievo.Options(gen_normalmap=True, gen_heatmap=True, gen_dof=True, dof_focus=0.9)
saver = rilievo.Saver("results")
stem = saver.start("photo")
for output in rilievo.generate("photo.jpg", options):
    print(output.kind, saver.save(output, stem))
