//! Options across the border: groups from mappings, the table, and what only
//! Python heeds.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::OnceLock;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString};

use super::surface::SaveMeshOptions;
use crate::depth::{AdjustOptions, Axis, ClipOptions};
use crate::effects::{DepthMaskOptions, DepthOfFieldOptions, FogOptions, ParallaxOptions};
use crate::estimate::EstimateOptions;
use crate::estimate::boost::BoostOptions;
use crate::options::{Called, Field, FilePath, Group, Value, options};
use crate::run::Precision;
use crate::stereo::{Mode, StereoOptions};
use crate::surface::{
    CameraOptions, HeatMapOptions, MeshFormat, NormalMapOptions, PointCloudOptions, SimpleMeshOptions,
};
use crate::{Error, Result};

options! {
    /// What the Python side heeds: which outputs there are, in which formats, by which network.
    pub struct HostOptions("host", "") {
        /// auto, cpu, cuda, cuda:N or metal; GPU and CPU mean auto and cpu
        compute_device: String = "auto".into();
        /// a name from `rilievo models`, or auto: the best one on this machine
        model_type: String = "auto".into();
        /// Read the model from this file instead of looking for it.
        weights: Option<FilePath> = None;
        /// Number format of the network; auto fits the device.
        precision: Precision = Precision::Auto;
        /// For a picture that tiles: its depth tiles too.
        tiling_mode: bool = false;
        /// Merge many small looks into one finer depth map: slow; chooses its own net sizes.
        boost: bool = false;
        /// network: pix2pix, a download; guided: built in, faster, softer; auto: the network if it is here
        boost_merge: String = "auto".into(), one_of(&["auto", "network", "guided"]);

        /// Write the 16-bit depth map.
        do_output_depth: bool = true;
        /// Invert the written depth map; nothing else sees it.
        output_depth_invert: bool = false;
        /// Write picture and depth as one 8-bit picture instead of the depth map alone.
        output_depth_combine: bool = false;
        /// Depth below the picture, or to its right.
        output_depth_combine_axis: Axis = Axis::Horizontal;
        /// With --combine: write the 16-bit depth map too.
        output_depth_both: bool = false;
        /// Also give the network's own numbers (float32, signed so that near is large).
        do_output_depth_prediction: bool = false;
        /// Also write the depth's own numbers to a file of floats: metres where they are metric.
        output_depth_values: bool = false;
        /// png: millimetres in 16 bits, relative depth stretched
        depth_values_format: String = "exr".into(), one_of(&["exr", "npy", "tiff", "png"]);
        /// picture: grey, near is bright; inverse: numbers, near is large; depth: near is small; metric: metres
        depth_map_kind: String = "picture".into(), one_of(&["picture", "inverse", "depth", "metric"]);
        /// Its numbers are multiplied by this; 0.001 makes metres of millimetres; not for picture.
        depth_map_scale: f64 = 1.0, above(0.0);
        /// Cut the depth range of fresh predictions.
        clipdepth: bool = false;

        /// Write stereo pictures.
        gen_stereo: bool = false;
        /// Layouts to write, separated by commas.
        stereo_modes: Vec<Mode> = vec![Mode::LeftRight, Mode::RedCyanAnaglyph];
        /// The picture's transparency moves with its colours; anaglyphs have none.
        stereo_alpha: bool = false;
        /// Write a normal map.
        gen_normalmap: bool = false;
        /// Write a normal map of the surface in space, true to its angles; uses the camera of the mesh.
        gen_camera_normalmap: bool = false;
        /// Write a coloured depth map.
        gen_heatmap: bool = false;

        /// Write a 3D mesh of the picture.
        gen_simple_mesh: bool = false;
        /// glb: textured and upright; obj: vertex colours as the reference; obj-textured: with a material and a picture; ply: binary
        mesh_format: MeshFormat = MeshFormat::Glb;
        /// Where x, y and z point in OBJ and PLY; auto: as the reference in obj, else gltf (right, up, back).
        mesh_axes: String = "auto".into(), one_of(&["auto", "gltf", "blender", "opencv", "pytorch3d"]);
        /// Write coloured points as binary PLY.
        gen_point_cloud: bool = false;

        /// Write the picture as a lens of large aperture sees it.
        gen_dof: bool = false;
        /// Write the picture with fog in it.
        gen_fog: bool = false;
        /// Write a mask of what lies in a range of depth.
        gen_depth_mask: bool = false;
        /// Write a loop of a camera that moves a little.
        gen_parallax: bool = false;
        /// Speed of the animation.
        parallax_fps: f64 = 24.0, least(1.0), most(50.0);
        /// webp is small and in full colour; gif has 256 colours; png loses nothing
        parallax_format: String = "webp".into(), one_of(&["webp", "gif", "png"]);
    }
    rules HostOptions::go_together;
}

impl HostOptions {
    fn go_together(&self, _: Called<'_>) -> Result<()> {
        if self.boost && self.tiling_mode {
            return Err(Error::invalid(
                "boost cannot make depth that tiles; switch boost or tiling_mode off",
            ));
        }
        let own_axes = self.mesh_format == MeshFormat::Glb && self.gen_simple_mesh;
        if own_axes && !["auto", "gltf"].contains(&self.mesh_axes.as_str()) {
            return Err(Error::invalid(format!(
                "mesh_axes is '{}', but glTF fixes its axes; use mesh_format obj or ply, or leave it auto",
                self.mesh_axes
            )));
        }
        Ok(())
    }
}

/// Every option of `rilievo.Options`.
#[derive(Default)]
struct Everything {
    host: HostOptions,
    estimate: EstimateOptions,
    boost: BoostOptions,
    clip: ClipOptions,
    stereo: StereoOptions,
    normal_map: NormalMapOptions,
    camera: CameraOptions,
    heat_map: HeatMapOptions,
    simple_mesh: SimpleMeshOptions,
    point_cloud: PointCloudOptions,
    depth_of_field: DepthOfFieldOptions,
    fog: FogOptions,
    depth_mask: DepthMaskOptions,
    parallax: ParallaxOptions,
}

impl Everything {
    fn groups(&mut self) -> [&mut dyn Group; 14] {
        [
            &mut self.host,
            &mut self.estimate,
            &mut self.boost,
            &mut self.clip,
            &mut self.stereo,
            &mut self.normal_map,
            &mut self.camera,
            &mut self.heat_map,
            &mut self.simple_mesh,
            &mut self.point_cloud,
            &mut self.depth_of_field,
            &mut self.fog,
            &mut self.depth_mask,
            &mut self.parallax,
        ]
    }

    /// Where an option stands: its groups' numbers (a camera is in several), and its name there.
    fn places(name: &str) -> &'static [(usize, &'static str)] {
        static PLACES: OnceLock<HashMap<&'static str, Vec<(usize, &'static str)>>> = OnceLock::new();
        let places = PLACES.get_or_init(|| {
            let mut places: HashMap<_, Vec<_>> = HashMap::new();
            for (number, group) in Self::default().groups().into_iter().enumerate() {
                for field in group.fields() {
                    if let Some(public) = field.public {
                        places.entry(public).or_default().push((number, field.name));
                    }
                }
            }
            places
        });
        places.get(name).map_or(&[], Vec::as_slice)
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<()> {
        let places = Self::places(name);
        if places.is_empty() {
            return Err(Error::invalid(format!("there is no option '{name}'")));
        }
        let groups = self.groups();
        for &(group, field) in places {
            if let Some(Err(problem)) = groups[group].set(field, value) {
                return Err(Error::invalid(format!("{name} {problem}")));
            }
        }
        Ok(())
    }

    fn check(&mut self) -> Result<()> {
        let (clips, masks) = (self.host.clipdepth, self.host.gen_depth_mask);
        for group in self.groups() {
            let fields = group.fields();
            let called = |name: &str| {
                let field = fields.iter().find(|field| field.name == name);
                field.and_then(|field| field.public).unwrap_or(name).to_owned()
            };
            group.check_ranges(&called)?;
            // Of an output that nobody asked for, ends the wrong way round do no harm.
            let heeded = match group.group() {
                "clip" => clips,
                "depth_mask" => masks,
                _ => true,
            };
            if heeded {
                group.rules(&called)?;
            }
        }
        Ok(())
    }
}

/// Every option as a row: of `rilievo.Options` those with an `option`, and those of single functions.
#[pyfunction]
pub(super) fn option_table(py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
    let rows = PyList::empty(py);
    let mut everything = Everything::default();
    let (adjust, save_mesh) = (AdjustOptions::default(), SaveMeshOptions::default());
    let others: [&dyn Group; 2] = [&adjust, &save_mesh];
    let groups = everything.groups().into_iter().map(|group| &*group);
    for group in groups.chain(others) {
        for field in group.fields() {
            rows.append(row(py, group.group(), &field)?)?;
        }
    }
    Ok(rows)
}

fn row<'py>(py: Python<'py>, group: &str, field: &Field) -> PyResult<Bound<'py, PyDict>> {
    let limit = &field.limit;
    let row = PyDict::new(py);
    row.set_item("option", field.public)?;
    row.set_item("group", group)?;
    row.set_item("name", field.name)?;
    row.set_item("type", field.kind.name())?;
    row.set_item("optional", field.optional)?;
    row.set_item("default", to_python(py, &field.value)?)?;
    row.set_item("choices", &field.choices)?;
    row.set_item("least", limit.least)?;
    row.set_item("most", limit.most)?;
    row.set_item("above", limit.above)?;
    row.set_item("below", limit.below)?;
    row.set_item("odd", limit.odd)?;
    row.set_item("zero", limit.zero)?;
    row.set_item("wanted", limit.wanted())?;
    row.set_item("help", field.help())?;
    Ok(row)
}

/// Options by name, each in its own type; those that are missing have their defaults.
#[pyfunction]
pub(super) fn check_options<'py>(
    py: Python<'py>,
    values: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyDict>> {
    let mut everything = Everything::default();
    for (name, value) in values {
        everything.set(&name.extract::<String>()?, &value_of(&value))?;
    }
    everything.check()?;
    let checked = PyDict::new(py);
    for group in everything.groups() {
        for field in group.fields() {
            if let Some(public) = field.public {
                checked.set_item(public, to_python(py, &field.value)?)?;
            }
        }
    }
    Ok(checked)
}

/// A group of options out of a mapping; what is missing has its default.
#[derive(Default)]
pub(super) struct Given<T>(pub T);

impl<T> Deref for Given<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Group + Default> FromPyObject<'_, '_> for Given<T> {
    type Error = PyErr;

    fn extract(mapping: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let mut options = T::default();
        let items = mapping.call_method0("items").map_err(|_| {
            PyTypeError::new_err(format!(
                "options of {} are given by name, in a dict",
                options.group()
            ))
        })?;
        for item in items.try_iter()? {
            let (name, value): (String, Bound<'_, PyAny>) = item?.extract()?;
            match options.set(&name, &value_of(&value)) {
                Some(Ok(())) => {}
                Some(Err(problem)) => return Err(PyValueError::new_err(format!("{name} {problem}"))),
                None => {
                    let known: Vec<_> = options.fields().iter().map(|field| field.name).collect();
                    return Err(PyTypeError::new_err(format!(
                        "there is no option '{name}' of {}; known are {}",
                        options.group(),
                        known.join(", ")
                    )));
                }
            }
        }
        Ok(Self(options))
    }
}

/// The options of a group by name: what [`Given`] takes.
pub(super) fn mapping<'py>(py: Python<'py>, group: &dyn Group) -> PyResult<Bound<'py, PyDict>> {
    let options = PyDict::new(py);
    for field in group.fields() {
        options.set_item(field.name, to_python(py, &field.value)?)?;
    }
    Ok(options)
}

/// What a Python object says.
fn value_of(object: &Bound<'_, PyAny>) -> Value {
    read(object).unwrap_or_else(|| {
        let text = object.repr().map(|text| text.to_string());
        Value::Other(text.unwrap_or_else(|_| "an object".into()))
    })
}

fn read(object: &Bound<'_, PyAny>) -> Option<Value> {
    if object.is_none() {
        return Some(Value::None);
    }
    if object.is_instance_of::<PyBool>() {
        return object.extract().ok().map(Value::Flag);
    }
    if object.is_instance_of::<PyInt>() {
        let whole = object.extract().ok().map(Value::Integer);
        return whole.or_else(|| object.extract().ok().map(Value::Number));
    }
    if object.is_instance_of::<PyFloat>() {
        return object.extract().ok().map(Value::Number);
    }
    if object.is_instance_of::<PyString>() {
        return object.extract().ok().map(Value::Text);
    }
    // Members of an enumeration, and paths.
    if let Ok(inner) = object
        .getattr("value")
        .or_else(|_| object.call_method0("__fspath__"))
    {
        return read(&inner);
    }
    // Numbers that are not Python's own, such as numpy's.
    if let Ok(flag) = object.extract() {
        return Some(Value::Flag(flag));
    }
    if object.hasattr("__index__").unwrap_or(false)
        && let Ok(number) = object.extract()
    {
        return Some(Value::Integer(number));
    }
    if let Ok(number) = object.extract() {
        return Some(Value::Number(number));
    }
    let parts = object.try_iter().ok()?;
    parts
        .map(|part| Some(value_of(&part.ok()?)))
        .collect::<Option<_>>()
        .map(Value::List)
}

fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::None => py.None().into_bound(py),
        Value::Flag(flag) => PyBool::new(py, *flag).to_owned().into_any(),
        Value::Integer(number) => number.into_pyobject(py)?.into_any(),
        Value::Number(number) => number.into_pyobject(py)?.into_any(),
        Value::Text(text) | Value::Other(text) => text.into_pyobject(py)?.into_any(),
        Value::List(parts) => {
            let parts: Vec<_> = parts
                .iter()
                .map(|part| to_python(py, part))
                .collect::<PyResult<_>>()?;
            PyList::new(py, parts)?.into_any()
        }
    })
}
