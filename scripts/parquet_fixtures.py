"""Writes test/fixtures/parquet by pyarrow, for test/data/parquet.test.ts.

    pip install pyarrow && python3 scripts/parquet_fixtures.py

All files hold the same rows; they differ in compression, page version and encodings.
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 70
DIR = Path(__file__).parent.parent / "test" / "fixtures" / "parquet"

text = [None if i % 11 == 0 else f"row {i} naïve 😀 {'x' * (i * 7 % 31)}" for i in range(ROWS)]
names = [f"class {i % 5}" for i in range(ROWS)]
mails = [None if i % 17 == 0 else {"body": text[i], "meta": {"class": names[i]}} for i in range(ROWS)]

table = pa.table(
    [
        pa.array(text, pa.string()),
        pa.array([each or "" for each in text], pa.string()),
        pa.array([i * i - 500 for i in range(ROWS)], pa.int32()),
        pa.array([(-1) ** i * i * 123456789123 for i in range(ROWS)], pa.int64()),
        pa.array([i % 3 == 0 for i in range(ROWS)]),
        pa.array([i / 4 for i in range(ROWS)]),
        pa.array(names).dictionary_encode(),
        pa.array(mails, pa.struct([("body", pa.string()), ("meta", pa.struct([("class", pa.string())]))])),
        pa.array([[each] for each in names]),
    ],
    schema=pa.schema(
        [
            ("text", pa.string()),
            pa.field("required", pa.string(), nullable=False),
            ("int", pa.int32()),
            ("big", pa.int64()),
            ("flag", pa.bool_()),
            ("double", pa.float64()),
            ("name", pa.dictionary(pa.int32(), pa.string())),
            ("mail", pa.struct([("body", pa.string()), ("meta", pa.struct([("class", pa.string())]))])),
            ("list", pa.list_(pa.string())),
        ]
    ),
)

DELTAS = {
    "text": "DELTA_BYTE_ARRAY",
    "required": "DELTA_LENGTH_BYTE_ARRAY",
    "int": "DELTA_BINARY_PACKED",
    "big": "DELTA_BINARY_PACKED",
    "double": "BYTE_STREAM_SPLIT",
}

VARIANTS = {
    "snappy-dictionary": {"compression": "snappy", "data_page_version": "1.0"},
    "zstd-plain": {"compression": "zstd", "data_page_version": "2.0", "use_dictionary": False},
    "lz4-dictionary": {"compression": "lz4", "data_page_version": "2.0"},
    "brotli-plain": {"compression": "brotli", "data_page_version": "1.0", "use_dictionary": False},
    "gzip-deltas": {
        "compression": "gzip",
        "data_page_version": "2.0",
        "use_dictionary": False,
        "column_encoding": {**DELTAS, "flag": "RLE"},
    },
    "none-deltas": {
        "compression": "none",
        "data_page_version": "1.0",
        "use_dictionary": False,
        "column_encoding": DELTAS,
    },
}

DIR.mkdir(parents=True, exist_ok=True)
for name, options in VARIANTS.items():
    pq.write_table(
        table,
        DIR / f"{name}.parquet",
        row_group_size=30,
        data_page_size=200,
        write_batch_size=8,
        write_statistics=False,
        store_schema=False,
        **options,
    )
