"""All pictures of a folder, by the best network there is; one that fails stops no other."""

import rilievo
from rilievo.errors import EXPECTED, explain
from rilievo.folders import pictures_in

print(rilievo.models.choice().line)
saver = rilievo.Saver("results", picture_format="jpg")
for path in pictures_in("photos"):
    stem = saver.start(path.stem)
    try:
        for output in rilievo.generate(path, gen_normalmap=True):
            saver.save(output, stem)
    except EXPECTED as error:
        print(f"{path.name}: {explain(error).sentence}")
