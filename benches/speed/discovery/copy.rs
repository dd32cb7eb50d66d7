//! Rows in the binary form of `COPY` (PostgreSQL's documentation, COPY, "Binary Format").

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Rows of one table.
pub struct Rows {
    pub bytes: Vec<u8>,
}

/// 2000-01-01, from which Postgres counts, in microseconds since 1970.
const EPOCH: i64 = 946_684_800_000_000;

/// The type `text` in Postgres's catalogue.
const TEXT: i32 = 25;

impl Rows {
    pub fn new() -> Rows {
        let mut bytes = b"PGCOPY\n\xFF\r\n\0".to_vec();
        // No flags, no extension.
        bytes.extend([0; 8]);
        Rows { bytes }
    }

    /// All of it, with its end.
    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.extend((-1_i16).to_be_bytes());
        self.bytes
    }

    /// Begins a row; so many fields follow.
    pub fn row(&mut self, fields: i16) -> &mut Rows {
        self.bytes.extend(fields.to_be_bytes());
        self
    }

    pub fn raw(&mut self, value: &[u8]) -> &mut Rows {
        self.sized(|bytes| bytes.extend(value))
    }

    pub fn text(&mut self, value: &str) -> &mut Rows {
        self.raw(value.as_bytes())
    }

    pub fn uuid(&mut self, value: Uuid) -> &mut Rows {
        self.raw(value.as_bytes())
    }

    pub fn bigint(&mut self, value: i64) -> &mut Rows {
        self.raw(&value.to_be_bytes())
    }

    pub fn integer(&mut self, value: i32) -> &mut Rows {
        self.raw(&value.to_be_bytes())
    }

    pub fn smallint(&mut self, value: i16) -> &mut Rows {
        self.raw(&value.to_be_bytes())
    }

    pub fn time(&mut self, value: DateTime<Utc>) -> &mut Rows {
        self.bigint(value.timestamp_micros() - EPOCH)
    }

    pub fn jsonb(&mut self, value: &str) -> &mut Rows {
        self.sized(|bytes| {
            bytes.push(1);
            bytes.extend(value.as_bytes());
        })
    }

    /// `bit(n)`.
    pub fn bits(&mut self, value: &[u8]) -> &mut Rows {
        self.sized(|bytes| {
            bytes.extend(length(value.len() * 8));
            bytes.extend(value);
        })
    }

    /// `text[]`.
    pub fn texts(&mut self, values: &[String]) -> &mut Rows {
        self.sized(|bytes| {
            for number in [1, 0, TEXT] {
                bytes.extend(number.to_be_bytes());
            }
            bytes.extend(length(values.len()));
            bytes.extend(1_i32.to_be_bytes());
            for value in values {
                bytes.extend(length(value.len()));
                bytes.extend(value.as_bytes());
            }
        })
    }

    /// `tsvector` without places.
    pub fn terms(&mut self, values: &[String]) -> &mut Rows {
        self.sized(|bytes| {
            bytes.extend(length(values.len()));
            for value in values {
                bytes.extend(value.as_bytes());
                // Its end, and no places.
                bytes.extend([0, 0, 0]);
            }
        })
    }

    fn sized(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> &mut Rows {
        let start = self.bytes.len();
        self.bytes.extend([0; 4]);
        write(&mut self.bytes);
        let size = length(self.bytes.len() - start - 4);
        self.bytes[start..start + 4].copy_from_slice(&size);
        self
    }
}

fn length(n: usize) -> [u8; 4] {
    i32::try_from(n).unwrap_or(i32::MAX).to_be_bytes()
}
