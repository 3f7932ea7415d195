"""What the queries of sql-examples/nexmark answer, by brute force over all events: lists of rows.
Times are milliseconds."""

import collections
import datetime
import functools
import pathlib
import re
import sys
from decimal import Decimal

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "oracle"))

from match import Variable, matches, of

Bid = collections.namedtuple("Bid", "auction bidder price channel url time extra")
Auction = collections.namedtuple(
    "Auction", "id item description initial reserve time expires seller category extra")
Person = collections.namedtuple("Person", "id name email card city state time extra")

SECOND = 1000
MINUTE = 60 * SECOND


class Events:
    def __init__(self):
        self.bids, self.auctions, self.persons = [], [], []


@functools.cache
def text_of(time, form):
    return datetime.datetime.fromtimestamp(time / 1000, datetime.timezone.utc).strftime(form)


def day(time):
    return text_of(time, "%Y-%m-%d")


def windows(time, size, slide):
    """The windows that hold the time: pairs of start and end."""
    first = time - time % slide
    return [(start, start + size) for start in range(first, time - size, -slide)]


def grouped(rows, key):
    groups = collections.defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups


def average(values):
    return sum(values) // len(values)


def winners(events):
    """Auctions with the bid that won them."""
    auctions = {a.id: a for a in events.auctions}
    best = {}
    for bid in events.bids:
        auction = auctions.get(bid.auction)
        if auction is None or not auction.time <= bid.time <= auction.expires:
            continue
        held = best.get(bid.auction)
        if held is None or (-bid.price, bid.time) < (-held.price, held.time):
            best[bid.auction] = bid
    return [(auctions[number], bid) for number, bid in best.items()]


def q0(events):
    return [(b.auction, b.bidder, b.price, b.time, b.extra) for b in events.bids]


def q1(events):
    rate = Decimal("0.908")
    return [(b.auction, b.bidder, rate * b.price, b.time, b.extra) for b in events.bids]


def q2(events):
    return [(b.auction, b.price) for b in events.bids if b.auction % 123 == 0]


def q3(events):
    persons = {p.id: p for p in events.persons if p.state in ("OR", "ID", "CA")}
    return [(persons[a.seller].name, persons[a.seller].city, persons[a.seller].state, a.id)
            for a in events.auctions if a.category == 10 and a.seller in persons]


def q4(events):
    prices = grouped(winners(events), lambda won: won[0].category)
    return [(category, average([bid.price for _, bid in won])) for category, won in prices.items()]


def q5(events):
    counts = collections.Counter(
        (window, b.auction) for b in events.bids for window in windows(b.time, 10 * SECOND, 2 * SECOND))
    most = collections.defaultdict(int)
    for (window, _), count in counts.items():
        most[window] = max(most[window], count)
    return [(auction, count) for (window, auction), count in counts.items() if count >= most[window]]


def q6(events):
    rows = []
    for seller, won in grouped(winners(events), lambda won: won[0].seller).items():
        won.sort(key=lambda pair: (pair[1].time, pair[0].id))
        prices = [bid.price for _, bid in won]
        rows += [(seller, average(prices[max(0, i - 9):i + 1])) for i in range(len(prices))]
    return rows


def q7(events):
    highest = collections.defaultdict(int)
    for b in events.bids:
        window = windows(b.time, 10 * SECOND, 10 * SECOND)[0]
        highest[window] = max(highest[window], b.price)
    by_price = grouped(events.bids, lambda b: b.price)
    return [(b.auction, b.price, b.bidder, b.time, b.extra)
            for (start, end), price in highest.items() for b in by_price[price]
            if start <= b.time <= end]


def q8(events):
    sellers = {(a.seller, windows(a.time, 10 * SECOND, 10 * SECOND)[0]) for a in events.auctions}
    rows = set()
    for p in events.persons:
        window = windows(p.time, 10 * SECOND, 10 * SECOND)[0]
        if (p.id, window) in sellers:
            rows.add((p.id, p.name, window[0]))
    return list(rows)


def q9(events):
    return [tuple(auction[:6]) + (auction.expires, auction.seller, auction.category, auction.extra,
                                  b.auction, b.bidder, b.price, b.time, b.extra)
            for auction, b in winners(events)]


def q10(events):
    return [(b.auction, b.bidder, b.price, b.time, b.extra, day(b.time), text_of(b.time, "%H:%M"))
            for b in events.bids]


def q11(events):
    rows = []
    for bidder, bids in grouped(events.bids, lambda b: b.bidder).items():
        times = sorted(b.time for b in bids)
        first = 0
        for i in range(1, len(times) + 1):
            if i == len(times) or times[i] - times[i - 1] > 10 * SECOND:
                rows.append((bidder, i - first, times[first], times[i - 1] + 10 * SECOND))
                first = i
    return rows


def q13(events):
    return [(b.auction, b.bidder, b.price, b.time, f"value {b.auction % 1000}") for b in events.bids]


def q14(events):
    def kind(hour):
        if 8 <= hour <= 18:
            return "dayTime"
        return "nightTime" if hour <= 6 or hour >= 20 else "otherTime"

    rows = []
    for b in events.bids:
        price = Decimal("0.908") * b.price
        if 1_000_000 < price < 50_000_000:
            rows.append((b.auction, b.bidder, price, kind(b.time // (60 * MINUTE) % 24), b.time,
                         b.extra, b.extra.count("c")))
    return rows


def ranks(bids):
    """All bids and those of three ranks by price."""
    return [bids, [b for b in bids if b.price < 10_000],
            [b for b in bids if 10_000 <= b.price < 1_000_000],
            [b for b in bids if b.price >= 1_000_000]]


def statistics(bids):
    """Bids, bidders and auctions, of all ranks."""
    return (tuple(len(rank) for rank in ranks(bids)) +
            tuple(len({b.bidder for b in rank}) for rank in ranks(bids)) +
            tuple(len({b.auction for b in rank}) for rank in ranks(bids)))


def q15(events):
    return [(date,) + statistics(bids)
            for date, bids in grouped(events.bids, lambda b: day(b.time)).items()]


def q16(events):
    groups = grouped(events.bids, lambda b: (b.channel, day(b.time)))
    return [key + (max(text_of(b.time, "%H:%M") for b in bids),) + statistics(bids)
            for key, bids in groups.items()]


def q17(events):
    rows = []
    for (auction, date), bids in grouped(events.bids, lambda b: (b.auction, day(b.time))).items():
        prices = [b.price for b in bids]
        rows.append((auction, date) + tuple(len(rank) for rank in ranks(bids)) +
                    (min(prices), max(prices), average(prices), sum(prices)))
    return rows


def q18(events):
    last = {}
    for b in events.bids:
        key = b.bidder, b.auction
        if key not in last or b.time > last[key].time:
            last[key] = b
    return list(last.values())


def q19(events):
    """Of equal prices any may stand before the other: see check_q19."""
    rows = []
    for bids in grouped(events.bids, lambda b: b.auction).values():
        bids.sort(key=lambda b: -b.price)
        rows += [tuple(b) + (rank + 1,) for rank, b in enumerate(bids[:10])]
    return rows


def q20(events):
    auctions = {a.id: a for a in events.auctions if a.category == 10}
    return [tuple(b) + tuple(auctions[b.auction])[1:]
            for b in events.bids if b.auction in auctions]


def q21(events):
    rows = []
    for b in events.bids:
        found = re.search("(&|^)channel_id=([^&]*)", b.url)
        known = {"apple": "0", "google": "1", "facebook": "2", "baidu": "3"}.get(b.channel.lower())
        if known or found:
            rows.append((b.auction, b.bidder, b.price, b.channel, known or found[2]))
    return rows


def q22(events):
    rows = []
    for b in events.bids:
        parts = b.url.split("/") + [None] * 3
        rows.append((b.auction, b.bidder, b.price, b.channel, *parts[3:6]))
    return rows


def q23(events):
    auctions = {a.id: a for a in events.auctions}
    persons = {p.id: p for p in events.persons}
    rows = []
    for b in events.bids:
        auction = auctions.get(b.auction)
        seller = persons.get(auction.seller) if auction else None
        if seller:
            rows.append((b.auction, b.bidder, b.price, auction.item, auction.category, seller.name,
                         seller.city))
    return rows


def found(events, key, *arguments, within):
    """(key, match) of all partitions."""
    for partition, bids in grouped(events.bids, key).items():
        bids.sort(key=lambda b: b.time)
        good, bad = matches(bids, *arguments, fits=lambda first, b: b.time - first.time <= within)
        assert not bad
        for match in good:
            yield partition, match


def p1(events):
    pattern = [
        Variable("A"),
        Variable("B", takes=lambda rows: rows[-1][1].price > 10 * rows[-2][1].price),
        Variable("C", takes=lambda rows: rows[-1][1].price > 10 * rows[-2][1].price)]
    return [(auction, match[0][1].price, match[2][1].price, match[2][1].time)
            for auction, match in found(events, lambda b: b.auction, pattern, within=MINUTE)]


def p2(events):
    pattern = [
        Variable("A"),
        Variable("down", 1, None, lambda rows: rows[-1][1].price < rows[-2][1].price),
        Variable("up", takes=lambda rows: rows[-1][1].price > rows[0][1].price)]
    return [(auction, match[0][1].price, match[-2][1].price, len(match) - 2, match[-1][1].price,
             match[-1][1].time)
            for auction, match in found(events, lambda b: b.auction, pattern, "to last", "up",
                                        within=MINUTE)]


def p3(events):
    pattern = [
        Variable("same", 5, None, lambda rows: rows[-1][1].channel == rows[0][1].channel),
        Variable("other", takes=lambda rows: rows[-1][1].channel != rows[0][1].channel)]
    rows = []
    for bidder, match in found(events, lambda b: b.bidder, pattern, "to first", "other",
                               within=20 * SECOND):
        same = of("same", match)
        rows.append((bidder, same[0].channel, len(same), sum(b.price for b in same), same[0].time,
                     same[-1].time))
    return rows


def p4(events):
    pattern = [
        Variable("low", 1, None, reluctant=True,
                 takes=lambda rows: average([b.price for b in of("low", rows)]) < 100_000),
        Variable("high", takes=lambda rows: rows[-1][1].price > 1_000_000)]
    rows = []
    for auction, match in found(events, lambda b: b.auction, pattern, "to next row",
                                within=30 * SECOND):
        low, high = of("low", match), match[-1][1]
        rows.append((auction, len(low), average([b.price for b in low]), high.price, high.bidder))
    return rows
