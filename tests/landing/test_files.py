"""Files as people make them: those that load all the same, and those that end a run in one line."""

from __future__ import annotations

import os

import pytest
from brand import CUSTOMERS, LINES, ORDERS, Brand

from orchestration.errors import UserError


def loaded(brand: Brand, table: str = "customers") -> list[tuple]:
    return brand.rows(f"select {table.removesuffix('s')}_id from raw.{table} order by 1")


@pytest.mark.parametrize(
    "content",
    {
        "byte order mark": "\ufeff" + CUSTOMERS,
        "mark and quoted header": '\ufeff"customer_id","a ""b"""\nc1,\nc2,\nc3,\n',
        "Windows line ends": CUSTOMERS.replace("\n", "\r\n"),
        "old Mac line ends": CUSTOMERS.replace("\n", "\r"),
        "mixed line ends": "customer_id,email\r\nc1,\nc2,\r\nc3,",
        "no line end at the end": CUSTOMERS.rstrip("\n"),
        "blank lines": CUSTOMERS.replace("\n", "\n\n"),
        "blank lines before the header": "\n\n" + CUSTOMERS,
        "one column": "customer_id\nc1\n\nc2\nc3\n",
        "comma at every line end": "customer_id,email,\nc1,,\nc2,,\nc3,,\n",
        "upper case, spaces, another order": " EMAIL , Customer_ID \n,c1\n, c2\n,c3 \n",
        "quoted line breaks": 'customer_id,first_name\nc1,"A\r\n\nB"\n"c2",""\nc3,"x,""y"""\n',
        "huge fields": f'customer_id,email\nc1,{"x" * 1_000_000}\nc2,"{"y," * 500_000}"\nc3,\n',
        "200 columns": "customer_id,"
        + ",".join(f"x{n}" for n in range(199))
        + "".join(f"\nc{n}" + "," * 199 for n in (1, 2, 3)),
        "a null byte": "customer_id,first_name\nc1,A\0B\nc2,\nc3,\n",
    }.items(),
    ids=lambda item: item[0],
)
def test_a_file_in_any_of_these_shapes_is_read(brand: Brand, adds_up, content: tuple[str, str]):
    brand.put("customers.csv", content[1].encode())
    adds_up(brand.land())
    assert loaded(brand) == [("c1",), ("c2",), ("c3",)]
    assert brand.rejects() == []


def test_quotes_commas_and_line_breaks_stay_in_their_field(brand: Brand):
    brand.put("customers.csv", 'customer_id,first_name,email\nc1,"a,\r\n""b""",e\nc2,x"y,"z"\n')
    brand.land()
    names = brand.rows("select first_name, email from raw.customers order by customer_id")
    assert names == [('a,\r\n"b"', "e"), ('x"y', "z")]


def test_a_header_alone_is_an_empty_table(brand: Brand):
    brand.put("orders.csv", "order_id,ordered_at")
    brand.put("order_lines.csv", "order_line_id,order_id,quantity,unit_price\r\n")
    brand.put_parquet("products.parquet", "select 'p' as product_id limit 0")
    report = brand.land()
    assert {f.file_name: f.rows_read for f in report.files}["products.parquet"] == 0
    assert loaded(brand, "orders") == []
    assert brand.rows(
        "select is_present from raw.contract_tables where table_name = 'products'"
    ) == [(True,)]


def test_parts_of_both_kinds_make_one_table(brand: Brand):
    (brand.raw / "customers.csv").unlink()
    brand.put("customers/part-2.CSV", "customer_id,email\nc2,b@x.example\n")
    brand.put_parquet("customers/part-1.parquet", "select 'c1' as CUSTOMER_ID, true as is_test")
    brand.put_parquet("customers/part-3.parquet", "select 3 as customer_id, 'c@x.example' as email")
    brand.put_parquet("customers/part-4.parquet", "select 4 as customer_id, 'd@x.example' as email")
    brand.put("customers/_SUCCESS", "")
    brand.put("customers/readme.txt", "")
    report = brand.land()
    assert brand.rows("select customer_id, email, is_test from raw.customers order by 1") == [
        ("3", "c@x.example", None),
        ("4", "d@x.example", None),
        ("c1", None, True),
        ("c2", "b@x.example", None),
    ]
    assert [f.file_name for f in report.files][:4] == [
        "customers/part-1.parquet",
        "customers/part-2.CSV",
        "customers/part-3.parquet",
        "customers/part-4.parquet",
    ]
    assert report.unused_files == ("customers/readme.txt",)


def test_what_is_not_there_is_an_empty_typed_table(brand: Brand):
    (brand.raw / "sms_events").mkdir()  # a folder without parts is no table
    brand.put("notes.xlsx", "")
    report = brand.land()
    assert report.unused_files == ("notes.xlsx",)
    assert brand.rows(
        "select count(*), count(occurred_at + interval 1 day) from raw.sms_events"
    ) == [(0, 0)]
    present = brand.rows("select table_name from raw.contract_tables where is_present order by 1")
    assert present == [("customers",), ("order_lines",), ("orders",)]
    required = brand.rows("select table_name from raw.contract_tables where is_required order by 1")
    assert required == present
    assert brand.rows("select count(*) from raw.contract_tables") == [(21,)]


def test_unknown_columns_are_left_out_and_named(brand: Brand):
    brand.put("customers.csv", "shoe size,customer_id,Blood,\n42,c1,A,\n")
    brand.put("orders.csv", "order_id,ordered_at\n")
    brand.put("order_lines.csv", "order_line_id,order_id,quantity,unit_price\n")
    brand.land()
    assert brand.rows("select file_name, unknown_columns from raw.load_report order by 1") == [
        ("customers.csv", "(column 4), Blood, shoe size"),
        ("order_lines.csv", None),
        ("orders.csv", None),
    ]


def corrupt(brand: Brand) -> None:
    path = brand.put_parquet("orders.parquet", "select i::varchar as order_id, now() as ordered_at "
                             "from range(50000) as t(i)")  # fmt: skip
    data = bytearray(path.read_bytes())
    data[4 : len(data) // 2] = os.urandom(len(data) // 2 - 4)  # the footer stays readable
    path.write_bytes(data)
    (brand.raw / "orders.csv").unlink()


WHOLE_FILE = {
    "no raw folder": (lambda b: b.raw.rename(b.raw.parent / "gone"), r"no raw folder .*raw.*--raw"),
    "no orders": (lambda b: (b.raw / "orders.csv").unlink(), r"no orders in .*put orders.csv"),
    "orders without parts": (
        lambda b: ((b.raw / "orders.csv").unlink(), (b.raw / "orders").mkdir()),
        r"no orders in .*put orders.csv",
    ),
    "no key column": (
        lambda b: b.put("orders.csv", ORDERS.replace("order_id", "id", 1)),
        r"orders.csv has no column order_id: add it",
    ),
    "no header": (lambda b: b.put("orders.csv", "o1,c1,2026-01-01\n"), r"orders.csv has no column"),
    "semicolons": (
        lambda b: b.put("orders.csv", ORDERS.replace(",", ";")),
        r"orders.csv has no column order_id: .*commas",
    ),
    "no key column in a part": (
        lambda b: b.put_parquet("surveys/1.parquet", "select 1 as score"),
        r"surveys/1.parquet has no column survey_id: add it",
    ),
    "twice the same column": (
        lambda b: b.put("orders.csv", "order_id,ordered_at,ORDER_ID\n"),
        r"orders.csv has two columns named order_id: rename or remove one",
    ),
    "empty": (lambda b: b.put("orders.csv", ""), r"orders.csv is empty"),
    "only a byte order mark": (lambda b: b.put("orders.csv", "\ufeff\n"), r"orders.csv is empty"),
    "empty Parquet": (lambda b: b.put("products.parquet", ""), r"products.parquet is empty"),
    "Latin-1": (
        lambda b: b.put("customers.csv", "customer_id,first_name\nc1,Zoë\n".encode("latin-1")),
        r"customers.csv is not UTF-8 text: save it as CSV UTF-8",
    ),
    "Latin-1 in a bad record": (
        lambda b: b.put("customers.csv", "customer_id,first_name\nc1,Zoë,x\n".encode("latin-1")),
        r"customers.csv is not UTF-8 text",
    ),
    "Latin-1 far down": (
        lambda b: b.put("customers.csv", b"customer_id,x\n" + b"c,\n" * 400_000 + b"d,\xe9\n"),
        r"customers.csv is not UTF-8 text",
    ),
    "UTF-16": (
        lambda b: b.put("customers.csv", CUSTOMERS.encode("utf-16")),
        r"customers.csv is not UTF-8 text",
    ),
    "cut inside a letter": (
        lambda b: b.put("customers.csv", "customer_id,x\nc1,é".encode()[:-1]),
        r"customers.csv is not UTF-8 text",
    ),
    "a quote never closed": (
        lambda b: b.put("customers.csv", 'customer_id,x\nc1,"open\nc2,\nc3,\n'),
        r"customers.csv ends inside a quoted field: close the quote",
    ),
    "no Parquet at all": (
        lambda b: b.put("products.parquet", "PAR1 but no more"),
        r"products.parquet is not a readable Parquet file",
    ),
    "Parquet with damaged data": (corrupt, r"orders.parquet is not a readable Parquet file"),
    "two of a table": (
        lambda b: b.put_parquet("orders.parquet", "select '1' as order_id, now() as ordered_at"),
        r"orders is there more than once \(orders.csv and orders.parquet\): keep one",
    ),
    "a file and a folder": (
        lambda b: b.put("Order_Lines/1.csv", LINES),
        r"order_lines is there more than once \(Order_Lines and order_lines.csv\)",
    ),
    "a folder named like a file": (
        lambda b: (b.raw / "products.parquet").mkdir(),
        r"products.parquet is a folder: rename it to products",
    ),
    "a broken link": (
        lambda b: (b.raw / "products.csv").symlink_to("nowhere"),
        r"products.csv cannot be read: No such file",
    ),
    "no permission": (
        lambda b: b.put("products.csv", "product_id\n").chmod(0),
        r"products.csv cannot be read: Permission denied",
    ),
}


@pytest.mark.parametrize("trouble", WHOLE_FILE)
def test_trouble_with_a_file_is_one_line_and_changes_nothing(brand: Brand, trouble: str):
    if trouble == "no permission" and os.geteuid() == 0:
        pytest.skip("root may read everything")
    brand.land()
    before = brand.rows("from raw.customers"), brand.rows("from raw.run_context")
    damage, message = WHOLE_FILE[trouble]
    damage(brand)
    with pytest.raises(UserError, match=message) as caught:
        brand.land()
    assert "\n" not in str(caught.value)
    assert (brand.rows("from raw.customers"), brand.rows("from raw.run_context")) == before


def test_the_fingerprint_follows_the_data_and_not_the_place(brand: Brand, tmp_path):
    first = brand.land().raw_fingerprint
    os.utime(brand.raw / "orders.csv", (0, 0))
    brand.raw = brand.raw.rename(tmp_path / "elsewhere")
    assert brand.land().raw_fingerprint == first
    brand.put("customers.csv", CUSTOMERS.replace("0143", "0144"))
    assert brand.land().raw_fingerprint != first
