"""Formats as the tests write them: good records, and the ways in which a record can be broken."""

import json
import pathlib
import struct

DESCRIPTORS = pathlib.Path(__file__).resolve().parent.parent / "data" / "protobuf" / "shop.pb"
COLUMNS = "id BIGINT NOT NULL, item STRING, price DECIMAL(10, 2)"


def order(i):
    return {"id": i, "item": f"itém {i}", "price": f"{i // 4}.{25 * (i % 4):02}"}


class Format:
    """`record(i)`: a good one; `ways`: by name, what makes a broken one of i."""

    columns = COLUMNS

    def __init__(self, name, record, ways, *options):
        self.name, self.record, self.ways = name, record, ways
        self.options = [f"'value.format' = '{name}'", *options]

    def row(self, i):
        return tuple(order(i).values())


def json_format(name, wrap):
    """`wrap`: the order within its record."""
    def text(value):
        return json.dumps(wrap(value), ensure_ascii=False).encode("utf-8")

    ways = {
        "cut": lambda i: text(order(i))[:-3],
        "text behind": lambda i: text(order(i)) + b" x",
        "no JSON": lambda i: b"order %d" % i,
        "no UTF-8": lambda i: text(order(i)).replace("é".encode("utf-8"), b"\xe9"),
        "no number": lambda i: text(order(i) | {"id": f"{i}x"}),
        "NULL": lambda i: text(order(i) | {"id": None}),
        "missing": lambda i: text({"item": "x", "price": 1}),
        "out of range": lambda i: text(order(i) | {"price": 123456789}),
        "not an object": lambda i: json.dumps(i).encode("utf-8"),
    }
    return Format(name, lambda i: text(order(i)), ways)


def csv_format():
    def line(i):
        return f"{i},\"itém {i}\",{order(i)['price']}".encode("utf-8")

    return Format("csv", line, {
        "no number": lambda i: b"x" + line(i),
        "open quote": lambda i: line(i).replace(b'",', b",,"),
        "behind the quote": lambda i: line(i).replace(b'",', b'"x,'),
        "more fields": lambda i: line(i) + b",1",
        "no UTF-8": lambda i: line(i).replace("é".encode("utf-8"), b"\xe9"),
        "NULL": lambda i: b"," + line(i).split(b",", 1)[1],
        "out of range": lambda i: line(i).rsplit(b",", 1)[0] + b",123456789",
    })


class RawFormat(Format):
    columns = "id BIGINT NOT NULL"

    def __init__(self):
        super().__init__("raw", lambda i: struct.pack(">q", i), {
            "cut": lambda i: struct.pack(">q", i)[:7],
            "longer": lambda i: struct.pack(">q", i) + b"\0",
        })

    def row(self, i):
        return (i,)


def varint(value):
    out = bytearray()
    value &= (1 << 64) - 1
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def sized(data, size=varint):
    return size(len(data)) + data


def zigzag(value):
    return varint(value << 1 ^ value >> 63)


def avro_order(i):
    item = order(i)["item"].encode("utf-8")
    cents = 25 * i
    price = cents.to_bytes(cents.bit_length() // 8 + 1, "big")
    return zigzag(i) + b"\2" + sized(item, zigzag) + b"\2" + sized(price, zigzag)


AVRO_WAYS = {
    "cut": lambda i: avro_order(i)[:-1],
    "longer": lambda i: avro_order(i) + b"\0",
    "no branch": lambda i: zigzag(i) + b"\4",
    "negative size": lambda i: zigzag(i) + b"\2\1",
    "endless number": lambda i: b"\xff" * 11,
    "no UTF-8": lambda i: avro_order(i).replace("é".encode("utf-8"), b"\xe9\xe9"),
    "out of range": lambda i: zigzag(i) + b"\0\2" + sized(b"\x7f" * 8, zigzag),
}
AVRO_SCHEMA = json.dumps({"type": "record", "name": "o", "fields": [
    {"name": "id", "type": "long"}, {"name": "item", "type": ["null", "string"]},
    {"name": "price", "type": ["null", {"type": "bytes", "logicalType": "decimal",
                                        "precision": 10, "scale": 2}]}]})


def confluent_format(url):
    """Its registry has AVRO_SCHEMA as number 1."""
    def framed(avro, number=1):
        return b"\0" + struct.pack(">I", number) + avro

    ways = {name: lambda i, way=way: framed(way(i)) for name, way in AVRO_WAYS.items()}
    ways |= {"short": lambda i: b"\0\0\0", "no magic": lambda i: b"\1" + framed(avro_order(i))[1:],
             "unknown schema": lambda i: framed(avro_order(i), 77)}
    return Format("avro-confluent", lambda i: framed(avro_order(i)), ways,
                  f"'value.avro-confluent.url' = '{url}'",
                  "'value.avro-confluent.basic-auth.user-info' = 'me:secret'")


class ProtobufFormat(Format):
    columns = "maybe INT NOT NULL, n STRING, e TINYINT, h DECIMAL(5, 0)"

    def __init__(self):
        def message(i, e=None):
            return (b"\xc0\x01" + varint(i) + b"\x72" + sized(order(i)["item"].encode("utf-8")) +
                    b"\x28" + zigzag(i % 100 if e is None else e) + b"\x41" + struct.pack("<Q", i))

        super().__init__("protobuf", message, {
            "cut": lambda i: message(i)[:-1],
            "no field": lambda i: message(i) + b"\0\1",
            "no type": lambda i: message(i) + b"\x0e",
            "endless number": lambda i: message(i) + b"\x10" + b"\xff" * 11,
            "open group": lambda i: message(i) + b"\xc3\xbb\x01",
            "no UTF-8": lambda i: message(i).replace("é".encode("utf-8"), b"\xe9\xe9"),
            "out of range": lambda i: message(i, e=200),
            "decimal out of range": lambda i: message(i) + b"\x41" + b"\xff" * 8,
            "absent": lambda i: message(i)[2 + len(varint(i)):],
        }, f"'value.protobuf.descriptor-file' = '{DESCRIPTORS}'",
            "'value.protobuf.message-name' = 'shop.Order'")

    def row(self, i):
        return i, order(i)["item"], i % 100, str(i)


def formats(registry_url):
    return [
        json_format("json", lambda o: o),
        json_format("debezium-json", lambda o: {"before": None, "after": o, "op": "c"}),
        json_format("canal-json", lambda o: {"data": [o], "type": "INSERT"}),
        json_format("maxwell-json", lambda o: {"data": o, "type": "insert"}),
        json_format("ogg-json", lambda o: {"before": None, "after": o, "op_type": "I"}),
        csv_format(),
        RawFormat(),
        Format("avro", avro_order, AVRO_WAYS),
        confluent_format(registry_url),
        ProtobufFormat(),
    ]
