//! A pickle machine that builds tensors and plain containers, and nothing else.
//!
//! A pickle is a program for a stack machine that may name any Python callable.
//! Here a name is only ever compared with a short list: anything else is
//! refused with its name. Containers live in arenas and are referred to by
//! index, so that a pickle that contains itself, or nests a million deep,
//! neither leaks nor overflows the stack.

use std::rc::Rc;

use candle_core::DType;

/// What a pickle can hold here.
#[derive(Clone, Debug)]
pub(super) enum Value {
    None,
    Bool(bool),
    Int(i64),
    Float,
    Text(Rc<str>),
    Bytes,
    Tuple(usize),
    List(usize),
    Dict(usize),
    Callable(Callable),
    Storage(Rc<Storage>),
    Tensor(Rc<TensorRef>),
}

/// The few Python callables that may be named.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Callable {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    Size,
    Storage(Kind),
}

/// The element type of a storage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    F32,
    F16,
    Bf16,
    F64,
    /// Integers and booleans of this many bytes, which no network here reads.
    Whole(usize),
}

impl Kind {
    pub fn size(self) -> usize {
        match self {
            Self::F64 => 8,
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::Whole(size) => size,
        }
    }

    pub fn dtype(self) -> Option<DType> {
        match self {
            Self::F32 => Some(DType::F32),
            Self::F16 => Some(DType::F16),
            Self::Bf16 => Some(DType::BF16),
            Self::F64 => Some(DType::F64),
            Self::Whole(_) => None,
        }
    }
}

/// A run of elements somewhere in the file.
#[derive(Debug)]
pub(super) struct Storage {
    pub kind: Kind,
    pub key: String,
}

/// A tensor over a storage, not yet checked against the file.
#[derive(Debug)]
pub(super) struct TensorRef {
    pub storage: Rc<Storage>,
    pub offset: usize,
    pub shape: Vec<usize>,
    pub strides: Vec<usize>,
}

/// Everything a pickle built.
#[derive(Default)]
pub(super) struct Pickle {
    pub dicts: Vec<Vec<(Value, Value)>>,
    pub storages: Vec<Rc<Storage>>,
    lists: Vec<Vec<Value>>,
    tuples: Vec<Rc<[Value]>>,
    /// What it stands for.
    value: Option<Value>,
    /// Its length in bytes; others may follow it.
    pub length: usize,
}

impl Pickle {
    /// The items of the list it is.
    pub fn list(&self) -> Result<&[Value], String> {
        match self.value {
            Some(Value::List(index)) => Ok(self.lists.get(index).ok_or(DAMAGED)?),
            _ => Err(DAMAGED.into()),
        }
    }

    /// The items of the dictionary it is.
    pub fn dict(&self) -> Result<&[(Value, Value)], String> {
        match self.value {
            Some(Value::Dict(index)) => Ok(self.dicts.get(index).ok_or(DAMAGED)?),
            _ => Err(DAMAGED.into()),
        }
    }

    /// The whole number it is.
    pub fn int(&self) -> Option<i64> {
        match self.value {
            Some(Value::Int(value)) => Some(value),
            _ => None,
        }
    }

    /// The items of a tuple.
    fn tuple(&self, value: &Value) -> Result<Rc<[Value]>, String> {
        match value {
            Value::Tuple(index) => Ok(self.tuples.get(*index).ok_or(DAMAGED)?.clone()),
            _ => Err(DAMAGED.into()),
        }
    }
}

/// Runs a pickle; errors are reasons.
pub(super) fn read(bytes: &[u8]) -> Result<Pickle, String> {
    let mut machine = Machine {
        bytes,
        at: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: Vec::new(),
        made: Pickle::default(),
    };
    machine.run()?;
    machine.made.value = machine.stack.pop();
    machine.made.length = machine.at;
    Ok(machine.made)
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: Vec<Option<Value>>,
    made: Pickle,
}

pub(super) const DAMAGED: &str = "its index is damaged; download it again";

/// Instructions a pickle may have, so that it cannot make more of its bytes than a few hundred megabytes.
/// The state of an optimiser of thousands of tensors takes a tenth of this.
const MOST_INSTRUCTIONS: usize = 2_000_000;

impl Machine<'_> {
    fn run(&mut self) -> Result<(), String> {
        for _ in 0..MOST_INSTRUCTIONS {
            match self.byte()? {
                b'.' => return Ok(()),
                0x80 => self.skip(1)?,
                0x95 => self.skip(8)?,
                b'(' => self.marks.push(self.stack.len()),
                b'0' => drop(self.pop()?),
                b'1' => drop(self.since_mark()?),
                b'N' => self.stack.push(Value::None),
                0x88 => self.stack.push(Value::Bool(true)),
                0x89 => self.stack.push(Value::Bool(false)),
                b'G' => {
                    self.skip(8)?;
                    self.stack.push(Value::Float);
                }
                b'K' => self.int(1)?,
                b'M' => self.int(2)?,
                b'J' => {
                    let value = i32::from_le_bytes(self.array()?);
                    self.stack.push(Value::Int(value.into()));
                }
                0x8a => {
                    let length = self.byte()?;
                    self.long(length.into())?;
                }
                b'X' => {
                    let length = u32::from_le_bytes(self.array()?) as usize;
                    self.text(length)?;
                }
                0x8c => {
                    let length = self.byte()?.into();
                    self.text(length)?;
                }
                b'C' | b'U' => {
                    let length = self.byte()?.into();
                    self.skip(length)?;
                    self.stack.push(Value::Bytes);
                }
                b'B' | b'T' => {
                    let length = u32::from_le_bytes(self.array()?) as usize;
                    self.skip(length)?;
                    self.stack.push(Value::Bytes);
                }
                b')' => self.tuple(0)?,
                0x85 => self.tuple(1)?,
                0x86 => self.tuple(2)?,
                0x87 => self.tuple(3)?,
                b't' => {
                    let items = self.since_mark()?;
                    self.new_tuple(items);
                }
                b']' => self.new_list(Vec::new()),
                b'l' => {
                    let items = self.since_mark()?;
                    self.new_list(items);
                }
                b'}' => self.new_dict(Vec::new()),
                b'd' => {
                    let items = self.since_mark()?;
                    self.new_dict(pairs(items)?);
                }
                b'a' => {
                    let item = self.pop()?;
                    self.append(vec![item])?;
                }
                b'e' => {
                    let items = self.since_mark()?;
                    self.append(items)?;
                }
                b's' => {
                    let value = self.pop()?;
                    let key = self.pop()?;
                    self.insert(vec![(key, value)])?;
                }
                b'u' => {
                    let items = self.since_mark()?;
                    self.insert(pairs(items)?)?;
                }
                b'q' => {
                    let slot = self.byte()?.into();
                    self.remember(slot)?;
                }
                b'r' => {
                    let slot = u32::from_le_bytes(self.array()?) as usize;
                    self.remember(slot)?;
                }
                0x94 => self.remember(self.memo.len())?,
                b'h' => {
                    let slot = self.byte()?.into();
                    self.recall(slot)?;
                }
                b'j' => {
                    let slot = u32::from_le_bytes(self.array()?) as usize;
                    self.recall(slot)?;
                }
                b'c' => {
                    let module = self.line()?;
                    let name = self.line()?;
                    self.stack.push(Value::Callable(callable(&module, &name)?));
                }
                0x93 => match (self.pop()?, self.pop()?) {
                    (Value::Text(name), Value::Text(module)) => {
                        self.stack.push(Value::Callable(callable(&module, &name)?));
                    }
                    _ => return Err(DAMAGED.into()),
                },
                b'Q' => {
                    let items = self.pop()?;
                    let storage = Rc::new(storage(&self.made.tuple(&items)?)?);
                    self.made.storages.push(storage.clone());
                    self.stack.push(Value::Storage(storage));
                }
                b'R' | 0x81 => {
                    let arguments = self.pop()?;
                    let callable = self.pop()?;
                    let result = self.call(&callable, &arguments)?;
                    self.stack.push(result);
                }
                // BUILD sets attributes; the only ones here are notes on an OrderedDict (`_metadata`).
                b'b' => {
                    self.pop()?;
                    if !matches!(self.stack.last(), Some(Value::Dict(_))) {
                        return Err("it builds an object that is no container of tensors; refused".into());
                    }
                }
                code => {
                    return Err(format!(
                        "it uses the pickle instruction 0x{code:02x}, which no checkpoint needs; refused"
                    ));
                }
            }
        }
        Err(format!(
            "its index has more than {MOST_INSTRUCTIONS} instructions, which no checkpoint needs; refused"
        ))
    }

    fn call(&mut self, callable: &Value, arguments: &Value) -> Result<Value, String> {
        let Value::Callable(callable) = callable else {
            return Err(DAMAGED.into());
        };
        let arguments = self.made.tuple(arguments)?;
        match (callable, &arguments[..]) {
            (Callable::OrderedDict, []) => {
                self.made.dicts.push(Vec::new());
                Ok(Value::Dict(self.made.dicts.len() - 1))
            }
            (Callable::OrderedDict, [Value::List(list)]) => {
                let items = self.made.lists.get(*list).ok_or(DAMAGED)?;
                let dict = items
                    .iter()
                    .map(|item| match &self.made.tuple(item)?[..] {
                        [key, value] => Ok((key.clone(), value.clone())),
                        _ => Err(DAMAGED.to_owned()),
                    })
                    .collect::<Result<_, _>>()?;
                self.made.dicts.push(dict);
                Ok(Value::Dict(self.made.dicts.len() - 1))
            }
            (Callable::RebuildTensor, [Value::Storage(storage), offset, shape, strides, ..]) => {
                let tensor = TensorRef {
                    storage: storage.clone(),
                    offset: size(offset)?,
                    shape: sizes(&self.made.tuple(shape)?)?,
                    strides: sizes(&self.made.tuple(strides)?)?,
                };
                if tensor.shape.len() != tensor.strides.len() {
                    return Err(DAMAGED.into());
                }
                Ok(Value::Tensor(Rc::new(tensor)))
            }
            (Callable::RebuildParameter, [Value::Tensor(tensor), ..]) => Ok(Value::Tensor(tensor.clone())),
            (Callable::Size, [sizes @ Value::Tuple(_)]) => Ok(sizes.clone()),
            _ => Err(DAMAGED.into()),
        }
    }

    fn byte(&mut self) -> Result<u8, String> {
        let byte = *self.bytes.get(self.at).ok_or(DAMAGED)?;
        self.at += 1;
        Ok(byte)
    }

    fn take(&mut self, length: usize) -> Result<&[u8], String> {
        let end = self.at.checked_add(length).ok_or(DAMAGED)?;
        let taken = self.bytes.get(self.at..end).ok_or(DAMAGED)?;
        self.at = end;
        Ok(taken)
    }

    fn skip(&mut self, length: usize) -> Result<(), String> {
        self.take(length).map(drop)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        self.take(N)?.try_into().map_err(|_| DAMAGED.into())
    }

    fn int(&mut self, length: usize) -> Result<(), String> {
        let value = self
            .take(length)?
            .iter()
            .rev()
            .fold(0, |value, &byte| value << 8 | i64::from(byte));
        self.stack.push(Value::Int(value));
        Ok(())
    }

    /// A little-endian integer in two's complement.
    fn long(&mut self, length: usize) -> Result<(), String> {
        let bytes = self.take(length)?;
        if bytes.len() > 8 {
            return Err(DAMAGED.into());
        }
        let sign = if bytes.last().is_some_and(|byte| byte & 0x80 != 0) {
            -1
        } else {
            0
        };
        let value = bytes
            .iter()
            .rev()
            .fold(sign, |value: i64, &byte| value << 8 | i64::from(byte));
        self.stack.push(Value::Int(value));
        Ok(())
    }

    fn text(&mut self, length: usize) -> Result<(), String> {
        let text = std::str::from_utf8(self.take(length)?).map_err(|_| DAMAGED)?;
        let text = Value::Text(text.into());
        self.stack.push(text);
        Ok(())
    }

    fn line(&mut self) -> Result<String, String> {
        let rest = self.bytes.get(self.at..).ok_or(DAMAGED)?;
        let length = rest
            .iter()
            .take(512)
            .position(|&byte| byte == b'\n')
            .ok_or(DAMAGED)?;
        let line = std::str::from_utf8(&rest[..length])
            .map_err(|_| DAMAGED)?
            .to_owned();
        self.at += length + 1;
        Ok(line)
    }

    fn pop(&mut self) -> Result<Value, String> {
        if self.marks.last().is_some_and(|&mark| mark >= self.stack.len()) {
            return Err(DAMAGED.into());
        }
        self.stack.pop().ok_or_else(|| DAMAGED.into())
    }

    fn since_mark(&mut self) -> Result<Vec<Value>, String> {
        let mark = self.marks.pop().ok_or(DAMAGED)?;
        if mark > self.stack.len() {
            return Err(DAMAGED.into());
        }
        Ok(self.stack.split_off(mark))
    }

    fn tuple(&mut self, length: usize) -> Result<(), String> {
        let mut items = Vec::with_capacity(length);
        for _ in 0..length {
            items.push(self.pop()?);
        }
        items.reverse();
        self.new_tuple(items);
        Ok(())
    }

    fn new_tuple(&mut self, items: Vec<Value>) {
        self.made.tuples.push(items.into());
        self.stack.push(Value::Tuple(self.made.tuples.len() - 1));
    }

    fn new_list(&mut self, items: Vec<Value>) {
        self.made.lists.push(items);
        self.stack.push(Value::List(self.made.lists.len() - 1));
    }

    fn new_dict(&mut self, items: Vec<(Value, Value)>) {
        self.made.dicts.push(items);
        self.stack.push(Value::Dict(self.made.dicts.len() - 1));
    }

    fn append(&mut self, items: Vec<Value>) -> Result<(), String> {
        let Some(Value::List(list)) = self.stack.last() else {
            return Err(DAMAGED.into());
        };
        self.made.lists.get_mut(*list).ok_or(DAMAGED)?.extend(items);
        Ok(())
    }

    fn insert(&mut self, items: Vec<(Value, Value)>) -> Result<(), String> {
        let Some(Value::Dict(dict)) = self.stack.last() else {
            return Err(DAMAGED.into());
        };
        self.made.dicts.get_mut(*dict).ok_or(DAMAGED)?.extend(items);
        Ok(())
    }

    fn remember(&mut self, slot: usize) -> Result<(), String> {
        let value = self.stack.last().ok_or(DAMAGED)?.clone();
        // A pickle numbers its slots one after the other; a far one would only cost memory.
        if slot > self.memo.len() + 1024 {
            return Err(DAMAGED.into());
        }
        if slot >= self.memo.len() {
            self.memo.resize(slot + 1, None);
        }
        self.memo[slot] = Some(value);
        Ok(())
    }

    fn recall(&mut self, slot: usize) -> Result<(), String> {
        let value = self.memo.get(slot).cloned().flatten().ok_or(DAMAGED)?;
        self.stack.push(value);
        Ok(())
    }
}

fn callable(module: &str, name: &str) -> Result<Callable, String> {
    let storage = |kind| Ok(Callable::Storage(kind));
    match (module, name) {
        ("collections", "OrderedDict") => Ok(Callable::OrderedDict),
        ("torch._utils", "_rebuild_tensor_v2" | "_rebuild_tensor") => Ok(Callable::RebuildTensor),
        ("torch._utils", "_rebuild_parameter") => Ok(Callable::RebuildParameter),
        ("torch", "Size") => Ok(Callable::Size),
        ("torch", "FloatStorage") => storage(Kind::F32),
        ("torch", "HalfStorage") => storage(Kind::F16),
        ("torch", "BFloat16Storage") => storage(Kind::Bf16),
        ("torch", "DoubleStorage") => storage(Kind::F64),
        ("torch", "LongStorage") => storage(Kind::Whole(8)),
        ("torch", "IntStorage") => storage(Kind::Whole(4)),
        ("torch", "ShortStorage") => storage(Kind::Whole(2)),
        ("torch", "CharStorage" | "ByteStorage" | "BoolStorage") => storage(Kind::Whole(1)),
        _ => Err(format!(
            "it asks for {module}.{name}, which a checkpoint of tensors does not need and which could run code; \
             refused. If you trust the file, load it with torch and save only its tensors as safetensors"
        )),
    }
}

/// `("storage", class, key, location, elements)`; before torch 1.6 also a view into another
/// storage or, since long before, `None`.
fn storage(items: &[Value]) -> Result<Storage, String> {
    match items {
        [
            Value::Text(word),
            Value::Callable(Callable::Storage(kind)),
            Value::Text(key),
            _,
            _,
        ]
        | [
            Value::Text(word),
            Value::Callable(Callable::Storage(kind)),
            Value::Text(key),
            _,
            _,
            Value::None,
        ] if &**word == "storage" => Ok(Storage {
            kind: *kind,
            key: key.to_string(),
        }),
        _ => Err(DAMAGED.into()),
    }
}

fn pairs(items: Vec<Value>) -> Result<Vec<(Value, Value)>, String> {
    if !items.len().is_multiple_of(2) {
        return Err(DAMAGED.into());
    }
    let mut items = items.into_iter();
    let mut pairs = Vec::with_capacity(items.len() / 2);
    while let (Some(key), Some(value)) = (items.next(), items.next()) {
        pairs.push((key, value));
    }
    Ok(pairs)
}

fn size(value: &Value) -> Result<usize, String> {
    match value {
        Value::Int(value) => usize::try_from(*value).map_err(|_| DAMAGED.into()),
        _ => Err(DAMAGED.into()),
    }
}

fn sizes(items: &[Value]) -> Result<Vec<usize>, String> {
    if items.len() > 8 {
        return Err(DAMAGED.into());
    }
    items.iter().map(size).collect()
}
