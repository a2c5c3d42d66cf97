//! Apache Thrift's compact protocol, in which Parquet describes itself. Tests: `parquet/tests.rs`.

/// Structures within structures that are followed: Parquet has four.
const DEEPEST: usize = 16;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number of any size, or a truth value.
    Number(i64),
    /// Bytes, mostly a name.
    Bytes(Vec<u8>),
    /// Values of one kind.
    List(Vec<Value>),
    /// Values by the numbers of their fields.
    Struct(Vec<(i16, Value)>),
}

impl Value {
    /// A field of a structure.
    pub fn field(&self, id: i16) -> Option<&Self> {
        let Self::Struct(fields) = self else { return None };
        fields.iter().find(|(found, _)| *found == id).map(|(_, value)| value)
    }

    /// The number of a field.
    pub fn number(&self, id: i16) -> Option<i64> {
        if let Self::Number(number) = self.field(id)? { Some(*number) } else { None }
    }

    /// The same, where it counts something.
    pub fn count(&self, id: i16) -> Option<usize> {
        usize::try_from(self.number(id)?).ok()
    }

    /// The text of a field.
    pub fn text(&self, id: i16) -> Option<&str> {
        if let Self::Bytes(bytes) = self.field(id)? { std::str::from_utf8(bytes).ok() } else { None }
    }

    /// The list of a field; none where it is not there.
    pub fn list(&self, id: i16) -> &[Self] {
        if let Some(Self::List(values)) = self.field(id) { values } else { &[] }
    }
}

/// Reads values one after the other; nothing where the bytes end too early.
#[derive(Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Of the bytes from their beginning.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// What was not read.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    /// A structure.
    pub fn structure(&mut self) -> Option<Value> {
        self.fields(0)
    }

    /// A number of as many bytes as it needs, seven bits in each.
    pub fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(count)?;
        self.bytes = rest;
        Some(taken)
    }

    /// With a sign, which is the last bit.
    fn zigzag(&mut self) -> Option<i64> {
        let number = self.varint()?;
        Some((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    fn fields(&mut self, depth: usize) -> Option<Value> {
        let (mut fields, mut id) = (Vec::new(), 0i16);
        loop {
            let header = self.byte()?;
            let kind = header & 15;
            if kind == 0 {
                return Some(Value::Struct(fields));
            }
            id = match header >> 4 {
                0 => i16::try_from(self.zigzag()?).ok()?,
                more => id.checked_add(i16::from(more))?,
            };
            // Of a field the kind says whether it is true.
            let value = if kind < 3 { Value::Number(i64::from(kind == 1)) } else { self.value(kind, depth)? };
            fields.push((id, value));
        }
    }

    fn value(&mut self, kind: u8, depth: usize) -> Option<Value> {
        Some(match kind {
            1 | 2 => Value::Number(i64::from(self.byte()? == 1)),
            3 => Value::Number(i64::from(self.byte()? as i8)),
            4..=6 => Value::Number(self.zigzag()?),
            7 => Value::Bytes(self.take(8)?.to_vec()),
            8 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Value::Bytes(self.take(length)?.to_vec())
            }
            9 | 10 if depth < DEEPEST => {
                let header = self.byte()?;
                let count = if header >> 4 == 15 { self.varint()? } else { u64::from(header >> 4) };
                Value::List((0..count).map(|_| self.value(header & 15, depth + 1)).collect::<Option<_>>()?)
            }
            12 if depth < DEEPEST => self.fields(depth + 1)?,
            _ => return None,
        })
    }
}
