"""Writes test/fixtures/parquet by pyarrow, for test/data/formats/parquet/parquet.test.ts.

    pip install pyarrow && python3 scripts/parquet_fixtures.py

All files hold the same rows; they differ in compression, page version and encodings.
"""

from decimal import Decimal
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

# Values that a float, or a time in milliseconds, would make one of several; pages have checksums.
ID = 161888007138312192
TYPES = {
    "decimal": pa.array([Decimal(ID), Decimal(ID + 1), Decimal("5"), Decimal(-ID)], pa.decimal128(18, 0)),
    "price": pa.array([Decimal("1.50"), Decimal("-0.05"), Decimal("0.00"), Decimal("12345.67")], pa.decimal128(9, 2)),
    "wide": pa.array([Decimal(f"{10**28 + i}.000000001") for i in range(4)], pa.decimal128(38, 9)),
    "int64": pa.array([2**53, 2**53 + 1, -(2**63), 2**63 - 1], pa.int64()),
    "uint64": pa.array([2**64 - 1, 2**64 - 2, 0, 2**63], pa.uint64()),
    "uint32": pa.array([2**32 - 1, 0, 1, 2**31], pa.uint32()),
    "float": pa.array([0.1, 1.5, -0.0, 16777216.0], pa.float32()),
    "double": pa.array([0.1, 0.30000000000000004, 1e300, -2.0], pa.float64()),
    "flag": pa.array([True, False, True, False]),
    "date": pa.array([0, -1, 19000, 20000], pa.date32()),
    "millis": pa.array([0, 1, -1, 1700000000123], pa.timestamp("ms", "UTC")),
    "micros": pa.array([0, 1, -1, 1700000000123456], pa.timestamp("us")),
    "nanos": pa.array([0, 1, -1, 1700000000123456789], pa.timestamp("ns", "UTC")),
    "time": pa.array([0, 1, 86399999999, 3600000000], pa.time64("us")),
}
types = pa.table({"text": pa.array([f"row {i}" for i in range(4)]), **TYPES})
pq.write_table(types, DIR.parent / "parquet-types.parquet", write_page_checksum=True, write_statistics=False, store_schema=False)
